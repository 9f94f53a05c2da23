"""Notific@: the list of a citizen's notifications and communications, never their content."""

from connectors.notifica.connector import SPEC, Settings, open_connector

__all__ = ["SPEC", "Settings", "open_connector"]
