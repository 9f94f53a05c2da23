"""The raw bytes of a bulk request have a key of their own, which is destroyed in time.

They are about many people, so that no single person's key can seal them, and as long as they
can be read nobody in them can be erased. The body of each such message is sealed under the
request's key before the ledger seals the record; once every person's part is sealed under
that person's key, the request's key is overwritten and its record of destruction remains.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from typing import TypeVar

import msgspec

from hub.core.errors import LedgerError
from hub.core.exchange import Message, Outcome, Recorder, Sent
from hub.ledger.batch import transaction
from hub.ledger.jobs import Jobs
from hub.ledger.keys import Keys
from hub.ledger.seal import DataKey, Sealer, open_sealed

_T = TypeVar("_T")

_TABLE = """CREATE TABLE IF NOT EXISTS bulk_key (bulk TEXT PRIMARY KEY, wrapping TEXT NOT NULL,
  wrapped BLOB NOT NULL) STRICT, WITHOUT ROWID"""
_KEY_BYTES = 32


class BulkKeys:
    """Makes, opens and destroys the keys of bulk requests."""

    def __init__(self, jobs: Jobs, keys: Keys) -> None:
        self._jobs, self._keys = jobs, keys

    async def ensure(self, bulk: str) -> None:
        """There is a key for *bulk* from now on."""
        wrapped = self._keys.wrap(os.urandom(_KEY_BYTES), _context(bulk))
        row = (bulk, self._keys.wrapping, wrapped)
        await self._work(
            lambda db: db.execute("INSERT OR IGNORE INTO bulk_key VALUES (?,?,?)", row)
        )

    async def key(self, bulk: str) -> DataKey:
        """The key of *bulk*; LedgerError if it is destroyed or was never made."""
        select = "SELECT wrapping, wrapped FROM bulk_key WHERE bulk = ?"
        row = await self._work(lambda db: db.execute(select, (bulk,)).fetchone())
        if row is None:
            raise LedgerError("the key of the bulk request is gone: its bytes cannot be read")
        return DataKey(bulk, self._keys.unwrap(row[0], row[1], _context(bulk)))

    async def destroy(self, bulk: str) -> None:
        """Overwrite the key of *bulk*, in the log of changes too; harmless when it is gone.

        LedgerError, with the key gone from the table, while a reader keeps the log from being
        overwritten: to be called again.
        """
        await self._work(lambda db: _delete(db, bulk))
        if not await self._jobs.tidy():
            raise LedgerError("the key is deleted, and its trace in the log is not overwritten yet")

    async def _work(self, call: Callable[[sqlite3.Connection], _T]) -> _T:
        def made(db: sqlite3.Connection) -> _T:
            db.execute(_TABLE)
            return call(db)

        return await self._jobs.work(made)


class BulkRecorder:
    """A Recorder that seals the bodies of bulk requests before they reach the ledger."""

    def __init__(self, inner: Recorder, keys: BulkKeys) -> None:
        self._inner, self._keys, self._sealer = inner, keys, Sealer()

    async def record(self, entry: Sent | Outcome) -> None:
        """As every Recorder; an exchange that is no bulk request passes as it is."""
        bulk, message = entry.origin.bulk, entry.message
        if bulk is not None and message is not None:
            key = await self._keys.key(bulk)
            kind = "sent" if isinstance(entry, Sent) else "outcome"
            context = _body_context(bulk, kind, entry.id)
            sealed = self._sealer.seal(key, context, message.body, None)
            entry = msgspec.structs.replace(
                entry, message=Message(headers=message.headers, body=sealed.data)
            )
        await self._inner.record(entry)


def rewrap(db: sqlite3.Connection, keys: Keys) -> int:
    """Wrap the keys of open bulk requests anew that another key-encryption key wraps; how many."""
    with transaction(db):
        db.execute(_TABLE)
        rows = db.execute("SELECT * FROM bulk_key WHERE wrapping <> ?", (keys.wrapping,)).fetchall()
        for bulk, wrapping, wrapped in rows:
            key = keys.unwrap(wrapping, wrapped, _context(bulk))
            change = "UPDATE bulk_key SET wrapping = ?, wrapped = ? WHERE bulk = ?"
            db.execute(change, (keys.wrapping, keys.wrap(key, _context(bulk)), bulk))
    return len(rows)


def opened_body(key: DataKey, kind: str, exchange: str, body: bytes) -> bytes:
    """The body of a recorded half (`sent`, `outcome`) of a bulk request's exchange."""
    return open_sealed(key, _body_context(key.id, kind, exchange), body).payload or b""


def _body_context(bulk: str, kind: str, exchange: str) -> bytes:
    return f"posicion-integral bulk body\n{bulk}\n{kind}\n{exchange}".encode()


def _context(bulk: str) -> bytes:
    return f"posicion-integral bulk key\n{bulk}".encode()


def _delete(db: sqlite3.Connection, bulk: str) -> None:
    with transaction(db):
        db.execute("DELETE FROM bulk_key WHERE bulk = ?", (bulk,))
