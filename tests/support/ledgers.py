"""Ledgers, entries and a disk that fails on demand."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

from hub.core.document import Document, parse_document
from hub.core.exchange import Message, Origin, Outcome, Sent
from hub.core.moment import new_id
from hub.ledger.open import PUBLIC_KEY, open_ledger
from hub.ledger.sqlite import SqliteLedger
from hub.ledger.store import Entry, Kind
from hub.ledger.verify import Report, verify_ledger
from tests.support.builders import CITIZEN, NOW

ORIGIN = "hub.test/ledger"
SUBJECT = parse_document(CITIZEN)

Mode = Literal["works", "fails", "fails but persists", "slow"]


class FaultyDisk:
    """Opens SQLite connections whose commits do what `mode` says, and whose room is bounded."""

    def __init__(self) -> None:
        self.mode: Mode = "works"
        self.max_pages: int | None = None
        self.seconds = 0.15
        self.commits = 0
        self.faults = 0

    def open(self, path: Path) -> sqlite3.Connection:
        """A `hub.ledger.schema.Connect`."""
        disk = self

        class Connection(sqlite3.Connection):
            def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
                if sql.startswith("BEGIN"):
                    super().execute(f"PRAGMA max_page_count={disk.max_pages or 2**30}")
                if sql != "COMMIT":
                    return super().execute(sql, *values)
                return disk.commit(lambda: super(Connection, self).execute(sql))

        return sqlite3.connect(
            path, isolation_level=None, check_same_thread=False, factory=Connection
        )

    def commit(self, real: Callable[[], sqlite3.Cursor]) -> sqlite3.Cursor:
        """Commit, or not, and say so, or not."""
        if self.mode == "fails":
            self.faults += 1
            raise sqlite3.OperationalError("disk I/O error")
        if self.mode == "slow":
            self.faults += 1
            time.sleep(self.seconds)
        done = real()
        self.commits += 1
        if self.mode == "fails but persists":
            self.faults += 1
            raise sqlite3.OperationalError("disk I/O error")
        return done


@asynccontextmanager
async def a_ledger(
    folder: Path, disk: FaultyDisk | None = None, *, publish_every_s: float = 0
) -> AsyncIterator[SqliteLedger]:
    """The ledger of *folder*, open for the length of the block."""
    opener = (disk or FaultyDisk()).open
    ledger = open_ledger(
        folder / "ledger.db",
        folder / "keys",
        origin=ORIGIN,
        clock=lambda: NOW,
        publish_every_s=publish_every_s,
        opener=opener,
    )
    try:
        yield ledger
    finally:
        await ledger.close()


def verified(folder: Path, *outside: str) -> Report:
    """What the independent verifier says of the ledger in *folder*."""
    public_key = (folder / "keys" / PUBLIC_KEY).read_text("utf-8")
    return verify_ledger(folder / "ledger.db", public_key, checkpoints=outside)


def an_entry(kind: Kind = "access", **changes: Any) -> Entry:
    """An entry about the default citizen, with a payload."""
    values: dict[str, Any] = {
        "kind": kind,
        "id": new_id(),
        "at": NOW,
        "header": {"purpose": "self_service"},
        "subject": SUBJECT,
        "retention": "citizen",
        "payload": b"a sealed payload",
    }
    return Entry(**{**values, **changes})


def a_sent(subject: Document | None = SUBJECT, **changes: Any) -> Sent:
    """The first half of an exchange."""
    values: dict[str, Any] = {
        "id": new_id(),
        "origin": Origin(access=new_id(), request=new_id(), subject=subject, retention="citizen"),
        "source": "padron",
        "operation": "inhabitant",
        "ordinal": 0,
        "attempt": 1,
        "at": NOW,
        "method": "POST",
        "url": "http://padron.test/ws",
        "message": Message(headers=(("content-type", "text/xml"),), body=b"<question/>"),
    }
    return Sent(**{**values, **changes})


def its_outcome(sent: Sent, **changes: Any) -> Outcome:
    """The second half of *sent*."""
    values: dict[str, Any] = {
        "id": sent.id,
        "origin": sent.origin,
        "source": sent.source,
        "operation": sent.operation,
        "at": NOW,
        "elapsed_ms": 12.345,
        "status": 200,
        "message": Message(headers=(("content-type", "text/xml"),), body=b"<answer/>"),
    }
    return Outcome(**{**values, **changes})


async def ticks_during(awaitable: Any) -> int:
    """How often the event loop turned, in steps of 5 ms, while *awaitable* was awaited."""
    task, turns = asyncio.ensure_future(awaitable), 0
    while not task.done():
        await asyncio.sleep(0.005)
        turns += 1
    await task
    return turns
