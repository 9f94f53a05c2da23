"""What a simulator is given, and what it offers.

A simulator module offers `FAULTS` (the names of its own fault modes, beside the common
ones of hub.sandbox.faults; an own mode of the same name wins) and `simulate(stage)`, which
returns an ASGI application. The response header `x-sandbox-operation` names the operation
for the counters of the control port (letters, digits, `_-./:$(){}`; never an identifier).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from msgspec import Struct, field

from hub.core.moment import Clock, utc_now
from hub.core.secret import Secret
from hub.sandbox.population import Population


class Fault(Struct, frozen=True, kw_only=True):
    """A fault in force, with its parameters: `Fault(mode="latency", values={"ms": 200})`."""

    mode: str
    values: Mapping[str, Any] = field(default_factory=dict)


class FaultBoard:
    """The faults in force, set through the control port; at most one per source."""

    def __init__(self) -> None:
        self._faults: dict[str, Fault] = {}

    def get(self, source: str) -> Fault | None:
        """The fault of *source*, if any."""
        return self._faults.get(source)

    def is_on(self, source: str, mode: str) -> bool:
        """Whether *mode* is in force for *source*."""
        fault = self._faults.get(source)
        return fault is not None and fault.mode == mode

    def put(self, source: str, fault: Fault) -> None:
        """Put *fault* in force."""
        self._faults[source] = fault

    def clear(self, source: str | None = None) -> None:
        """Lift the fault of *source*, or all."""
        if source is None:
            self._faults.clear()
        else:
            self._faults.pop(source, None)


class Stage(Struct, frozen=True, kw_only=True):
    """Everything a simulator may know. `settings` is its source's part of `hub.toml`."""

    source: str
    population: Population
    faults: FaultBoard
    settings: Mapping[str, Any]
    """The raw `[sources.<name>.settings]` table, secrets already resolved to Secret."""
    keys: Path
    """Folder with the sandbox's keys and certificates (`var/keys`)."""
    clock: Clock = utc_now

    def secret(self, name: str) -> str:
        """The credential called *name* in this source's settings."""
        value = self.settings[name]
        if not isinstance(value, Secret):
            raise TypeError(f"{self.source}: setting {name!r} is not a secret")
        return value.reveal()


class Simulator(Protocol):
    """The shape of a `connectors/<name>/simulator.py` module."""

    FAULTS: frozenset[str]

    def simulate(self, stage: Stage) -> Any:
        """The ASGI application that plays the system."""
        ...
