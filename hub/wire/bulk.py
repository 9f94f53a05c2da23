"""What a connector offers that can ask about many people in one request, answered later.

The hub runs the request (see `hub.position.bulk`): it says when to send and when to ask for
the answer, and remembers durably how far it came. Reading is apart from sending, so that an
answer that is on record can be read after a crash without being fetched again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, TypeAlias

from msgspec import Struct

from hub.core.connector import Query
from hub.core.errors import SourceError
from hub.core.exchange import SourceRecord
from hub.wire.client import Answer


class BulkRules(Struct, frozen=True, kw_only=True):
    """What the source allows of one operation in bulk. Seconds."""

    limit: int
    """The most people in one request."""
    first_wait_s: float
    """The least time from asking to the first question for the answer."""
    interval_s: float
    """The least time between two questions for the answer."""
    give_up_s: float
    """After so long without an answer the request counts as lost."""
    attempts: int = 5
    """How often one request may be sent, always under the same id, while it never arrives."""


class BulkItem(Struct, frozen=True, kw_only=True):
    """One person of a bulk request; `id` is unique in it, and the answer repeats it."""

    id: str
    query: Query


class Bulk(Struct, frozen=True, kw_only=True):
    """One bulk request: the same `request_id` in every message about it."""

    id: str
    """The hub's own id of it, under which its exchanges are recorded."""
    operation: str
    request_id: str
    retention: str
    items: tuple[BulkItem, ...]
    size: int
    """How many people the request was sent about; more than *items* once one was erased."""
    dropped: frozenset[str] = frozenset()
    """Ids of people who were erased or left out; what comes about them is read by nobody."""


class Accepted(Struct, frozen=True, kw_only=True):
    """The source has the request, and promises the answer after `wait_s` seconds."""

    wait_s: float
    signed: bool = True
    """Whether that is proved to be its own word."""


class NeverArrived(Struct, frozen=True, kw_only=True):
    """The source does not know the request, so that it may be sent under the same id."""


class Gone(Struct, frozen=True, kw_only=True):
    """The source says that it has no answer to the request any more."""

    signed: bool
    """Whether that is proved to be its own word."""


class Part(Struct, frozen=True, kw_only=True):
    """What the answer says of one person: its verified text, and what it decodes to."""

    fragment: bytes | None
    outcome: SourceRecord | SourceError


class Delivered(Struct, frozen=True, kw_only=True):
    """The answer, person by person."""

    items: Mapping[str, Part]
    surplus: int = 0
    """How many parts were about nobody who was asked about; they are shown to nobody."""


Collected: TypeAlias = Accepted | NeverArrived | Gone | Delivered


class BulkConnector(Protocol):
    """Asks about many people at once. Every failure is a SourceError.

    SourceRefused is final where the request is sent first. Any other means that it is not known
    what the source did, so that the answer is asked for and nothing is sent anew. Where the
    answer is asked for none is final: the source may have it, and it is asked for again.
    """

    @property
    def rules(self) -> Mapping[str, BulkRules]:
        """Per operation that can be asked in bulk what is allowed."""
        ...

    def new_request_id(self) -> str:
        """A fresh id that the source will know the request by."""
        ...

    def check(self, operation: str, query: Query) -> None:
        """Raise SourceRefused if *query* does not fit the operation's form; sends nothing."""
        ...

    async def submit(self, bulk: Bulk) -> Answer:
        """Send the request once."""
        ...

    def confirmed(self, bulk: Bulk, answer: Answer) -> Accepted:
        """What the answer to `submit` says; a source that knows the id already has accepted."""
        ...

    async def collect(self, bulk: Bulk) -> Answer:
        """Ask for the answer once."""
        ...

    def delivered(self, bulk: Bulk, answer: Answer) -> Collected:
        """What the answer to `collect` says."""
        ...

    def requested(self, body: bytes) -> Mapping[str, bytes]:
        """Per item id that person's part of a request's recorded *body*, as it was sent."""
        ...
