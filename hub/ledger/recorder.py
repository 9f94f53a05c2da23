"""The wire's exchanges as ledger entries: who asked what on the leaf, the messages sealed."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec
from msgspec import Struct

from hub.core.errors import LedgerError
from hub.core.exchange import FORMAT, Message, Origin, Outcome, Sent
from hub.ledger.store import JSON, Entry, Ledger, Pseudonym, Record

_SHARED_BY_EXCHANGE = frozenset(
    {"access", "attempt", "bulk", "operation", "ordinal", "request", "source"}
)


class RecordedMessage(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is sealed of one half of an exchange. `body` is None where none may be kept."""

    format: int = FORMAT
    method: str | None = None
    url: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None


class LedgerRecorder:
    """A `hub.core.exchange.Recorder` that writes to a ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def record(self, entry: Sent | Outcome) -> None:
        """Return once *entry* is durable and in the tree; LedgerError if it is not."""
        await self._ledger.append([entry_of(entry)])


def entry_of(half: Sent | Outcome) -> Entry:
    """The ledger entry of one half of an exchange."""
    match half:
        case Sent():
            header = _stated(half.origin, half.source, half.operation)
            header |= {"ordinal": half.ordinal, "attempt": half.attempt}
            payload = _sealed(half.message, half.origin, half.method, half.url)
        case Outcome():
            header = _stated(half.origin, half.source, half.operation)
            header |= {"elapsed_us": round(half.elapsed_ms * 1000)}
            header |= _given(status=half.status, error=half.error)
            payload = _sealed(half.message, half.origin)
    return Entry(
        kind="sent" if isinstance(half, Sent) else "outcome",
        id=half.id,
        at=half.at,
        header=header,
        subject=half.origin.subject,
        retention=half.origin.retention,
        payload=payload,
    )


def closing_of(sent: Record, at: dt.datetime) -> Entry:
    """The outcome, `unknown`, of a `sent` that was left without one."""
    header = {name: value for name, value in sent.header.items() if name in _SHARED_BY_EXCHANGE}
    subject = sent.header.get("subject")
    return Entry(
        kind="outcome",
        id=sent.id,
        at=at,
        header={**header, "error": "unknown"},
        subject=None if subject is None else Pseudonym(subject),
        retention=sent.header["retention"],
    )


def recorded_message(payload: bytes) -> RecordedMessage:
    """The message in the opened payload of a `sent` or an `outcome`; LedgerError if malformed."""
    try:
        return msgspec.msgpack.decode(payload, type=RecordedMessage)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise LedgerError("not the payload of an exchange") from None


def _sealed(
    message: Message | None, origin: Origin, method: str | None = None, url: str | None = None
) -> bytes | None:
    """Without a subject (tokens, pings) the body is left out: it may be a credential."""
    if message is None:
        return None
    body = message.body if origin.keeps_bodies else None
    return msgspec.msgpack.encode(
        RecordedMessage(method=method, url=url, headers=message.headers, body=body)
    )


def _stated(origin: Origin, source: str, operation: str) -> dict[str, JSON]:
    return {
        "source": source,
        "operation": operation,
        **_given(access=origin.access, request=origin.request, bulk=origin.bulk),
    }


def _given(**values: Any) -> dict[str, JSON]:
    return {name: value for name, value in values.items() if value is not None}
