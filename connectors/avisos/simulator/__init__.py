"""Plays Avisos Madrid, or a plain GeoReport v2 server, for synthetic citizens."""

from __future__ import annotations

from typing import Any

from connectors.avisos.simulator.app import Avisos
from connectors.avisos.simulator.deviations import FAULTS
from hub.sandbox.stage import Stage

__all__ = ["FAULTS", "simulate"]


def simulate(stage: Stage) -> Any:
    """The ASGI application that plays the profile that the settings name."""
    return Avisos(stage)
