"""What a ledger keeps, and what every ledger promises, whatever it is stored in."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Generic, Literal, NewType, Protocol, TypeAlias, TypeVar

from msgspec import Struct, field

from hub.core.document import Document
from hub.ledger.checkpoint import Checkpoint

Kind = Literal[
    "access",
    "denial",
    "sent",
    "outcome",
    "answer",
    "security",
    "register",
    "reveal",
    "search",
    "block",
    "release",
    "hold",
    "lift",
    "refusal",
    "destroy",
    "delivery",
    "rotation",
    "mapping",
    "duty",
    "closing",
    "fragment",
    "bulk",
    "people",
    "switch",
]
"""What a record tells. Closed: a new kind is a new promise to auditors."""

OWN_KINDS: frozenset[Kind] = frozenset({"block", "release", "hold", "lift", "destroy", "rotation"})
"""Kinds that tell what was done to the ledger itself: only its own commands write them."""

T_co = TypeVar("T_co", covariant=True)

JSON: TypeAlias = "str | int | float | bool | Sequence[JSON] | Mapping[str, JSON] | None"

Pseudonym = NewType("Pseudonym", str)
"""64 hexadecimal digits that stand for a subject, an official or a case file; only the
pseudonym key leads to them, and each of the three has its own.
"""


class Entry(Struct, frozen=True, kw_only=True):
    """A record to be. *header* becomes part of the leaf, for ever and in clear: codes,
    numbers and opaque ids only. What is personal goes into *payload*, which is sealed.

    `decoded` is sealed beside the payload, and the leaf commits to it by a digest of its
    own (salted, because a short answer about a known person could be guessed).
    """

    kind: Kind
    id: str
    """Opaque, unique within the kind; an `outcome` has the id of its `sent`."""
    at: dt.datetime
    header: Mapping[str, JSON] = field(default_factory=dict)
    subject: Document | Pseudonym | None = None
    others: Sequence[Document | Pseudonym] = ()
    """Other people inside the payload (a household): indexed, so that access and erasure
    find them. Those of a `people` record are inside the answers of its `exchanges`."""
    exchanges: Sequence[str] = ()
    """Of a `people` record alone: the exchanges, on record already, that it speaks of."""
    official: Document | Pseudonym | None = None
    case_file: str | None = None
    """In clear here, keyed on the leaf: a case file's number can name a person."""
    retention: str = "technical"
    payload: bytes | None = None
    decoded: bytes | None = None

    def __repr__(self) -> str:
        return f"Entry({self.kind!r}, {self.id!r})"


class Receipt(Struct, frozen=True, kw_only=True):
    """Proof of writing: the first record's index, and a tree that holds all of them."""

    first: int
    size: int
    root: bytes


class Record(Struct, frozen=True, kw_only=True):
    """A record as it is kept. `payload` and `decoded` are None where none was recorded, and
    where the record was only listed.
    """

    index: int
    kind: str
    id: str
    at: dt.datetime
    leaf: bytes
    """The canonical header (RFC 8785) whose hash is the leaf."""
    header: Mapping[str, Any]
    payload: bytes | None = None
    decoded: bytes | None = None
    salt: bytes | None = None
    """With it anybody can hold `decoded` against the digest on the leaf."""

    def __repr__(self) -> str:
        return f"Record({self.index}, {self.kind!r}, {self.id!r})"


class Inclusion(Struct, frozen=True, kw_only=True):
    """That a record is in the log: RFC 6962 audit path up to a signed checkpoint."""

    index: int
    leaf: bytes
    path: tuple[bytes, ...]
    checkpoint: Checkpoint


class Search(Struct, frozen=True, kw_only=True):
    """What to look for: a record fits when it fits everything that is given.

    Purpose, unit, official and case file are those of the record, or of the access that the
    record was made under.
    """

    subject: Document | Pseudonym | None = None
    """Also where this person is one of the `others`."""
    official: Document | Pseudonym | None = None
    case_file: str | None = None
    purpose: str | None = None
    unit: str | None = None
    access: str | None = None
    kind: Kind | None = None
    source: str | None = None
    operation: str | None = None
    error: str | None = None
    """The outcome's reason; `none` for outcomes without one."""
    security: str | None = None
    """The reason of a security event."""
    since: dt.datetime | None = None
    """Not before; aware."""
    until: dt.datetime | None = None
    """Before; aware."""

    def __repr__(self) -> str:
        given = [name for name in self.__struct_fields__ if getattr(self, name) is not None]
        return f"Search({', '.join(given)})"


class Page(Struct, Generic[T_co], frozen=True, kw_only=True):
    """Some of what was found, newest first; `cursor` leads to the rest, None at the end."""

    items: tuple[T_co, ...]
    cursor: str | None = None


class Ledger(Protocol):
    """Append-only records under a Merkle tree. Whatever it cannot do is a LedgerError."""

    async def append(self, entries: Sequence[Entry]) -> Receipt:
        """Write all of *entries* or none, and return once they are durable and in the tree.

        A cancelled append is still written. After a LedgerError the entries may or may
        not be on record, and the next append is tried afresh.
        """
        ...

    def pseudonym(self, subject: Document) -> Pseudonym:
        """What stands for *subject* in this ledger."""
        ...

    async def size(self) -> int:
        """How many records there are."""
        ...

    async def read(self, id: str, kind: Kind) -> Record | None:  # noqa: A002 - its name in the header
        """The record with its payload opened; None if there is none.

        LedgerError if it is not what was written, or its key is gone.
        """
        ...

    async def find(self, id: str, kind: Kind) -> Record | None:  # noqa: A002 - as above
        """The record, its payload left sealed; None if there is none.

        What was blocked or destroyed is found too. LedgerError if its leaf is not what was
        written.
        """
        ...

    async def payload(self, kind: Kind, id: str) -> bytes | None:  # noqa: A002 - as above
        """The opened payload of a record; None if there is no such record or it has none."""
        ...

    async def are_open(self, exchanges: Sequence[str]) -> bool:
        """Whether the answers of all *exchanges* are on record and neither blocked, released
        or not, nor destroyed.
        """
        ...

    async def recent(self, count: int = 50, before: int | None = None) -> tuple[Record, ...]:
        """The last records, newest first, below index *before*; payloads stay sealed."""
        ...

    async def records(self, first: int, count: int = 100) -> tuple[Record, ...]:
        """Up to *count* records from index *first* on, in order; payloads stay sealed."""
        ...

    async def search(
        self, query: Search, *, limit: int = 50, cursor: str | None = None
    ) -> Page[Record]:
        """The newest records that fit *query*, at most *limit* (1 to 1000); payloads stay
        sealed. It sees everything that was appended before it was called.

        Searching does not record itself: who searches for people appends a `search`.
        LedgerError for a cursor that no page gave.
        """
        ...

    async def checkpoint(self) -> Checkpoint:
        """The signed head of everything appended so far, stored before it is returned."""
        ...

    async def head_of(self, note: str) -> Checkpoint:
        """The head in a signed note; NotOfThisTree unless this log signed it and extends it."""
        ...

    async def heads_of(self, size: int) -> tuple[Checkpoint, ...]:
        """The signed heads of the tree of *size* records that are stored, the oldest first.

        More than one where the key changed and nothing else did.
        """
        ...

    async def head_past(self, moment: dt.datetime) -> Checkpoint | None:
        """The first signed head that covers a record of *moment* (aware) or later; None if
        there is no such record. Whoever asks later gets the same one.
        """
        ...

    async def prove(self, index: int) -> Inclusion | None:
        """Proof that the record at *index* is in the log; None if there is no such record."""
        ...

    async def prove_extends(self, old: int, new: int) -> tuple[bytes, ...]:
        """The consistency proof between two sizes; LedgerError unless 0 < old <= new <= size."""
        ...

    async def orphans(self) -> tuple[Record, ...]:
        """Every `sent` that has no `outcome`."""
        ...

    async def close_orphans(self, bulk: str | None = None) -> int:
        """Give every orphan an outcome with the error `unknown`; how many there were.

        Only for the one process that sends, before it sends: an exchange in flight is an
        orphan too. Those of a bulk request are left to whoever works on it, and names it.
        """
        ...

    async def writable(self) -> bool:
        """Whether a write goes through now; never raises."""
        ...

    async def close(self) -> None:
        """Finish what was begun and sign a last checkpoint. Appending is over."""
        ...
