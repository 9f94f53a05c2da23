"""What is sealed beside an answer, so that it can be explained and replayed in ten years.

MessagePack with a format number of its own; older formats are read through a chain of
migrations. The leaf commits to the bytes by a salted digest (`decoded`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec
from msgspec import Struct, field

from hub.core.errors import LedgerError
from hub.core.exchange import SourceRecord

FORMAT = 2


class Reading(Struct, frozen=True, kw_only=True):
    """One operation's decoded payload as the mappings got it, and the exchanges behind it."""

    source: str
    operation: str
    exchanges: tuple[str, ...]
    payload: dict[str, Any]
    obtained_at: dt.datetime | None = None
    holds: bool | None = None
    """What the source said by its contract; None in format 1, which did not record it."""


class Evidence(Struct, frozen=True, kw_only=True):
    """The readings of an answer, and per block the digest of its whole canonical value.

    The value before it was narrowed to what was granted: see `hub.mapping.digest`. A block
    without a value (empty, unavailable, denied) has no digest.
    """

    format: int = FORMAT
    readings: tuple[Reading, ...]
    values: Mapping[str, str] = field(default_factory=dict)


def evidence_bytes(records: Iterable[SourceRecord], values: Mapping[str, str]) -> bytes:
    """The sealed form of what *records* hold, with the digests of the blocks' *values*."""
    readings = tuple(
        Reading(
            source=record.source,
            operation=record.operation,
            exchanges=record.exchanges,
            payload=record.payload,
            obtained_at=record.obtained_at,
            holds=record.holds,
        )
        for record in records
    )
    return msgspec.msgpack.encode(Evidence(readings=readings, values=values))


def read_evidence(raw: bytes) -> Evidence:
    """The evidence in *raw*, of any format so far; LedgerError if it is none."""
    try:
        plain = msgspec.msgpack.decode(raw)
        number = plain.get("format") if isinstance(plain, dict) else 1
        if type(number) is not int or not 1 <= number <= FORMAT:
            raise LedgerError("an answer's evidence has a format that this hub does not know")
        for migrate in _MIGRATIONS[number - 1 :]:
            plain = migrate(plain)
        return msgspec.convert(plain, Evidence)
    except (msgspec.MsgspecError, UnicodeDecodeError, TypeError, ValueError, RecursionError):
        raise LedgerError("what is sealed beside an answer is not its evidence") from None


def _from_1(plain: Any) -> dict[str, Any]:
    """Format 1 was a bare list of (source, operation, exchanges, payload)."""
    names = ("source", "operation", "exchanges", "payload")
    return {"format": 2, "readings": [dict(zip(names, row, strict=True)) for row in plain]}


_MIGRATIONS: tuple[Callable[[Any], Any], ...] = (_from_1,)
