"""The platform of processes: the cases in which a citizen is a party."""

from connectors.expedientes.connector import SPEC, Settings, open_connector

__all__ = ["SPEC", "Settings", "open_connector"]
