"""A plain table as a source: the members of the municipal centres for older people."""

from connectors.tabla.connector import SPEC, Settings, open_connector

__all__ = ["SPEC", "Settings", "open_connector"]
