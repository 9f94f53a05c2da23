"""AGE: the State's data intermediation platform (PID), SCSP v3."""

from connectors.age.batch import open_bulk
from connectors.age.batch_commands import COMMANDS
from connectors.age.connector import SPEC, open_connector
from connectors.age.replay import open_replay
from connectors.age.settings import Settings

__all__ = ["COMMANDS", "SPEC", "Settings", "open_bulk", "open_connector", "open_replay"]
