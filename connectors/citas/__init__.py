"""Cita previa: a citizen's appointments at the city's offices."""

from connectors.citas.connector import SPEC, open_connector
from connectors.common.consulta import Settings

__all__ = ["SPEC", "Settings", "open_connector"]
