"""The simulated systems while they run: their ports, their faults, their calls."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from hub.core.moment import Clock, utc_now
from hub.sandbox.calls import CallCounter, Counting
from hub.sandbox.faults import COMMON_FAULTS, checked_fault, parameters
from hub.sandbox.listener import Listener
from hub.sandbox.population import Population
from hub.sandbox.sources import SimulatedSource, load_simulators
from hub.sandbox.spoiling import Spoiler
from hub.sandbox.stage import Fault, FaultBoard, Stage


class Sandbox:
    """Plays *sources*, each on its own port. SettingsError if they cannot be played.

    Methods that take a source raise KeyError for an unknown one.
    """

    def __init__(
        self,
        sources: Sequence[SimulatedSource],
        *,
        keys: Path,
        population: Population | None = None,
        clock: Clock = utc_now,
    ) -> None:
        self.population = population or Population()
        self.board, self.calls = FaultBoard(), CallCounter()
        self._modules = load_simulators(sources)
        self._stages = {
            source.name: Stage(
                source=source.name,
                population=self.population,
                faults=self.board,
                settings=source.settings,
                keys=keys,
                clock=clock,
            )
            for source in sources
        }
        self._listeners = {
            source.name: Listener(source.name, self._app(source.name), source.host, source.port)
            for source in sources
        }
        self._changing = asyncio.Lock()

    @property
    def sources(self) -> tuple[str, ...]:
        """The names of what is played."""
        return tuple(self._listeners)

    def url(self, source: str) -> str:
        """`http://host:port` of *source*; stays the same when it is stopped and started."""
        return self._listeners[source].url

    def is_listening(self, source: str) -> bool:
        """Whether *source* accepts connections."""
        return self._listeners[source].is_open

    def own_faults(self, source: str) -> frozenset[str]:
        """The fault modes that the simulator of *source* declares."""
        faults: frozenset[str] = self._modules[source].FAULTS
        return faults

    def put_fault(self, source: str, mode: str, values: Mapping[str, Any]) -> Fault:
        """Put a fault in force. SettingsError, with what is possible, if there is no such fault."""
        fault = checked_fault(mode, values, self.own_faults(source))
        self.board.put(source, fault)
        return fault

    async def start(self, source: str) -> None:
        """Accept connections again; nothing if it does."""
        async with self._changing:
            await self._listeners[source].open()

    async def stop(self, source: str) -> None:
        """Close the socket: connections are refused, calls in hand are cut."""
        async with self._changing:
            await self._listeners[source].close()

    async def reset(self) -> None:
        """As at the beginning: no faults, no counts, every simulator new and listening."""
        async with self._changing:
            await asyncio.gather(*(item.close() for item in self._listeners.values()))
            self.board.clear()
            self.calls.clear()
            for name, listener in self._listeners.items():
                listener.app = self._app(name)
            await self._open_all()

    async def open(self) -> None:
        """Return when every source accepts connections; open none if one cannot be."""
        async with self._changing:
            try:
                await self._open_all()
            except BaseException:
                await asyncio.gather(*(item.close() for item in self._listeners.values()))
                raise

    async def close(self) -> None:
        """Stop everything."""
        async with self._changing:
            await asyncio.gather(*(item.close() for item in self._listeners.values()))

    def overview(self) -> dict[str, Any]:
        """What is played and how it is disturbed: plain data, without identifiers."""
        return {
            "seed": self.population.seed,
            "sources": {name: self._state(name) for name in self.sources},
            "commonFaults": {mode: list(parameters(mode)) for mode in sorted(COMMON_FAULTS)},
        }

    def _state(self, source: str) -> dict[str, Any]:
        fault = self.board.get(source)
        return {
            "url": self.url(source),
            "listening": self.is_listening(source),
            "fault": None if fault is None else msgspec.to_builtins(fault),
            "ownFaults": sorted(self.own_faults(source)),
            "calls": self.calls.of(source)["total"],
        }

    async def _open_all(self) -> None:
        for listener in self._listeners.values():
            await listener.open()

    def _app(self, source: str) -> Counting:
        """The simulator of *source*, new, behind its faults and its counter."""
        app = self._modules[source].simulate(self._stages[source])
        spoiled = Spoiler(app, source, self.own_faults(source), self.board)
        return Counting(spoiled, source, self.calls)
