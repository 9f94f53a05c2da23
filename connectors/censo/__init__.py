"""Censo electoral: whether and where a citizen votes in the city."""

from connectors.censo.connector import SPEC, open_connector
from connectors.common.consulta import Settings

__all__ = ["SPEC", "Settings", "open_connector"]
