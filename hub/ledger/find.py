"""From a `Search` to the indexes of the records that fit, newest first."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import re
import sqlite3
from collections.abc import Iterator

from hub.core.errors import LedgerError
from hub.ledger.batch import official_of, subject_of
from hub.ledger.index import HOUR_MS, Term
from hub.ledger.keys import Keys
from hub.ledger.leaf import milliseconds_of
from hub.ledger.seal import case_file_pseudonym
from hub.ledger.store import Search

MAX_LIMIT = 1000

_PLAIN = ("purpose", "unit", "access", "kind", "source", "operation", "error", "security")
_CURSOR = re.compile(r"before (0|[1-9][0-9]{0,17})")
_END = 2**62
_FIRST = (
    "SELECT idx FROM moment WHERE idx >= (SELECT min(first) FROM hour WHERE hour >= ?)"
    " AND at >= ? ORDER BY idx LIMIT 1"
)


def terms_of(keys: Keys, query: Search) -> list[Term]:
    """What *query* looks for, people and case files by their pseudonyms."""
    terms: list[Term] = []
    if query.subject is not None:
        terms.append(("subject", subject_of(keys, query.subject)))
    if query.official is not None:
        terms.append(("official", official_of(keys, query.official)))
    if query.case_file is not None:
        terms.append(("case_file", case_file_pseudonym(keys, query.case_file)))
    for name in _PLAIN:
        value = getattr(query, name)
        if value is not None:
            terms.append((name, value))
    return terms


def found(
    db: sqlite3.Connection, keys: Keys, query: Search, limit: int, cursor: str | None
) -> tuple[list[int], str | None]:
    """The indexes of a page of *query* in the search index *db*, and the next page's cursor."""
    if not 1 <= limit <= MAX_LIMIT:
        raise LedgerError(f"search: a page has 1 to {MAX_LIMIT} records")
    bounds = _bounds(db, query)
    numbers = _numbers(db, terms_of(keys, query))
    if bounds is None or numbers is None:
        return [], None
    low, high = bounds
    if cursor is not None:
        high = min(high, cursor_index(cursor))
    statement, values = _statement(numbers, query, low, high)
    rows = [row[0] for row in db.execute(f"{statement} LIMIT ?", (*values, limit + 1))]
    more = len(rows) > limit
    return rows[:limit], cursor_before(rows[limit - 1]) if more else None


def first_since(db: sqlite3.Connection, moment: dt.datetime) -> int | None:
    """The first record in the search index *db* that is of *moment* or later."""
    at = milliseconds_of(moment)
    row = db.execute(_FIRST, (at // HOUR_MS, at)).fetchone()
    return None if row is None else row[0]


def cursor_before(index: int) -> str:
    """The cursor of what stands before the record at *index*."""
    return base64.urlsafe_b64encode(f"before {index}".encode()).decode().rstrip("=")


def cursor_index(cursor: str) -> int:
    """The record before which a page begins; LedgerError unless a page gave *cursor*."""
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        match = _CURSOR.fullmatch(raw.decode("ascii"))
    except (binascii.Error, ValueError):
        match = None
    if match is None or cursor_before(int(match[1])) != cursor:
        raise LedgerError("search: no page gave this cursor")
    return int(match[1])


def _bounds(db: sqlite3.Connection, query: Search) -> tuple[int, int] | None:
    """The indexes between which every record of the period stands: low, and one past high."""
    if query.since is None and query.until is None:
        return 0, _END
    since, until = _period(query)
    row = db.execute(
        "SELECT min(first), max(last) FROM hour WHERE hour BETWEEN ? AND ?",
        (since // HOUR_MS, (until - 1) // HOUR_MS),
    ).fetchone()
    return None if row[0] is None else (row[0], row[1] + 1)


def _period(query: Search) -> tuple[int, int]:
    """From and before, in milliseconds."""
    for moment in (query.since, query.until):
        if moment is not None and moment.tzinfo is None:
            raise LedgerError("search: a moment without time zone")
    since = -_END if query.since is None else milliseconds_of(query.since)
    return since, _END if query.until is None else milliseconds_of(query.until)


def _numbers(db: sqlite3.Connection, terms: list[Term]) -> list[int] | None:
    """The numbers of *terms*, the rarest first; None when one of them never occurs."""
    rows = []
    for term in terms:
        row = db.execute("SELECT count, id FROM term WHERE name = ? AND value = ?", term).fetchone()
        if row is None:
            return None
        rows.append(row)
    return [number for _, number in sorted(rows)]


def _statement(
    numbers: list[int], query: Search, low: int, high: int
) -> tuple[str, tuple[int, ...]]:
    """Walk the rarest term backwards and look the others up."""
    return " ".join(_clauses(numbers, query)), tuple(_values(numbers, query, low, high))


def _clauses(numbers: list[int], query: Search) -> Iterator[str]:
    if numbers:
        yield "SELECT p.idx FROM posting p WHERE p.term = ? AND p.idx >= ? AND p.idx < ?"
    else:
        yield "SELECT p.idx FROM moment p WHERE p.idx >= ? AND p.idx < ?"
    for _ in numbers[1:]:
        yield "AND EXISTS (SELECT 1 FROM posting WHERE term = ? AND idx = p.idx)"
    if query.since is not None or query.until is not None:
        yield "AND EXISTS (SELECT 1 FROM moment WHERE idx = p.idx AND at >= ? AND at < ?)"
    yield "ORDER BY p.idx DESC"


def _values(numbers: list[int], query: Search, low: int, high: int) -> Iterator[int]:
    yield from numbers[:1]
    yield from (low, high)
    yield from numbers[1:]
    if query.since is not None or query.until is not None:
        yield from _period(query)
