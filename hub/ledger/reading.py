"""Records as they stand in the tables, each held against its leaf in the tree."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from hub.core.errors import LedgerError, PayloadBlocked, PayloadDestroyed
from hub.ledger.batch import KEY_COLUMNS, KeyRow, extends, last_note, node_at, tree_of
from hub.ledger.checkpoint import VerifierKey, open_checkpoint
from hub.ledger.leaf import moment_of
from hub.ledger.merkle import leaf_hash
from hub.ledger.store import Record

COLUMNS = "SELECT leaf.idx, kind, leaf.id, header FROM leaf"
"""What `record_of` reads a record from."""

MAX_UNSIGNED_MS = 60_000
"""What follows the last checkpoint spans no more by its own dates: one is signed every second,
and when a ledger is opened or closed."""

_UNSIGNED_MS = (
    "SELECT coalesce(max(at) - min(at), 0) FROM"
    " (SELECT json_extract(CAST(header AS TEXT), '$.at') AS at FROM leaf WHERE idx >= ?)"
)
_OPEN = (
    "SELECT 1 FROM leaf JOIN data_key ON data_key.id = json_extract(CAST(header AS TEXT), '$.key')"
    " WHERE leaf.id = ? AND kind = 'outcome' AND state = 'open'"
)


def check_head(db: sqlite3.Connection, keys: Sequence[VerifierKey]) -> None:
    """Raise LedgerError unless the tree still extends the last checkpoint that was stored, and
    no more follows it than what a crash can leave.

    A log never signs a head that contradicts one that it signed before, nor records that
    somebody may have rewritten after taking the checkpoints over them away.
    """
    note = last_note(db)
    if note is None:
        if tree_of(db)[0]:
            raise LedgerError("the checkpoints are gone: verify before going on")
        return
    head = open_checkpoint(note, keys)
    if not extends(db, head):
        raise LedgerError("the tree contradicts its last checkpoint: verify before going on")
    if db.execute(_UNSIGNED_MS, (head.size,)).fetchone()[0] > MAX_UNSIGNED_MS:
        raise LedgerError("checkpoints over the last records are gone: verify before going on")


class _OwnFields(msgspec.Struct, frozen=True):
    kind: str
    id: str
    at: int
    retention: str


def are_open(db: sqlite3.Connection, exchanges: Sequence[str]) -> bool:
    """Whether the data keys of the answers of *exchanges* are all there, and open."""
    return all(db.execute(_OPEN, (id_,)).fetchone() for id_ in exchanges)


def look_in(db: sqlite3.Connection) -> Callable[[int, int], bytes]:
    """The stored tree, as proofs look it up."""
    return lambda level, index: node_at(db, level, index)


def record_of(db: sqlite3.Connection, row: tuple[int, str, str, bytes]) -> Record:
    """The record of a row, if its header is what the tree was given; LedgerError if not."""
    index, kind, id_, leaf = row
    if leaf_hash(leaf) != node_at(db, 0, index):
        raise LedgerError(f"record {index} was altered: its header is not that of its leaf")
    try:
        own = msgspec.json.decode(leaf, type=_OwnFields)
        header = msgspec.json.decode(leaf, type=dict[str, Any])
    except msgspec.MsgspecError:
        raise LedgerError(f"record {index} was altered: its header is none") from None
    if (own.kind, own.id) != (kind, id_):
        raise LedgerError(f"record {index} was altered: it is filed under another id")
    return Record(index=index, kind=kind, id=id_, at=moment_of(own.at), leaf=leaf, header=header)


def record_named(db: sqlite3.Connection, id_: str, kind: str) -> Record | None:
    """The record of that id and kind, held against its leaf; None if there is none."""
    row = db.execute(f"{COLUMNS} WHERE id = ? AND kind = ?", (id_, kind)).fetchone()
    return None if row is None else record_of(db, row)


def readable_key(db: sqlite3.Connection, record: Record, now_ms: int) -> KeyRow:
    """The row of the data key that opens *record* now.

    PayloadDestroyed when it was destroyed, PayloadBlocked when it is blocked and not released.
    """
    key_id = record.header["key"]
    row = db.execute(f"{KEY_COLUMNS} WHERE id = ?", (key_id,)).fetchone()
    if row is None:
        raise PayloadDestroyed(f"record {record.index}: its data key is gone")
    state = db.execute("SELECT state FROM data_key WHERE id = ?", (key_id,)).fetchone()[0]
    in_force = "SELECT 1 FROM released WHERE id = ? AND until > ?"
    if state == "blocked" and not db.execute(in_force, (key_id, now_ms)).fetchone():
        raise PayloadBlocked(f"record {record.index}: its payload is blocked")
    opened: KeyRow = row
    return opened
