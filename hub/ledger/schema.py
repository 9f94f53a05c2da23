"""The tables of a ledger in SQLite, and how a connection to them is opened.

Everything that the tree does not cover is either derived from it (`open_exchange`), named
by a digest on a leaf (`sealed`, `data_key`), or signed (`checkpoint`).

Formats count from 1; a file of an older one is brought up step by step when it is opened.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import quote

from hub.core.errors import LedgerError

FORMAT = "2"
"""Version of the tables; counts apart from that of the leaves."""

Connect = Callable[[Path], sqlite3.Connection]
"""Opens a connection that may write. The seam where tests put a failing disk."""

_BUSY_MS = 5000
_TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE leaf (idx INTEGER PRIMARY KEY, kind TEXT NOT NULL, id TEXT NOT NULL,
  header BLOB NOT NULL) STRICT;
CREATE UNIQUE INDEX leaf_by_id ON leaf (id, kind);
CREATE TABLE sealed (idx INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT;
CREATE TABLE node (level INTEGER, idx INTEGER, hash BLOB NOT NULL, PRIMARY KEY (level, idx))
  STRICT, WITHOUT ROWID;
CREATE TABLE open_exchange (id TEXT PRIMARY KEY, idx INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE checkpoint (seq INTEGER PRIMARY KEY, size INTEGER NOT NULL, at INTEGER NOT NULL,
  note TEXT NOT NULL) STRICT;
CREATE INDEX checkpoint_by_size ON checkpoint (size);
"""
_TABLES_2 = """
CREATE TABLE data_key (id TEXT PRIMARY KEY, subject TEXT NOT NULL, retention TEXT NOT NULL,
  period TEXT NOT NULL, wrapping TEXT NOT NULL, wrapped BLOB NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('open', 'blocked'))) STRICT, WITHOUT ROWID;
CREATE INDEX data_key_by_subject ON data_key (subject, retention, period);
CREATE TABLE hold (id TEXT PRIMARY KEY, subject TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX hold_by_subject ON hold (subject);
CREATE TABLE co_subject (key TEXT, subject TEXT, PRIMARY KEY (key, subject))
  STRICT, WITHOUT ROWID;
CREATE INDEX co_subject_by_subject ON co_subject (subject);
CREATE TABLE released (id TEXT PRIMARY KEY, until INTEGER NOT NULL) STRICT, WITHOUT ROWID;
"""
_COPIED = (
    "INSERT INTO data_key SELECT id, subject, retention, '', wrapping, wrapped, 'open' FROM was"
)
_STEPS = {
    "1": ("2", ("ALTER TABLE data_key RENAME TO was", _TABLES_2, _COPIED, "DROP TABLE was")),
}
"""From each older format to the next one: its name, and the statements that lead there."""


def connect(path: Path) -> sqlite3.Connection:
    """A connection that may write, to be used by one thread at a time."""
    return sqlite3.connect(path, isolation_level=None, check_same_thread=False)


def open_writing(path: Path, opener: Connect) -> sqlite3.Connection:
    """A connection on which a commit is durable; LedgerError if SQLite will not promise it."""
    db = opener(path)
    try:
        _make_durable(db)
    except BaseException:
        db.close()
        raise
    return db


def _make_durable(db: sqlite3.Connection) -> None:
    db.execute(f"PRAGMA busy_timeout={_BUSY_MS}")
    mode = db.execute("PRAGMA journal_mode=WAL").fetchone()[0]
    db.execute("PRAGMA synchronous=FULL")
    db.execute("PRAGMA trusted_schema=OFF")
    db.execute("PRAGMA secure_delete=ON")  # a destroyed key leaves no trace in free pages
    if (mode, db.execute("PRAGMA synchronous").fetchone()[0]) != ("wal", 2):
        raise LedgerError("the file system does not allow a durable write-ahead log")


def open_reading(path: Path) -> sqlite3.Connection:
    """A connection that cannot write; sees each commit as soon as it is made."""
    db = sqlite3.connect(
        f"file:{quote(str(path))}?mode=ro", uri=True, isolation_level=None, check_same_thread=False
    )
    db.execute(f"PRAGMA busy_timeout={_BUSY_MS}")
    db.execute("PRAGMA query_only=ON")
    db.execute("PRAGMA trusted_schema=OFF")
    return db


def create_file(path: Path) -> None:
    """An empty file for the ledger that only its owner may read, unless there is one."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        return


def prepare(db: sqlite3.Connection, identity: Mapping[str, str]) -> None:
    """Make the tables where there are none; LedgerError if they are another ledger's.

    *identity* says whose ledger this is: origin, log key, pseudonym key.
    """
    wanted = {"format": FORMAT, **identity}
    db.execute("BEGIN IMMEDIATE")
    try:
        if not db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
            _run(db, _TABLES + _TABLES_2)
            db.executemany("INSERT INTO meta VALUES (?, ?)", wanted.items())
        found = dict(db.execute("SELECT name, value FROM meta"))
        if all(found.get(name) == value for name, value in identity.items()):
            found["format"] = _migrated(db, found.get("format", ""))
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
    for name, value in wanted.items():
        if found.get(name) != value:
            raise LedgerError(f"this ledger has another {name} than the configuration")


def _migrated(db: sqlite3.Connection, format_: str) -> str:
    """Bring tables of an older format up, step by step; the format that they have then."""
    while format_ in _STEPS:
        format_, scripts = _STEPS[format_]
        for script in scripts:
            _run(db, script)
        db.execute("UPDATE meta SET value = ? WHERE name = 'format'", (format_,))
    return format_


def _run(db: sqlite3.Connection, script: str) -> None:
    """The statements of *script*, inside the caller's transaction."""
    for statement in filter(None, map(str.strip, script.split(";"))):
        db.execute(statement)
