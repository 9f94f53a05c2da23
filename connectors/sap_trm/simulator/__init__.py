"""Plays SAP Gateway with the service of `contracts/sap_trm/metadata.xml`."""

from __future__ import annotations

from connectors.sap_trm.simulator.gateway import simulate
from connectors.sap_trm.simulator.misbehaviour import FAULTS

__all__ = ["FAULTS", "simulate"]
