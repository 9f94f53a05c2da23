"""AGE: the State's data intermediation platform (PID), SCSP v3."""

from connectors.age.connector import SPEC, Settings, open_connector
from connectors.age.replay import open_replay

__all__ = ["SPEC", "Settings", "open_connector", "open_replay"]
