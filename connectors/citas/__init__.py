"""Cita previa: a citizen's appointments at the city's offices."""

from connectors.citas.connector import SPEC, Settings, open_connector

__all__ = ["SPEC", "Settings", "open_connector"]
