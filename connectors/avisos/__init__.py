"""Avisos: what citizens report about the street (Madrid's own profile, or GeoReport v2)."""

from connectors.avisos.connector import SPEC, open_connector
from connectors.avisos.settings import Settings

__all__ = ["SPEC", "Settings", "open_connector"]
