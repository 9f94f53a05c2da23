"""Bulk requests on their way: how far each came, in the ledger's own store.

One row per request and one per person in it, written by the ledger's one writing thread and
durable before the step that they announce. A person stands here as the id of their access,
whose sealed record says who they are: no personal datum is kept a second time. What happened
is evidence in the ledger's records; these rows only say what to do next, and every change
names the state that it leaves, so that no step is taken twice.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeVar

import msgspec
from msgspec import Struct

from hub.core.errors import LedgerError
from hub.ledger.batch import transaction
from hub.ledger.sqlite import SqliteLedger

T = TypeVar("T")

State = Literal["planned", "asking", "waiting", "collecting", "sealed", "done"]
"""`asking` and `collecting` are written before bytes leave: found at a start, they mean that
it is not known what became of them. `sealed`: each person's part is on record."""

_TABLES = """
CREATE TABLE IF NOT EXISTS bulk_run (id TEXT PRIMARY KEY, source TEXT NOT NULL,
  operation TEXT NOT NULL, block TEXT NOT NULL, retention TEXT NOT NULL, mark TEXT NOT NULL,
  at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS bulk_run_by_mark ON bulk_run (mark, at);
CREATE TABLE IF NOT EXISTS bulk_job (id TEXT PRIMARY KEY, run TEXT NOT NULL,
  number INTEGER NOT NULL, request_id TEXT NOT NULL UNIQUE, state TEXT NOT NULL,
  due INTEGER NOT NULL, asked INTEGER, since INTEGER, sent TEXT, confirmed INTEGER NOT NULL,
  sendings INTEGER NOT NULL, polls INTEGER NOT NULL, size INTEGER NOT NULL, failure TEXT,
  gone INTEGER, UNIQUE (run, number)) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS bulk_item (job TEXT NOT NULL, number INTEGER NOT NULL,
  row INTEGER NOT NULL, access TEXT NOT NULL UNIQUE,
  PRIMARY KEY (job, number)) STRICT, WITHOUT ROWID;
"""


class Run(Struct, frozen=True, kw_only=True):
    """One command's worth of people. `mark` recognises the same command given again."""

    id: str
    source: str
    operation: str
    block: str
    retention: str
    mark: str
    at: int
    """Unix time in milliseconds, as every moment here."""


class Job(Struct, frozen=True, kw_only=True):
    """One bulk request of a run."""

    id: str
    run: str
    number: int
    request_id: str
    """The id that the source knows it by; the same in every message about it."""
    state: State = "planned"
    due: int = 0
    """Nothing happens before this moment."""
    asked: int | None = None
    """When it was sent first."""
    since: int | None = None
    """Size of the ledger before the message that may be on its way."""
    sent: str | None = None
    """The exchange in which it was sent."""
    confirmed: int = 0
    """Whether the source has said, signed, that it has the request."""
    sendings: int = 0
    polls: int = 0
    size: int = 0
    """How many people it was sent about."""
    failure: str | None = None
    """The technical reason why it ended without an answer."""
    gone: int | None = None
    """When the source said first, and did not sign, that it has no answer to it."""


class Item(Struct, frozen=True, kw_only=True):
    """One person of a job: the access under which they are asked about."""

    job: str
    number: int
    """From 1, in the order of the request."""
    row: int
    """Line of the file that the person came from."""
    access: str

    @property
    def key(self) -> str:
        """The id of this person's records of the job, so that none is written twice."""
        return f"{self.job}-{self.number}"

    @property
    def id(self) -> str:
        """The person's id in the request, as the platform's documents propose it: 000001 …"""
        return f"{self.number:06d}"


class Jobs:
    """The tables, through the ledger's writing thread. All failures are LedgerError."""

    def __init__(self, ledger: SqliteLedger) -> None:
        self._ledger, self._ready = ledger, False

    async def begin(self, run: Run, jobs: Sequence[Job], items: Sequence[Item]) -> None:
        """Write down a whole run, or nothing of it."""

        def write(db: sqlite3.Connection) -> None:
            db.execute("INSERT INTO bulk_run VALUES (?,?,?,?,?,?,?)", msgspec.structs.astuple(run))
            db.executemany(
                "INSERT INTO bulk_job VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
                [msgspec.structs.astuple(job) for job in jobs],
            )
            db.executemany(
                "INSERT INTO bulk_item VALUES (?,?,?,?)",
                [msgspec.structs.astuple(item) for item in items],
            )

        await self._written(write)

    async def move(self, job: Job, state: State, **changes: Any) -> Job:
        """*job* in its next state, durably; LedgerError if it is no longer as it was read."""
        after = msgspec.structs.replace(job, state=state, **changes)
        names = ("state", *changes)
        values = [getattr(after, name) for name in names]
        setting = ", ".join(f"{name} = ?" for name in names)

        def write(db: sqlite3.Connection) -> None:
            moved = db.execute(
                f"UPDATE bulk_job SET {setting} WHERE id = ? AND state = ?",  # noqa: S608 - names of Job's own fields  # nosec B608
                (*values, job.id, job.state),
            ).rowcount
            if moved != 1:
                raise LedgerError("the bulk request has moved on: somebody else works on it")

        await self._written(write)
        return after

    async def latest(self, mark: str) -> Run | None:
        """The last run with that mark."""
        runs = await self._rows(Run, "bulk_run WHERE mark = ? ORDER BY at DESC LIMIT 1", mark)
        return runs[0] if runs else None

    async def runs(self, source: str) -> list[Run]:
        """The runs of a source, newest first."""
        return await self._rows(Run, "bulk_run WHERE source = ? ORDER BY at DESC", source)

    async def run(self, run: str) -> Run | None:
        """The run with that id."""
        runs = await self._rows(Run, "bulk_run WHERE id = ?", run)
        return runs[0] if runs else None

    async def jobs(self, run: str) -> list[Job]:
        """The requests of a run, in order."""
        return await self._rows(Job, "bulk_job WHERE run = ? ORDER BY number", run)

    async def items(self, job: str) -> list[Item]:
        """The people of a request, in order."""
        return await self._rows(Item, "bulk_item WHERE job = ? ORDER BY number", job)

    async def on_record(self, kind: str, id: str) -> bool:  # noqa: A002 - its name in the header
        """Whether the ledger has that record, readable or not."""
        select = "SELECT 1 FROM leaf WHERE id = ? AND kind = ?"
        return await self.work(lambda db: db.execute(select, (id, kind)).fetchone()) is not None

    async def left_out(self, job: str, block: str) -> dict[int, str]:
        """By number whom a denial of *block* on record left out of a request, and why."""
        select = (
            "SELECT number, json_extract(CAST(header AS TEXT), ?) FROM bulk_item"
            " JOIN leaf ON leaf.id = job || '-' || number AND kind = 'denial' WHERE job = ?"
        )
        values = (f'$.denied."{block}"', job)
        return dict(await self.work(lambda db: db.execute(select, values).fetchall()))

    async def is_erased(self, access: str) -> bool:
        """Whether the key that sealed that access is gone: its person was erased."""
        select = (
            "SELECT 1 FROM leaf JOIN data_key ON data_key.id = json_extract(CAST(header AS TEXT), '$.key')"
            " WHERE leaf.id = ? AND kind = 'access'"
        )
        return await self.work(lambda db: db.execute(select, (access,)).fetchone()) is None

    async def _rows(self, type_: type[T], what: str, value: str) -> list[T]:
        def read(db: sqlite3.Connection) -> list[T]:
            names = [field.name for field in msgspec.structs.fields(type_)]  # type: ignore[arg-type]  # T is a Struct
            rows = db.execute(f"SELECT {', '.join(names)} FROM {what}", (value,))  # noqa: S608 - constants of this module  # nosec B608
            return [
                msgspec.convert(dict(zip(names, row, strict=True)), type_)
                for row in rows.fetchall()
            ]

        return await self.work(read)

    async def _written(self, write: Callable[[sqlite3.Connection], None]) -> None:
        def whole(db: sqlite3.Connection) -> None:
            with transaction(db):
                write(db)

        await self.work(whole)

    async def tidy(self) -> bool:
        """Empty the log of changes, so that nothing deleted stays in it; whether it worked."""
        return await self._ledger.tidy()

    async def work(self, call: Callable[[sqlite3.Connection], T]) -> T:
        """*call* on the writing connection, once the tables are there."""
        if not self._ready:
            await self._ledger.work(_make_tables)
            self._ready = True
        return await self._ledger.work(call)


def _make_tables(db: sqlite3.Connection) -> None:
    with transaction(db):
        for statement in filter(None, map(str.strip, _TABLES.split(";"))):
            db.execute(statement)
        columns = {row[1] for row in db.execute("PRAGMA table_info(bulk_job)")}
        if "gone" not in columns:  # a store that was made before requests had it
            db.execute("ALTER TABLE bulk_job ADD COLUMN gone INTEGER")
