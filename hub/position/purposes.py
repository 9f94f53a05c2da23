"""Read the table of purposes; refuse one that contradicts itself or the canonical model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from hub.core.consistency import table_faults
from hub.core.errors import SettingsError
from hub.core.fields import field_paths
from hub.core.model import BlockType
from hub.core.placing import placed
from hub.core.policy import BlockRule, Purpose, PurposeTable
from hub.tables import read_table


def load_purposes(file: Path, blocks: Mapping[str, BlockType]) -> PurposeTable:
    """The table in *file*; SettingsError lists everything wrong with it."""
    table = read_table(file, PurposeTable)
    known = {name: field_paths(block.type) for name, block in blocks.items()}
    special = frozenset(name for name, block in blocks.items() if block.special)
    if faults := table_faults(table, known, special):
        raise SettingsError(placed(faults, file.name, file.read_text("utf-8")))
    return table


def purposes_text(table: PurposeTable) -> str:
    """The table for people: one paragraph per purpose, one line per block."""
    return "\n".join(line for row in table.purposes for line in (*_lines(table, row), ""))


def _lines(table: PurposeTable, row: Purpose) -> Iterator[str]:
    kept = table.retention[row.retention]
    yield f"{row.code}: {row.title.es} / {row.title.en}"
    yield f"  {row.explanation.es}"
    yield f"  for {', '.join(row.audience)}; an access lives {row.minutes} minutes"
    yield f"  legal basis: {row.legal_basis}"
    yield f"  procedure: {_procedure(row)}; must state: {', '.join(row.states) or '-'}"
    if row.supplies is not None:
        given = msgspec.structs.asdict(row.supplies).items()
        yield f"  states itself: {', '.join(f'{name} {value}' for name, value in given if value)}"
    yield (
        f"  retention {row.retention}: {kept.use_days} days of use, then {kept.blocked_days}"
        " blocked, then destroyed"
    )
    yield f"  cache {row.cache}; under 14: {row.minors}; nothing held: {row.unknown}"
    if row.sees_protected:
        yield "  may ask about people of the protection register"
    yield f"  opposition {row.opposition}: {row.opposition_text.es if row.opposition_text else '-'}"
    yield f"  by default: {', '.join(row.default_blocks) or '-'}"
    yield from (f"  {name}: {_rule(rule)}" for name, rule in row.blocks.items())


def _procedure(row: Purpose) -> str:
    parts = (row.procedure, row.procedure_name, row.authorisation_reference)
    return ", ".join(part for part in parts if part) or "none"


def _rule(rule: BlockRule) -> str:
    extra = [f"scope {rule.scope}"] if rule.scope else []
    extra += ["after a reason"] if rule.reveal else []
    return f"{', '.join(rule.fields)} ({', '.join([rule.basis, rule.assurance, *extra])})"
