"""Plays CIVIS for the sandbox: token endpoint, two queries, and the faults of its own.

Everything said about a person follows from the population's dice and the clock's day;
nothing is kept but the tokens that were issued.
"""

from __future__ import annotations

from connectors.civis.simulator.app import FAULTS, Simulation
from hub.sandbox.stage import Stage

__all__ = ["FAULTS", "simulate"]


def simulate(stage: Stage) -> Simulation:
    """The ASGI application that plays CIVIS on *stage*.

    Settings: `client_id` and the secret `client_secret`.
    """
    return Simulation(stage)
