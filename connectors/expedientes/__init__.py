"""The platform of processes: the cases in which a citizen is a party."""

from connectors.common.consulta import Settings
from connectors.expedientes.connector import SPEC, open_connector

__all__ = ["SPEC", "Settings", "open_connector"]
