"""The platform of processes: the cases in which a citizen is a party."""

from connectors.expedientes.connector import SPEC, open_connector
from hub.wire.consulta import Settings

__all__ = ["SPEC", "Settings", "open_connector"]
