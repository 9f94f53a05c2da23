"""Plays the State's intermediation platform over SOAP, for the sandbox and for tests.

It refuses what the platform refuses and, told to, answers what nobody may believe. It shares
no code with the connector, so that a mistake in one shows in the other.
"""

from typing import Any

from connectors.age.simulator.platform import FAULTS, Platform
from hub.sandbox.stage import Stage

__all__ = ["FAULTS", "simulate"]


def simulate(stage: Stage) -> Any:
    """The ASGI application of the platform; makes the sandbox's certificates where needed."""
    return Platform(stage)
