"""What the sandbox plays: the sources it is told of, and their simulator modules."""

from __future__ import annotations

import importlib
import importlib.util
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct, field

from hub.core.errors import SettingsError
from hub.sandbox.listener import is_loopback


class SimulatedSource(Struct, frozen=True, kw_only=True):
    """A source to play: its connector package, where it listens, and its settings.

    `module` is the connector's package; its submodule `simulator` plays the system. `host`
    is a loopback address. Port 0 lets the machine choose.
    """

    name: str
    module: str
    host: str = "127.0.0.1"
    port: int = 0
    settings: Mapping[str, Any] = field(default_factory=dict)
    """As for hub.sandbox.stage.Stage: secrets are already Secret."""


def load_simulators(sources: Sequence[SimulatedSource]) -> dict[str, Any]:
    """Per source its simulator module. SettingsError lists all that is wrong at once."""
    faults = _address_faults(sources)
    modules: dict[str, Any] = {}
    for source in sources:
        path = f"{source.module}.simulator"
        if not _exists(path):
            faults.append(f"{source.name}: there is no module {path}")
            continue
        module = importlib.import_module(path)
        modules[source.name] = module
        if not callable(getattr(module, "simulate", None)):
            faults.append(f"{source.name}: {path} has no function simulate(stage)")
        if not isinstance(getattr(module, "FAULTS", None), frozenset):
            faults.append(f"{source.name}: {path} has no frozenset FAULTS")
    if faults:
        raise SettingsError(faults)
    return modules


def _address_faults(sources: Sequence[SimulatedSource]) -> list[str]:
    names = Counter(source.name for source in sources)
    ports = Counter((source.host, source.port) for source in sources if source.port)
    return [
        *(f"{name}: named twice" for name, count in names.items() if count > 1),
        *(f"port {port}: given twice" for (_, port), count in ports.items() if count > 1),
        *(
            f"{source.name}: a simulator listens on a loopback address only"
            for source in sources
            if not is_loopback(source.host)
        ),
    ]


def _exists(path: str) -> bool:
    """Whether the module is there; what fails inside it is left to raise for itself."""
    try:
        return importlib.util.find_spec(path) is not None
    except ModuleNotFoundError:
        return False
