"""One transaction of the ledger: seal, write and grow the tree, all of it or nothing.

The tree's state is read inside the transaction, so that another process may write between
two of them.
"""

from __future__ import annotations

import datetime as dt
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import msgspec
from msgspec import Struct

from hub.core.document import Document
from hub.core.errors import LedgerError
from hub.ledger.checkpoint import Checkpoint, VerifierKey, sign_checkpoint
from hub.ledger.keys import Keys
from hub.ledger.leaf import leaf_of
from hub.ledger.merkle import grow, leaf_hash, peaks, root_at, root_of
from hub.ledger.rows import row_digest
from hub.ledger.seal import (
    DataKey,
    Sealer,
    case_file_pseudonym,
    context_of,
    official_pseudonym,
    pseudonym_of,
)
from hub.ledger.store import Entry, Pseudonym, Receipt

_KEY_BYTES = 32
_PROBE_BYTES = 16 * 1024

Act = Callable[[sqlite3.Connection], Sequence[Entry]]
"""What is done to the tables in a transaction; returns the records that tell of it."""

KeyRow = tuple[str, str, str, str, str, bytes]
"""Id, subject, retention class, period, name of the key-encryption key, wrapped key."""

KEY_COLUMNS = "SELECT id, subject, retention, period, wrapping, wrapped FROM data_key"
_OUTCOME = "SELECT header FROM leaf WHERE id = ? AND kind = 'outcome'"
_APPEAR = "INSERT OR IGNORE INTO co_subject SELECT id, ? FROM data_key WHERE id = ?"
KEY_ROW = f"{KEY_COLUMNS} WHERE subject = ? AND retention = ? AND period = ?"


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """BEGIN IMMEDIATE … COMMIT; whatever is raised inside undoes it."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def tree_of(db: sqlite3.Connection) -> tuple[int, list[bytes]]:
    """Size of the tree and the hashes of its peaks, as they are stored now."""
    size = db.execute("SELECT coalesce(max(idx) + 1, 0) FROM leaf").fetchone()[0]
    return size, [node_at(db, level, index) for level, index in peaks(size)]


def node_at(db: sqlite3.Connection, level: int, index: int) -> bytes:
    """The stored hash of a complete subtree; LedgerError if it is missing."""
    row = db.execute("SELECT hash FROM node WHERE level = ? AND idx = ?", (level, index)).fetchone()
    if row is None:
        raise LedgerError(f"the tree lacks its node {index} of level {level}")
    hash_: bytes = row[0]
    return hash_


def extends(db: sqlite3.Connection, head: Checkpoint) -> bool:
    """Whether the tree holds what *head* signs, and perhaps more after it."""
    if head.size > tree_of(db)[0]:
        return False
    return root_at(head.size, lambda level, index: node_at(db, level, index)) == head.root


class Batch:
    """Writes entries under a set of keys. For one thread."""

    def __init__(self, keys: Keys, log: VerifierKey) -> None:
        self._keys, self._log, self._sealer = keys, log, Sealer()
        self._opened: dict[tuple[str, str, str], DataKey] = {}
        self._leaves: list[tuple[int, str, str, bytes]] = []
        self._sealed: list[tuple[int, bytes]] = []
        self._head: Checkpoint | None = None

    def append(self, db: sqlite3.Connection, entries: Sequence[Entry]) -> Receipt:
        """Write *entries* durably; sqlite3.Error or LedgerError if not."""
        return self.enact(db, lambda _: entries)

    def enact(self, db: sqlite3.Connection, act: Act) -> Receipt:
        """In one transaction, let *act* change the tables and write the entries it returns."""
        try:
            with transaction(db):
                entries = act(db)
                size, stack = tree_of(db)
                leaves = [
                    self._write(db, index, entry) for index, entry in enumerate(entries, start=size)
                ]
                self._flush(db)
                db.executemany("INSERT INTO node VALUES (?, ?, ?)", grow(size, stack, leaves))
        finally:
            self._opened.clear()  # no data key is held in the open for longer than this
            self._leaves.clear()
            self._sealed.clear()
        return Receipt(first=size, size=size + len(entries), root=root_of(stack))

    def checkpoint(self, db: sqlite3.Connection, at_ms: int) -> Checkpoint:
        """Sign the tree as it is, and store that, unless it is signed already.

        LedgerError if it no longer extends what was signed before: somebody wrote beside us.
        """
        with transaction(db):
            size, stack = tree_of(db)
            if self._head is not None and not extends(db, self._head):
                raise LedgerError("the tree contradicts what was signed a moment ago")
            signed = sign_checkpoint(self._log, size, root_of(stack), self._keys.sign)
            if signed.note != last_note(db):
                db.execute(
                    "INSERT INTO checkpoint (size, at, note) VALUES (?, ?, ?)",
                    (size, at_ms, signed.note),
                )
        self._head = signed
        return signed

    def publish(self, db: sqlite3.Connection, at_ms: int) -> None:
        """Sign the head if the log has grown since the last checkpoint, or has none."""
        covered = db.execute("SELECT max(size) FROM checkpoint").fetchone()[0]
        if (
            covered is None
            or db.execute("SELECT 1 FROM leaf WHERE idx >= ?", (covered,)).fetchone()
        ):
            self.checkpoint(db, at_ms)

    def _flush(self, db: sqlite3.Connection) -> None:
        """Insert the rows that were made so far, in one go: a statement for each costs more."""
        db.executemany("INSERT INTO leaf VALUES (?, ?, ?, ?)", self._leaves)
        db.executemany("INSERT INTO sealed VALUES (?, ?)", self._sealed)
        self._leaves.clear()
        self._sealed.clear()

    def _write(self, db: sqlite3.Connection, index: int, entry: Entry) -> bytes:
        """Make the rows of one entry; the hash of its leaf."""
        subject = None if entry.subject is None else subject_of(self._keys, entry.subject)
        others = sorted({subject_of(self._keys, person) for person in entry.others})
        marks = people_of(self._keys, entry, others)
        if entry.payload is not None or entry.decoded is not None:
            seal = self._seal(db, index, entry, subject or Pseudonym(""))
            appear_in(db, [seal["key"]], others)
            marks |= seal
        elif entry.exchanges:
            self._flush(db)  # the exchanges may be of this very group
            keys = keys_behind(db, entry.exchanges)
            appear_in(db, keys, others)
            marks |= {"exchanges": entry.exchanges, "keys": keys}
        leaf = leaf_of(entry, subject, marks)
        self._leaves.append((index, entry.kind, entry.id, leaf))
        _pair(db, index, entry)
        return leaf_hash(leaf)

    def _seal(
        self, db: sqlite3.Connection, index: int, entry: Entry, subject: Pseudonym
    ) -> dict[str, str]:
        key, marks = self._data_key(db, subject, entry.retention, period_of(entry.at))
        sealed = self._sealer.seal(
            key, context_of(entry.kind, entry.id, key.id), entry.payload, entry.decoded
        )
        self._sealed.append((index, sealed.data))
        if sealed.decoded_digest is not None:
            marks["decoded"] = sealed.decoded_digest
        return {**marks, "key": key.id, "sealed": sealed.digest}

    def _data_key(
        self, db: sqlite3.Connection, subject: str, retention: str, period: str
    ) -> tuple[DataKey, dict[str, str]]:
        """The data key of a subject, class and month; a new one's row is named on the leaf, so
        that the table of keys cannot be altered unnoticed either.
        """
        place = (subject, retention, period)
        known = self._opened.get(place)
        if known is not None:
            return known, {}
        row = db.execute(f"{KEY_ROW} AND state = 'open' LIMIT 1", place).fetchone()
        if row is not None:
            self._opened[place] = key = unwrapped(self._keys, row)
            return key, {}
        key = DataKey(os.urandom(16).hex(), os.urandom(_KEY_BYTES))
        wrapped = wrap(self._keys, key, subject, retention)
        new = (key.id, subject, retention, period, self._keys.wrapping, wrapped)
        db.execute("INSERT INTO data_key VALUES (?, ?, ?, ?, ?, ?, 'open')", new)
        self._opened[place] = key
        return key, {"key_digest": row_digest((*new, "open"))}


def period_of(moment: dt.datetime) -> str:
    """The month, in UTC, whose payloads share a data key: `2026-11`."""
    utc = moment.astimezone(dt.UTC)
    return f"{utc.year:04}-{utc.month:02}"


def probe(db: sqlite3.Connection) -> None:
    """Need room, take it and give it back, durably."""
    with transaction(db):
        db.execute("INSERT INTO sealed VALUES (-1, zeroblob(?))", (_PROBE_BYTES,))
        db.execute("DELETE FROM sealed WHERE idx = -1")
        db.execute("UPDATE meta SET value = value WHERE name = 'format'")


def subject_of(keys: Keys, person: Document | Pseudonym) -> Pseudonym:
    """A subject's pseudonym, whichever of the two is given."""
    return pseudonym_of(keys, person) if isinstance(person, Document) else person


def official_of(keys: Keys, person: Document | Pseudonym) -> Pseudonym:
    """An official's pseudonym, whichever of the two is given."""
    return official_pseudonym(keys, person) if isinstance(person, Document) else person


def people_of(
    keys: Keys, entry: Entry, others: Sequence[Pseudonym]
) -> dict[str, str | Sequence[str]]:
    """The pseudonyms on a leaf beside the subject's."""
    marks: dict[str, str | Sequence[str]] = {}
    if others:
        marks["others"] = others
    if entry.official is not None:
        marks["official"] = official_of(keys, entry.official)
    if entry.case_file is not None:
        marks["case_file"] = case_file_pseudonym(keys, entry.case_file)
    return marks


class _Sealed(Struct, frozen=True):
    key: str | None = None


def keys_behind(db: sqlite3.Connection, exchanges: Sequence[str]) -> list[str]:
    """The data keys that the answers of *exchanges* are sealed under, sorted.

    LedgerError for an exchange whose answer is not on record.
    """
    found: set[str] = set()
    for id_ in exchanges:
        row = db.execute(_OUTCOME, (id_,)).fetchone()
        key = None if row is None else msgspec.json.decode(row[0], type=_Sealed).key
        if key is None:
            raise LedgerError("entry: people of an exchange whose answer is not on record")
        found.add(key)
    return sorted(found)


def appear_in(db: sqlite3.Connection, keys: Sequence[str], others: Sequence[Pseudonym]) -> None:
    """Note that payloads under *keys* speak of *others*, as long as the keys exist."""
    if others:
        db.executemany(_APPEAR, [(other, key) for key in keys for other in others])


def unwrapped(keys: Keys, row: KeyRow) -> DataKey:
    """The data key of a row of the table."""
    key_id, subject, retention, _, wrapping, wrapped = row
    context = _wrapping_context(key_id, subject, retention)
    return DataKey(key_id, keys.unwrap(wrapping, wrapped, context))


def wrap(keys: Keys, key: DataKey, subject: str, retention: str) -> bytes:
    """*key* as its row keeps it."""
    return keys.wrap(key.key, _wrapping_context(key.id, subject, retention))


def last_note(db: sqlite3.Connection) -> str | None:
    """The checkpoint that was stored last."""
    row = db.execute("SELECT note FROM checkpoint ORDER BY seq DESC LIMIT 1").fetchone()
    return None if row is None else str(row[0])


def _pair(db: sqlite3.Connection, index: int, entry: Entry) -> None:
    """Keep the list of exchanges that have no outcome yet."""
    if entry.kind == "sent":
        db.execute("INSERT INTO open_exchange VALUES (?, ?)", (entry.id, index))
    elif entry.kind == "outcome":
        closed = db.execute("DELETE FROM open_exchange WHERE id = ?", (entry.id,)).rowcount
        if not closed:
            raise LedgerError("entry: an outcome without a sent that waits for it")


def _wrapping_context(key_id: str, subject: str, retention: str) -> bytes:
    return f"posicion-integral data key\n{key_id}\n{subject}\n{retention}".encode()
