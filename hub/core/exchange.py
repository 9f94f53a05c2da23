"""One conversation with one source, exactly as it happened.

An exchange is two records: `Sent`, durable before the first byte leaves, and `Outcome`,
durable before anyone sees the answer. A retry is a second exchange, never an edit of the
first. A `Sent` without `Outcome` is evidence too: the hub asked, and does not know what
came back; start-up closes it with the error `unknown`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, Protocol

from msgspec import Struct, field

from hub.core.document import Document

FORMAT = 1
"""Version of the recorded form; counts on its own, whatever the release."""


class Message(Struct, frozen=True, kw_only=True):
    """Header lines and body as they were on the wire; secret header values are replaced."""

    headers: tuple[tuple[str, str], ...]
    body: bytes


class Origin(Struct, frozen=True, kw_only=True):
    """On whose behalf an exchange happens. Without a subject (token, ping) no body is kept."""

    access: str | None = None
    request: str | None = None
    subject: Document | None = None
    retention: str = "technical"
    bulk: str | None = None
    """Opaque id of a bulk request, which is about many people: its bodies are kept under a key
    of their own until each person's part is sealed under that person's key."""

    @property
    def keeps_bodies(self) -> bool:
        """Whether bodies are recorded: without a person behind it one may be a credential."""
        return self.subject is not None or self.bulk is not None


class Sent(Struct, frozen=True, kw_only=True, tag="sent"):
    """One attempt to ask. `url` can hold an identifier: it is sealed with the message."""

    id: str
    format: int = FORMAT
    origin: Origin
    source: str
    operation: str
    ordinal: int
    """Position of this message within its operation, from 0; a retry keeps it."""
    attempt: int
    at: dt.datetime
    method: str
    url: str
    message: Message


class Outcome(Struct, frozen=True, kw_only=True, tag="outcome"):
    """What came of a `Sent` with the same id: a response, or the reason for none."""

    id: str
    format: int = FORMAT
    origin: Origin
    source: str
    operation: str
    at: dt.datetime
    elapsed_ms: float
    status: int | None = None
    message: Message | None = None
    error: str | None = None
    """A TechnicalReason, `cancelled` or `unknown`."""


class Recorder(Protocol):
    """Where exchanges go."""

    async def record(self, entry: Sent | Outcome) -> None:
        """Return only once *entry* is durable; raise LedgerError if it cannot be."""
        ...


class SourceRecord(Struct, frozen=True, kw_only=True):
    """One decoded answer of one operation, and the exchanges that it came from.

    `payload` is plain data (dict, list, str, int, float, Decimal, bool, None): an element
    that the contract lets repeat is always a list; rows are neither dropped nor reordered.
    `holds` is False when the source said, by its contract, that it holds nothing.
    `asked` names what the request asked for, for the echoes that are not the document
    itself: `{"partner": ("0000001234",)}`.
    """

    source: str
    operation: str
    payload: dict[str, Any]
    exchanges: tuple[str, ...]
    obtained_at: dt.datetime
    holds: bool = True
    size: int = 0
    """Bytes of the answers that it was read from."""
    asked: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
