"""New keys for an old ledger: the log key that signs, and the key-encryption key that wraps.

Both are for a ledger that nobody else has open: a running hub holds the old keys, and would go
on using them. Each can be broken off at any step and is finished by the next opening, or by
calling it again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from hub.core.errors import LedgerError
from hub.core.moment import Clock, new_id, utc_now
from hub.ledger.batch import KEY_COLUMNS, KeyRow, unwrapped, wrap
from hub.ledger.bulk_keys import rewrap
from hub.ledger.checkpoint import VerifierKey
from hub.ledger.in_use import InUse
from hub.ledger.keys import begin_kek, begin_log_key, drop_old_kek
from hub.ledger.leaf import code, sound
from hub.ledger.open import add_public_key, finish_log_key, open_ledger
from hub.ledger.rows import deeds
from hub.ledger.schema import connect, open_writing
from hub.ledger.sqlite import SqliteLedger
from hub.ledger.store import JSON, Entry

STEP = 256
"""Data keys that one record names."""

_LEFT = (
    "SELECT (SELECT count(*) FROM data_key WHERE wrapping <> ?)"
    " + (SELECT count(*) FROM bulk_key WHERE wrapping <> ?)"
)


async def rotate_log_key(
    path: Path, keys: Path, *, origin: str, by: str, clock: Clock = utc_now
) -> VerifierKey:
    """Begin a new log key; the old one signs a last checkpoint over the record that names it.

    So whoever trusts the old key comes to the new one by the log itself. The old private
    half is gone afterwards; `log.pub` keeps both public halves. LedgerError while somebody
    else has the ledger open.
    """
    code(by)
    with closing(InUse(keys, alone=True)):
        ledger = open_ledger(path, keys, origin=origin, clock=clock, publish_every_s=0, alone=True)
        try:
            new = VerifierKey(origin, begin_log_key(keys))
            entry = _told(clock, by, {"log_key": str(new)})
            await ledger.enact(lambda _: [entry])
            await ledger.checkpoint()
        finally:
            await ledger.close()
        add_public_key(keys, new)
        with closing(open_writing(path, connect)) as db:
            db.execute("UPDATE meta SET value = ? WHERE name = 'log_key'", (str(new),))
        finish_log_key(path, keys, origin)
    await open_ledger(path, keys, origin=origin, clock=clock, publish_every_s=0).close()
    return new


async def rotate_kek(
    path: Path, keys: Path, *, origin: str, by: str, clock: Clock = utc_now
) -> int:
    """Wrap every data key anew under a new key-encryption key, and delete the old one.

    How many were wrapped now, the keys of open bulk requests among them. After it, no earlier
    copy of the tables of keys opens with what is left on the machine. LedgerError while
    somebody else has the ledger open, and where a key would be left behind; the old
    key-encryption key is there still.
    """
    code(by)
    with closing(InUse(keys, alone=True)):
        begin_kek(keys)
        ledger = open_ledger(path, keys, origin=origin, clock=clock, publish_every_s=0, alone=True)
        try:
            count = await ledger.work(lambda db: rewrap(db, ledger.keys))
            while done := await _rewrapped(ledger, by):
                count += done
            old = (ledger.keys.wrapping,) * 2
            left = await ledger.query(lambda db: db.execute(_LEFT, old).fetchone()[0])
            if left:
                raise LedgerError("keys are still wrapped with the old key-encryption key")
            await ledger.tidy()
        finally:
            await ledger.close()
        drop_old_kek(keys)
    return count


async def _rewrapped(ledger: SqliteLedger, by: str) -> int:
    """Wrap up to STEP data keys that another key-encryption key wraps; how many."""
    keys = ledger.keys
    done: list[KeyRow] = []
    left = f"{KEY_COLUMNS} WHERE wrapping <> ? ORDER BY id LIMIT {STEP}"
    if not await ledger.query(lambda db: db.execute(left, (keys.wrapping,)).fetchone()):
        return 0

    def act(db: sqlite3.Connection) -> Sequence[Entry]:
        done[:] = db.execute(left, (keys.wrapping,)).fetchall()
        for row in done:
            wrapped = wrap(keys, unwrapped(keys, row), row[1], row[2])
            change = "UPDATE data_key SET wrapping = ?, wrapped = ? WHERE id = ?"
            db.execute(change, (keys.wrapping, wrapped, row[0]))
        tables = deeds(db, {"data_key": [row[0] for row in done]})
        return [_told(ledger.clock, by, {"tables": tables})]

    await ledger.enact(act)
    return len(done)


def _told(clock: Clock, by: str, more: dict[str, JSON]) -> Entry:
    return sound(Entry(kind="rotation", id=new_id(), at=clock(), header={"by": by, **more}))
