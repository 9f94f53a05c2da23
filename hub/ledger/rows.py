"""Rows that commands change: each change is on a leaf, as the digest that the row has after it.

So the tables of data keys, holds and releases cannot be altered unnoticed, though the tree
does not cover them: for every id the last leaf that names it says what its row must be.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Mapping
from typing import Literal

from hub.ledger.store import JSON

Governed = Literal["data_key", "hold", "released"]
"""Tables whose first column is an id and whose rows only commands change."""

_ROWS: Mapping[Governed, str] = {
    "data_key": "SELECT id, subject, retention, period, wrapping, wrapped, state FROM data_key"
    " WHERE id = ?",
    "hold": "SELECT id, subject FROM hold WHERE id = ?",
    "released": "SELECT id, until FROM released WHERE id = ?",
}


def row_digest(values: Iterable[str | int | bytes]) -> str:
    """SHA-256, in hexadecimal, of a row's values joined by newlines, bytes in hexadecimal."""
    parts = (value.hex() if isinstance(value, bytes) else str(value) for value in values)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def deeds(db: sqlite3.Connection, changed: Mapping[Governed, Iterable[str]]) -> dict[str, JSON]:
    """What a leaf says of rows that were *changed*: digest per id, None where it is gone."""
    said: dict[str, JSON] = {
        table: {id_: _digest(db, table, id_) for id_ in ids} for table, ids in changed.items()
    }
    return {table: rows for table, rows in said.items() if rows}


def _digest(db: sqlite3.Connection, table: Governed, id_: str) -> str | None:
    row = db.execute(_ROWS[table], (id_,)).fetchone()
    return None if row is None else row_digest(row)
