"""SAP-TRM: bills, fines and direct debits over SAP Gateway OData v2."""

from __future__ import annotations

from connectors.sap_trm.connector import SPEC, open_connector
from connectors.sap_trm.settings import Settings

__all__ = ["SPEC", "Settings", "open_connector"]
