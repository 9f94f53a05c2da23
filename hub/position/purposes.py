"""Read the table of purposes; refuse one that contradicts itself or the canonical model."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from hub.core.errors import SettingsError
from hub.core.fields import field_paths
from hub.core.model import BlockType
from hub.core.policy import PurposeTable, table_faults


def load_purposes(file: Path, blocks: Mapping[str, BlockType]) -> PurposeTable:
    """The table in *file*; SettingsError lists everything wrong with it."""
    try:
        table = msgspec.convert(tomllib.loads(file.read_text("utf-8")), PurposeTable)
    except (OSError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise SettingsError([f"{file.name}: {error}"]) from None
    known = {name: field_paths(block.type) for name, block in blocks.items()}
    if faults := table_faults(table, known):
        raise SettingsError([f"{file.name}: {fault}" for fault in faults])
    return table
