"""The simulated systems while they run: their ports, their faults, their calls."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from hub.core.errors import SettingsError
from hub.core.moment import Clock, utc_now
from hub.sandbox.calls import CallCounter, Counting
from hub.sandbox.faults import checked_fault, every_mode, is_raw, parameters
from hub.sandbox.listener import Listener
from hub.sandbox.population import Population
from hub.sandbox.rawserver import FaultServer, answers_of
from hub.sandbox.sources import SimulatedSource, load_simulators
from hub.sandbox.spoiling import Spoiler
from hub.sandbox.stage import Fault, FaultBoard, Stage


class Sandbox:
    """Plays *sources*, each on its own port. SettingsError if they cannot be played.

    Methods that take a source raise KeyError for an unknown one, `put_fault` SettingsError.
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
        self._raw: dict[str, FaultServer] = {}
        """In the place of a source's own listener, while a raw fault is in force."""
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
        raw = self._raw.get(source)
        return self._listeners[source].is_open or (raw is not None and raw.is_open)

    def own_faults(self, source: str) -> frozenset[str]:
        """The fault modes that the simulator of *source* declares."""
        faults: frozenset[str] = self._modules[source].FAULTS
        return faults

    async def put_fault(self, source: str, mode: str, values: Mapping[str, Any]) -> Fault:
        """Put a fault in force. SettingsError, with what is possible, if there is no such fault.

        For a raw one another server takes the source's port, so that calls in hand are cut.
        """
        if source not in self._listeners:
            raise SettingsError([f"no source {source}; there are {', '.join(self.sources)}"])
        fault = checked_fault(mode, values, self.own_faults(source))
        async with self._changing:
            await self._changed(source, fault)
        return fault

    async def lift(self, source: str | None = None) -> None:
        """Lift the fault of *source*, or all."""
        async with self._changing:
            for name in self.sources if source is None else (source,):
                await self._changed(name, None)

    async def start(self, source: str) -> None:
        """Accept connections again; nothing if it does."""
        async with self._changing:
            await self._open(source)

    async def stop(self, source: str) -> None:
        """Close the socket: connections are refused, calls in hand are cut."""
        async with self._changing:
            await self._close(source)

    async def swallow(self, source: str) -> None:
        """Keep the port and accept nobody: who connects waits for ever. `start` ends it."""
        async with self._changing:
            await self._close(source)
            self._raw[source] = self._raw_server(source)
            await self._raw[source].swallow()

    async def reset(self) -> None:
        """As at the beginning: no faults, no counts, every simulator new and listening."""
        async with self._changing:
            await self._close_all()
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
                await self._end()
                raise

    async def close(self) -> None:
        """Stop everything, and let go of the ports."""
        async with self._changing:
            await self._end()

    def overview(self) -> dict[str, Any]:
        """What is played and how it is disturbed: plain data, without identifiers."""
        return {
            "seed": self.population.seed,
            "sources": {name: self._state(name) for name in self.sources},
            "commonFaults": {mode: list(parameters(mode)) for mode in every_mode()},
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
        for source in self.sources:
            await self._open(source)

    async def _close_all(self) -> None:
        await asyncio.gather(*(self._close(source) for source in self.sources))

    async def _end(self) -> None:
        try:
            await self._close_all()
        finally:
            for listener in self._listeners.values():
                listener.release()

    async def _changed(self, source: str, fault: Fault | None) -> None:
        """Put *fault*, or none, in the place of what is in force, on whichever server it needs."""
        own, before = self.own_faults(source), self.board.get(source)
        moves = any(one is not None and is_raw(one.mode, own) for one in (before, fault))
        listens = self.is_listening(source)
        if moves:
            await self._close(source)
        if fault is None:
            self.board.clear(source)
        else:
            self.board.put(source, fault)
        if moves and listens:
            await self._open(source)

    async def _open(self, source: str) -> None:
        if self.is_listening(source):
            return
        await self._close(source)
        fault = self.board.get(source)
        if fault is None or not is_raw(fault.mode, self.own_faults(source)):
            await self._listeners[source].open()
            return
        self._raw[source] = self._raw_server(source)
        self._raw[source].order(fault.mode, **fault.values)
        await self._raw[source].start()

    async def _close(self, source: str) -> None:
        await self._listeners[source].close()
        if (raw := self._raw.pop(source, None)) is not None:
            await raw.stop()

    def _raw_server(self, source: str) -> FaultServer:
        listener = self._listeners[source]
        return FaultServer(answers_of(listener.app), listener.host, listener.port)

    def _app(self, source: str) -> Counting:
        """The simulator of *source*, new, behind its faults and its counter."""
        app = self._modules[source].simulate(self._stages[source])
        spoiled = Spoiler(app, source, self.own_faults(source), self.board)
        return Counting(spoiled, source, self.calls)
