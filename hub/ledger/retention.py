"""When a payload's use ends and when liability for it ends, by the classes of the purposes."""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Mapping, Sequence

from msgspec import Struct, field

from hub.core.consistency import KEPT_CLASSES
from hub.ledger.leaf import moment_of

_STATES = "SELECT id, subject, retention, period, state FROM data_key"
_LAST_OF_OLD = (
    "SELECT max(json_extract(CAST(header AS TEXT), '$.at')) FROM leaf JOIN sealed USING (idx)"
    " WHERE json_extract(CAST(header AS TEXT), '$.key') = ?"
)
_HELD = (
    "SELECT 1 FROM hold WHERE subject = ?"
    " OR subject IN (SELECT subject FROM co_subject WHERE key = ?)"
)


class KeyState(Struct, frozen=True, kw_only=True):
    """A data key as the table keeps it, without the key; `last` is the end of what it sealed."""

    id: str
    subject: str
    retention: str
    state: str
    last: dt.datetime


class Rule(Struct, frozen=True, kw_only=True):
    """A retention class: days of use, and days of liability after them."""

    use_days: int
    blocked_days: int

    def use_ends(self, key: KeyState) -> dt.datetime:
        """The moment at which *key*'s payloads are to be blocked."""
        return key.last + dt.timedelta(days=self.use_days)

    def liability_ends(self, key: KeyState) -> dt.datetime:
        """The moment at which *key* is to be destroyed."""
        return key.last + dt.timedelta(days=self.use_days + self.blocked_days)


class Due(Struct, frozen=True, kw_only=True):
    """What the classes ask for at a moment: ids of data keys."""

    block: tuple[str, ...] = ()
    destroy: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    """Due to be destroyed, and stopped by a legal hold."""
    unknown: Mapping[str, int] = field(default_factory=dict)
    """Classes that no rule speaks of, and how many keys they have: nothing becomes of these."""


def due_at(db: sqlite3.Connection, rules: Mapping[str, Rule], now: dt.datetime) -> Due:
    """What *rules* ask for at *now*."""
    block: list[str] = []
    destroy: list[str] = []
    held: list[str] = []
    unknown: dict[str, int] = {}
    for state in key_states(db):
        if state.retention in KEPT_CLASSES:
            continue
        rule = rules.get(state.retention)
        if rule is None:
            unknown[state.retention] = unknown.get(state.retention, 0) + 1
        elif rule.liability_ends(state) <= now:
            (held if is_held(db, state) else destroy).append(state.id)
        elif rule.use_ends(state) <= now and state.state == "open":
            block.append(state.id)
    return Due(block=tuple(block), destroy=tuple(destroy), held=tuple(held), unknown=unknown)


def key_states(db: sqlite3.Connection, ids: Sequence[str] | None = None) -> list[KeyState]:
    """The states of the keys *ids* that there are, or of all keys."""
    if ids is None:
        rows = db.execute(f"{_STATES} ORDER BY period, id").fetchall()
    else:
        found = (db.execute(f"{_STATES} WHERE id = ?", (id_,)).fetchone() for id_ in ids)
        rows = [row for row in found if row is not None]
    return [
        KeyState(id=id_, subject=subject, retention=class_, state=now, last=_last(db, id_, period))
        for id_, subject, class_, period, now in rows
    ]


def is_held(db: sqlite3.Connection, key: KeyState) -> bool:
    """Whether a hold in force stands on *key*'s subject, or on another person in its payloads."""
    return db.execute(_HELD, (key.subject, key.id)).fetchone() is not None


def _last(db: sqlite3.Connection, key: str, period: str) -> dt.datetime:
    """When the key's last payload may have been written: the end of its month.

    Keys of ledgers of format 1 have no month; there the records say it.
    """
    if not period:
        at = db.execute(_LAST_OF_OLD, (key,)).fetchone()[0]
        return moment_of(at or 0)
    year, month = map(int, period.split("-"))
    return dt.datetime(year + month // 12, month % 12 + 1, 1, tzinfo=dt.UTC)
