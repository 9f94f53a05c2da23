"""CIVIS, the municipal social-services system, read with OAuth 2.0 client credentials."""

from connectors.civis.connector import SPEC, Settings, open_connector

__all__ = ["SPEC", "Settings", "open_connector"]
