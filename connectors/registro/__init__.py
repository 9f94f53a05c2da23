"""The general registry: what a citizen handed in, and what was sent to them."""

from connectors.registro.connector import SPEC, Settings, open_connector

__all__ = ["SPEC", "Settings", "open_connector"]
