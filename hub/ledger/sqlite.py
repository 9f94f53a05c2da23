"""The ledger in one SQLite file: one serving process, with command-line readers beside it."""

from __future__ import annotations

import asyncio
import datetime as dt
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

import msgspec

from hub.core.document import Document
from hub.core.errors import LedgerError
from hub.core.moment import Clock
from hub.ledger.batch import Act, Batch, probe, tree_of, unwrapped
from hub.ledger.checkpoint import Checkpoint, VerifierKey
from hub.ledger.find import first_since, found
from hub.ledger.heads import held, of_size, past, proved
from hub.ledger.index import Index, index_path
from hub.ledger.indexer import Indexer
from hub.ledger.keys import Keys
from hub.ledger.leaf import checked, milliseconds_of
from hub.ledger.merkle import consistency_proof
from hub.ledger.reading import (
    COLUMNS,
    are_open,
    look_in,
    readable_key,
    record_named,
    record_of,
)
from hub.ledger.recorder import closing_of
from hub.ledger.schema import Connect, open_reading, open_writing
from hub.ledger.seal import Envelope, context_of, open_sealed, pseudonym_of
from hub.ledger.store import Entry, Inclusion, Kind, Page, Pseudonym, Receipt, Record, Search
from hub.ledger.writer import Writer

T = TypeVar("T")

PAGE = 1000
"""The most records that one listing gives."""

_PROBE_S = 2.0


class SqliteLedger:
    """A Ledger (see `hub.ledger.store`); made by `hub.ledger.open.open_ledger`."""

    def __init__(
        self,
        path: Path,
        *,
        keys: Keys,
        log: VerifierKey,
        clock: Clock,
        publish_every_s: float,
        connect: Connect,
        index_every_s: float = 0.0,
        trusted: Sequence[VerifierKey] = (),
        held: ExitStack | None = None,
    ) -> None:
        self._path, self._keys, self._log, self._clock = path, keys, log, clock
        self._batch, self._trusted = Batch(keys, log), trusted or (log,)
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="ledger-reader")
        self._reading: sqlite3.Connection | None = None
        self._index: Index | None = None
        self._is_closed = False
        self._held = held or ExitStack()  # what is let go when the last record is written
        self._indexer = Indexer(self._index_some, index_every_s)
        self.writer = Writer(
            lambda: open_writing(path, connect), self._batch.append, self._publish, publish_every_s
        )

    @property
    def keys(self) -> Keys:
        """Whoever holds the keys."""
        return self._keys

    @property
    def clock(self) -> Clock:
        """The clock that dates records."""
        return self._clock

    @property
    def verifier_key(self) -> VerifierKey:
        """The public key that verifies this ledger's checkpoints."""
        return self._log

    async def work(self, call: Callable[[sqlite3.Connection], T]) -> T:
        """The result of *call* in the writing thread: for tables that stand beside the records."""
        return await self.writer.run(call)

    def pseudonym(self, subject: Document) -> Pseudonym:
        return pseudonym_of(self._keys, subject)

    async def append(self, entries: Sequence[Entry]) -> Receipt:
        if not entries:
            raise LedgerError("nothing to append")
        return await self.writer.append([checked(entry) for entry in entries])

    async def enact(self, act: Act) -> Receipt:
        """Let *act* change the tables and record what it did, in one transaction."""
        return await self.writer.run(lambda db: self._batch.enact(db, act))

    async def size(self) -> int:
        return (await self._read(tree_of))[0]

    async def read(self, id: str, kind: Kind) -> Record | None:  # noqa: A002 - its name in the header
        return await self._read(lambda db: self._opened(db, id, kind))

    async def find(self, id: str, kind: Kind) -> Record | None:  # noqa: A002 - as above
        return await self._read(lambda db: record_named(db, id, kind))

    async def payload(self, kind: Kind, id: str) -> bytes | None:  # noqa: A002 - as above
        record = await self.read(id, kind)
        return None if record is None else record.payload

    async def are_open(self, exchanges: Sequence[str]) -> bool:
        return await self._read(lambda db: are_open(db, exchanges))

    async def recent(self, count: int = 50, before: int | None = None) -> tuple[Record, ...]:
        bound = 2**62 if before is None else before
        return await self._listed("WHERE idx < ? ORDER BY idx DESC LIMIT ?", bound, count)

    async def records(self, first: int, count: int = 100) -> tuple[Record, ...]:
        return await self._listed("WHERE idx >= ? ORDER BY idx LIMIT ?", first, count)

    async def search(
        self, query: Search, *, limit: int = 50, cursor: str | None = None
    ) -> Page[Record]:
        return await self._read(lambda db: self._found(db, query, limit, cursor))

    async def checkpoint(self) -> Checkpoint:
        return await self.writer.run(lambda db: self._batch.checkpoint(db, self._now()))

    async def prove(self, index: int) -> Inclusion | None:
        if not 0 <= index < await self.size():
            return None
        proof = await self._read(lambda db: proved(db, index, self._trusted))
        if proof is None:  # no checkpoint covers the record yet
            await self.checkpoint()
            proof = await self._read(lambda db: proved(db, index, self._trusted))
        return proof

    async def head_of(self, note: str) -> Checkpoint:
        return await self._read(lambda db: held(db, note, self._trusted))

    async def heads_of(self, size: int) -> tuple[Checkpoint, ...]:
        return await self._read(lambda db: of_size(db, size, self._trusted))

    async def head_past(self, moment: dt.datetime) -> Checkpoint | None:
        index = await self._read(lambda db: first_since(self._indexed(db), moment))
        if index is None:
            return None
        head = await self._read(lambda db: past(db, index, self._trusted))
        return head or await self.checkpoint()

    async def prove_extends(self, old: int, new: int) -> tuple[bytes, ...]:
        if not 0 < old <= new <= await self.size():
            raise LedgerError("a consistency proof runs between two sizes that the log had")
        return await self._read(lambda db: consistency_proof(old, new, look_in(db)))

    async def orphans(self) -> tuple[Record, ...]:
        join = "JOIN open_exchange USING (idx) WHERE idx >= ? ORDER BY idx LIMIT ?"
        found: list[Record] = []
        while page := await self._listed(join, found[-1].index + 1 if found else 0, PAGE):
            found += page
        return tuple(found)

    async def close_orphans(self, bulk: str | None = None) -> int:
        orphans = [sent for sent in await self.orphans() if sent.header.get("bulk") == bulk]
        entries = [closing_of(sent, self._clock()) for sent in orphans]
        for start in range(0, len(entries), PAGE):
            await self.append(entries[start : start + PAGE])
        return len(entries)

    async def writable(self) -> bool:
        try:
            async with asyncio.timeout(_PROBE_S):
                await self.writer.run(probe)
        except (LedgerError, TimeoutError):
            return False
        return True

    async def close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._indexer.stop()
            await self._read(lambda _db: self._drop())  # first, so that SQLite tidies up at the end
            self._reader.shutdown(wait=False)
        await self.writer.close()
        self._held.close()

    def _now(self) -> int:
        return milliseconds_of(self._clock())

    def _publish(self, db: sqlite3.Connection) -> None:
        self._batch.publish(db, self._now())

    def _found(
        self, db: sqlite3.Connection, query: Search, limit: int, cursor: str | None
    ) -> Page[Record]:
        indexes, next_ = found(self._indexed(db), self._keys, query, limit, cursor)
        rows = (db.execute(f"{COLUMNS} WHERE idx = ?", (at,)).fetchone() for at in indexes)
        return Page(items=tuple(record_of(db, row) for row in rows), cursor=next_)

    def _indexed(self, db: sqlite3.Connection) -> sqlite3.Connection:
        """The search index, with everything in it that was appended."""
        index = self._searched()
        index.catch_up(db)
        return index.db

    def _searched(self) -> Index:
        if self._index is None:
            self._index = Index(index_path(self._path))
        return self._index

    def _index_some(self) -> bool:
        """Index what was appended, a step at a time between readings; whether it is done."""
        work = self._reader.submit(
            self._on_reading, lambda db: self._searched().catch_up(db, steps=1)
        )
        return work.result()

    async def _listed(self, where: str, bound: int, count: int) -> tuple[Record, ...]:
        values = (bound, max(0, min(count, PAGE)))

        def listed(db: sqlite3.Connection) -> tuple[Record, ...]:
            rows = db.execute(f"{COLUMNS} {where}", values)
            return tuple(record_of(db, row) for row in rows.fetchall())

        return await self._read(listed)

    def _opened(self, db: sqlite3.Connection, id: str, kind: str) -> Record | None:  # noqa: A002
        record = record_named(db, id, kind)
        if record is None or "sealed" not in record.header:
            return record
        envelope = self._envelope(db, record)
        return msgspec.structs.replace(
            record, payload=envelope.payload, decoded=envelope.decoded, salt=envelope.salt
        )

    def _envelope(self, db: sqlite3.Connection, record: Record) -> Envelope:
        row = readable_key(db, record, self._now())
        sealed = db.execute("SELECT data FROM sealed WHERE idx = ?", (record.index,)).fetchone()
        if sealed is None:
            raise LedgerError(f"record {record.index}: its payload is gone")
        context = context_of(record.kind, record.id, row[0])
        return open_sealed(unwrapped(self._keys, row), context, sealed[0])

    async def query(self, call: Callable[[sqlite3.Connection], T]) -> T:
        """The result of *call* on a connection that cannot write."""
        return await self._read(call)

    async def tidy(self) -> bool:
        """Fold the write-ahead log into the file and empty it, so that nothing deleted stays
        in it; False while a reader keeps it from being emptied.
        """
        return await self.writer.run(_emptied)

    async def _read(self, call: Callable[[sqlite3.Connection], T]) -> T:
        """The result of *call* on the reading connection, in the reading thread."""
        loop = asyncio.get_running_loop()
        try:
            future = loop.run_in_executor(self._reader, self._on_reading, call)
        except RuntimeError:
            raise LedgerError("the ledger is closed") from None
        return await future

    def _on_reading(self, call: Callable[[sqlite3.Connection], T]) -> T:
        try:
            if self._reading is None:
                self._reading = open_reading(self._path)
            return call(self._reading)
        except sqlite3.Error as error:
            self._drop()
            raise LedgerError(f"not read: {error}") from error

    def _drop(self) -> None:
        opened = [part for part in (self._reading, self._index) if part is not None]
        self._reading = self._index = None
        for part in opened:
            part.close()


def _emptied(db: sqlite3.Connection) -> bool:
    busy, _, _ = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not busy
