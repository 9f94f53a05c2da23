"""Padrón municipal: who lives at which address of the city, and with whom."""

from connectors.padron.connector import SPEC, Settings, open_connector

__all__ = ["SPEC", "Settings", "open_connector"]
