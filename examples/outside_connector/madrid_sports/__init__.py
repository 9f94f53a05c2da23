"""The municipal sports centres: a connector package outside the hub's repository."""

from pathlib import Path

from madrid_sports.blocks import BLOCKS
from madrid_sports.connector import SPEC, Settings, open_connector
from madrid_sports.converters import CONVERTERS

MAPPINGS = Path(__file__).parent / "mappings" / "sports"

__all__ = ["BLOCKS", "CONVERTERS", "MAPPINGS", "SPEC", "Settings", "open_connector"]
