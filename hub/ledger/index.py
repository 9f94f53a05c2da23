"""The search index of a ledger: postings in a file of their own, derived from the leaves.

The file can be deleted at any time: it is filled again from the tree, and it is begun anew
when it speaks of another tree than the ledger's. So it costs appends nothing, and the
evidence does not depend on it.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
from cachetools import LRUCache

from hub.ledger.batch import node_at, transaction, tree_of
from hub.ledger.merkle import root_at
from hub.ledger.schema import create_file

STEP = 2000
"""Leaves that are indexed in one transaction."""

HOUR_MS = 3_600_000

BUSY_MS = 5000
"""So long the index waits for another process that writes it."""

_FORMAT = "2"
_TERMS = 50_000
_TABLES = """
CREATE TABLE state (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE term (id INTEGER PRIMARY KEY, name TEXT NOT NULL, value TEXT NOT NULL,
  count INTEGER NOT NULL, UNIQUE (name, value)) STRICT;
CREATE TABLE posting (term INTEGER, idx INTEGER, PRIMARY KEY (term, idx)) STRICT, WITHOUT ROWID;
CREATE TABLE moment (idx INTEGER PRIMARY KEY, at INTEGER NOT NULL) STRICT;
CREATE TABLE hour (hour INTEGER PRIMARY KEY, first INTEGER NOT NULL, last INTEGER NOT NULL) STRICT;
CREATE TABLE access (id TEXT PRIMARY KEY, terms BLOB NOT NULL) STRICT, WITHOUT ROWID;
"""
_OWN = {
    "subject": "subject",
    "official": "official",
    "case_file": "case_file",
    "purpose": "purpose",
    "unit": "unit",
    "access": "access",
    "kind": "kind",
    "source": "source",
    "operation": "operation",
}
_OF_THE_ACCESS = ("official", "case_file", "purpose", "unit")
_NEXT = "SELECT idx, header FROM leaf WHERE idx >= ? ORDER BY idx LIMIT ?"
_OUTCOME = "SELECT idx FROM leaf WHERE id = ? AND kind = 'outcome'"

Term = tuple[str, str]


def index_path(ledger: Path) -> Path:
    """Where the index of the ledger at *ledger* is: beside it."""
    return ledger.with_name(f"{ledger.name}-search")


class Index:
    """The index beside one ledger file. For one thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.db = _opened(path)
        self._terms: LRUCache[Term, int] = LRUCache(_TERMS)
        self._accesses: LRUCache[str, tuple[Term, ...]] = LRUCache(_TERMS // 10)

    def close(self) -> None:
        """Close the file."""
        self.db.close()

    def catch_up(self, ledger: sqlite3.Connection, *, steps: int | None = None) -> bool:
        """Index what *ledger* holds beyond; at most *steps* transactions. Whether it is done.

        Begins anew when the tree is not the one that was indexed.
        """
        size, _ = tree_of(ledger)
        done = 0
        while (upto := self._upto(ledger, size)) < size:
            if done == steps:
                return False
            self._step(ledger, upto, size)
            done += 1
        return True

    def _upto(self, ledger: sqlite3.Connection, size: int) -> int:
        """How many leaves are indexed; 0, with all emptied, if they were another tree's."""
        state = dict(self.db.execute("SELECT name, value FROM state"))
        upto = int(state.get("upto", "0"))
        if upto <= size and (not upto or state["root"] == _root(ledger, upto)):
            return upto
        with transaction(self.db):
            for table in ("state", "term", "posting", "moment", "hour", "access"):
                self.db.execute(f"DELETE FROM {table}")  # noqa: S608 - names of our own  # nosec B608
        self._forget()
        return 0

    def _forget(self) -> None:
        self._terms.clear()
        self._accesses.clear()

    def _step(self, ledger: sqlite3.Connection, upto: int, size: int) -> None:
        try:
            with transaction(self.db):
                found = self.db.execute("SELECT value FROM state WHERE name = 'upto'").fetchone()
                if int(found[0] if found else 0) != upto:
                    self._forget()  # another process was faster, and gave terms their numbers
                    return
                rows = ledger.execute(_NEXT, (upto, min(STEP, size - upto))).fetchall()
                self._add(ledger, rows)
                end = upto + len(rows)
                now = (("upto", str(end)), ("root", _root(ledger, end)))
                self.db.executemany("INSERT OR REPLACE INTO state VALUES (?, ?)", now)
        except BaseException:
            self._forget()  # the numbers of terms that were not written after all
            raise

    def _add(self, ledger: sqlite3.Connection, rows: Sequence[tuple[int, bytes]]) -> None:
        found: set[tuple[int, int]] = set()
        for index, leaf in rows:
            header = msgspec.json.decode(leaf)
            self._moment(index, header["at"])
            found.update((self._number(term), index) for term in self._terms_of(header))
            if header["kind"] == "people":
                people = [self._number(("subject", other)) for other in header["others"]]
                found.update((n, at) for at in _answers(ledger, header) for n in people)
        postings = sorted(found)
        counts = Counter(number for number, _ in postings)
        self.db.executemany("INSERT OR IGNORE INTO posting VALUES (?, ?)", postings)
        self.db.executemany(
            "UPDATE term SET count = count + ? WHERE id = ?",
            [(count, number) for number, count in counts.items()],
        )

    def _moment(self, index: int, at: int) -> None:
        self.db.execute("INSERT INTO moment VALUES (?, ?)", (index, at))
        self.db.execute(
            "INSERT INTO hour VALUES (?, ?, ?) ON CONFLICT (hour) DO UPDATE SET last = ?",
            (at // HOUR_MS, index, index, index),
        )

    def _terms_of(self, header: dict[str, Any]) -> set[Term]:
        own = set(_own_terms(header))
        access = header.get("access")
        if header["kind"] == "access":
            self._keep_access(header["id"], own)
        elif isinstance(access, str):
            own.update(self._access_terms(access))
        return own

    def _keep_access(self, id_: str, own: set[Term]) -> None:
        terms = tuple(sorted(term for term in own if term[0] in _OF_THE_ACCESS))
        row = (id_, msgspec.msgpack.encode(terms))
        self.db.execute("INSERT OR REPLACE INTO access VALUES (?, ?)", row)
        self._accesses[id_] = terms

    def _access_terms(self, id_: str) -> tuple[Term, ...]:
        """The terms that records share with the access that they were made under."""
        known = self._accesses.get(id_)
        if known is None:
            row = self.db.execute("SELECT terms FROM access WHERE id = ?", (id_,)).fetchone()
            if row is None:
                return ()
            known = msgspec.msgpack.decode(row[0], type=tuple[tuple[str, str], ...])
            self._accesses[id_] = known
        return known

    def _number(self, term: Term) -> int:
        number = self._terms.get(term)
        if number is None:
            self.db.execute(
                "INSERT INTO term (name, value, count) VALUES (?, ?, 0) ON CONFLICT DO NOTHING",
                term,
            )
            row = self.db.execute("SELECT id FROM term WHERE name = ? AND value = ?", term)
            number = self._terms[term] = int(row.fetchone()[0])
        return number


def _own_terms(header: dict[str, Any]) -> Iterator[Term]:
    """What a header can be found by."""
    for field, name in _OWN.items():
        value = header.get(field)
        if isinstance(value, str):
            yield name, value
    for other in header.get("others", ()):
        yield "subject", other
    if header["kind"] == "outcome":
        yield "error", header.get("error") or "none"
    if header["kind"] == "security" and isinstance(header.get("reason"), str):
        yield "security", header["reason"]


def _answers(ledger: sqlite3.Connection, header: dict[str, Any]) -> Iterator[int]:
    """Where the answers stand that a `people` record speaks of."""
    for id_ in header["exchanges"]:
        row = ledger.execute(_OUTCOME, (id_,)).fetchone()
        if row is not None:
            yield row[0]


def _root(ledger: sqlite3.Connection, size: int) -> str:
    """The tree's root at *size*, in hexadecimal."""
    return root_at(size, lambda level, index: node_at(ledger, level, index)).hex()


def _opened(path: Path) -> sqlite3.Connection:
    """The index file, made if there is none or if it is of another format or damaged.

    sqlite3.OperationalError, and the file left alone, where it cannot be had now: somebody
    holds it, or the disk does not give it.
    """
    for attempt in range(2):
        create_file(path)
        db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            _prepare(db)
        except sqlite3.DatabaseError as error:
            db.close()
            if attempt or isinstance(error, sqlite3.OperationalError):
                raise
            _remove(path)
            continue
        return db
    raise AssertionError


def _prepare(db: sqlite3.Connection) -> None:
    db.execute(f"PRAGMA busy_timeout={BUSY_MS}")
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=NORMAL")  # what a power cut takes away is indexed again
    with transaction(db):
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version == 0:
            for statement in filter(None, map(str.strip, _TABLES.split(";"))):
                db.execute(statement)
            db.execute(f"PRAGMA user_version={_FORMAT}")
        elif str(version) != _FORMAT:
            raise sqlite3.DatabaseError("an index of another format")


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
