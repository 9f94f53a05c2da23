"""What becomes of payloads: blocked at the end of use, destroyed at the end of liability.

Each act changes the tables and writes the record that tells of it in one transaction: there
is no block, hold or destruction without its record, and no record without the deed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

from msgspec import Struct, field

from hub.core.document import Document
from hub.core.errors import LedgerError
from hub.core.moment import new_id
from hub.ledger.batch import subject_of
from hub.ledger.leaf import code, sound
from hub.ledger.retention import KeyState, Rule, is_held, key_states
from hub.ledger.rows import deeds
from hub.ledger.sqlite import SqliteLedger
from hub.ledger.store import JSON, Entry, Kind, Pseudonym

MOST_KEYS = 256
"""Keys that one record names; more make more records."""

LEGAL_HOLD, LIABILITY_PERIOD, UNKNOWN_CLASS = "legal_hold", "liability_period", "unknown_class"
"""Grounds on which a destruction is refused."""


class Why(Struct, frozen=True, kw_only=True):
    """Who acts, and on which ground: codes, no names or documents, for they stand in clear.

    A text with blanks, or anything else that is no code, is a LedgerError, and nothing is done.
    """

    by: str
    ground: str
    order: str | None = None
    """The reference of a court's or an authority's order, which goes before the periods."""


class Done(Struct, frozen=True, kw_only=True):
    """What an act came to, in ids of data keys."""

    keys: tuple[str, ...] = ()
    refused: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Per ground what was refused; each refusal is on record."""
    elsewhere: int = 0
    """How many data keys of other people seal payloads in which the subject appears."""
    traces: bool = False
    """Whether the write-ahead log still holds what was deleted, because somebody reads."""


async def block(ledger: SqliteLedger, keys: Sequence[str], why: Why) -> Done:
    """Block *keys* that are open: their payloads are for a release alone from now on."""
    blocked: list[str] = []

    def act(db: sqlite3.Connection) -> Sequence[Entry]:
        blocked[:] = [key for key in keys if _changed(db, key)]
        return _told(db, ledger, "block", why, blocked)

    await ledger.enact(act)
    return Done(keys=tuple(blocked))


async def hold(ledger: SqliteLedger, subject: Document | Pseudonym, why: Why) -> str:
    """Stop the destruction of whatever is about *subject*, as one of others too; the hold's id."""
    id_, pseudonym = new_id(), subject_of(ledger.keys, subject)

    def act(db: sqlite3.Connection) -> Sequence[Entry]:
        db.execute("INSERT INTO hold VALUES (?, ?)", (id_, pseudonym))
        tables = deeds(db, {"hold": [id_]})
        return [_entry(ledger, "hold", why, id_, {"tables": tables}, pseudonym)]

    await ledger.enact(act)
    return id_


async def lift(ledger: SqliteLedger, hold_id: str, why: Why) -> None:
    """End a hold; LedgerError if there is none of that id."""

    def act(db: sqlite3.Connection) -> Sequence[Entry]:
        row = db.execute("SELECT subject FROM hold WHERE id = ?", (hold_id,)).fetchone()
        if row is None:
            raise LedgerError("there is no hold of this id in force")
        db.execute("DELETE FROM hold WHERE id = ?", (hold_id,))
        tables = deeds(db, {"hold": [hold_id]})
        return [_entry(ledger, "lift", why, new_id(), {"tables": tables}, Pseudonym(row[0]))]

    await ledger.enact(act)


async def destroy(
    ledger: SqliteLedger, keys: Sequence[str], why: Why, rules: Mapping[str, Rule]
) -> Done:
    """Destroy *keys* for good, where nothing stands against it; what is refused is recorded.

    A legal hold always stands against it; the end of liability not having come does, unless
    *why* names an order. The records stay and go on verifying.
    """
    gone: list[str] = []
    refused: dict[str, list[str]] = {}
    elsewhere: list[int] = []

    def act(db: sqlite3.Connection) -> Sequence[Entry]:
        gone.clear()
        refused.clear()
        states = key_states(db, keys)
        for state in states:
            ground = _objection(db, ledger, state, why, rules)
            (gone if ground is None else refused.setdefault(ground, [])).append(state.id)
        elsewhere[:] = [_mentions(db, {state.subject for state in states if state.subject})]
        for key in gone:
            _erase(db, key)
        tombstones = _told(db, ledger, "destroy", why, gone, {"elsewhere": elsewhere[0]})
        return tombstones + [
            _entry(ledger, "refusal", why, new_id(), {"asked": "destroy", "refused": on, **_n(ids)})
            for on, ids in refused.items()
        ]

    await ledger.enact(act)
    traces = bool(gone) and not await ledger.tidy()
    grounds = {ground: tuple(ids) for ground, ids in refused.items()}
    return Done(keys=tuple(gone), refused=grounds, elsewhere=elsewhere[0], traces=traces)


async def keys_of(ledger: SqliteLedger, subject: Document | Pseudonym) -> tuple[str, ...]:
    """The data keys of *subject* that there still are, in every class."""
    pseudonym = subject_of(ledger.keys, subject)
    statement = "SELECT id FROM data_key WHERE subject = ? ORDER BY retention, period, id"
    rows = await ledger.query(lambda db: db.execute(statement, (pseudonym,)).fetchall())
    return tuple(row[0] for row in rows)


def _objection(
    db: sqlite3.Connection,
    ledger: SqliteLedger,
    state: KeyState,
    why: Why,
    rules: Mapping[str, Rule],
) -> str | None:
    """The ground on which *state*'s key may not be destroyed."""
    if is_held(db, state):
        return LEGAL_HOLD
    if why.order is not None:
        return None
    rule = rules.get(state.retention)
    if rule is None:
        return UNKNOWN_CLASS
    return None if rule.liability_ends(state) <= ledger.clock() else LIABILITY_PERIOD


def _changed(db: sqlite3.Connection, key: str) -> bool:
    blocking = "UPDATE data_key SET state = 'blocked' WHERE id = ? AND state = 'open'"
    return bool(db.execute(blocking, (key,)).rowcount)


def _erase(db: sqlite3.Connection, key: str) -> None:
    """Overwrite, then delete: the page holds zeros even where its space is not reused."""
    db.execute("UPDATE data_key SET wrapped = zeroblob(length(wrapped)) WHERE id = ?", (key,))
    db.execute("DELETE FROM data_key WHERE id = ?", (key,))
    db.execute("DELETE FROM co_subject WHERE key = ?", (key,))


def _mentions(db: sqlite3.Connection, subjects: set[str]) -> int:
    """How many keys of others seal something about *subjects*."""
    found: set[str] = set()
    for subject in subjects:
        rows = db.execute(
            "SELECT key FROM co_subject JOIN data_key ON key = id"
            " WHERE co_subject.subject = ? AND data_key.subject <> ?",
            (subject, subject),
        )
        found.update(row[0] for row in rows)
    return len(found)


def _told(
    db: sqlite3.Connection,
    ledger: SqliteLedger,
    kind: Kind,
    why: Why,
    keys: Sequence[str],
    more: Mapping[str, JSON] | None = None,
) -> list[Entry]:
    """The records of an act on *keys*."""
    parts = [keys[at : at + MOST_KEYS] for at in range(0, len(keys), MOST_KEYS)]
    tables = [deeds(db, {"data_key": part, "released": _once_released(db, part)}) for part in parts]
    return [_entry(ledger, kind, why, new_id(), {**(more or {}), "tables": t}) for t in tables]


def _once_released(db: sqlite3.Connection, keys: Sequence[str]) -> list[str]:
    """Releases end with the key: the ids of those among *keys* that had one, now deleted."""
    deleting = "DELETE FROM released WHERE id = ? AND id NOT IN (SELECT id FROM data_key)"
    return [key for key in keys if db.execute(deleting, (key,)).rowcount]


def _n(ids: Sequence[str]) -> dict[str, JSON]:
    return {"count": len(ids)}


def _entry(
    ledger: SqliteLedger,
    kind: Kind,
    why: Why,
    id_: str,
    more: Mapping[str, JSON],
    subject: Pseudonym | None = None,
) -> Entry:
    stated: dict[str, JSON] = {"by": code(why.by), "ground": code(why.ground), **more}
    if why.order is not None:
        stated["order"] = code(why.order)
    return sound(Entry(kind=kind, id=id_, at=ledger.clock(), header=stated, subject=subject))
