"""Censo electoral: whether and where a citizen votes in the city."""

from connectors.censo.connector import SPEC, Settings, open_connector

__all__ = ["SPEC", "Settings", "open_connector"]
