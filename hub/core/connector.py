"""What a connector is. The whole plug-in surface is this file.

A connector package offers four names: `SPEC` (a Spec), `Settings` (a Struct: its part of
`hub.toml` under `[sources.<name>.settings]`), `open_connector(client, settings)`, and
beside them `simulator.py` for the sandbox.
A connector whose requests hold chance also offers `open_replay(client, settings, requests)`,
which asks again what the recorded request bodies asked: for wire replays.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Protocol

from msgspec import Struct

from hub.core.document import Document
from hub.core.exchange import SourceRecord
from hub.core.model.canonical import PartialDate
from hub.core.policy import Access


class Subject(Struct, frozen=True, kw_only=True):
    """The person asked about, from token claims or the access body, never from a block."""

    document: Document
    given_name: str | None = None
    first_surname: str | None = None
    second_surname: str | None = None
    birth_date: PartialDate | None = None

    def __repr__(self) -> str:
        return f"Subject({self.document!r})"


class Query(Struct, frozen=True, kw_only=True):
    """One question about one person under one access."""

    subject: Subject
    access: Access
    as_of: dt.datetime
    wanted: Mapping[str, frozenset[str]]
    """Per block the canonical field paths that are granted and wanted."""
    deadline: float
    """Absolute, in seconds of the event loop's clock."""
    bases: Mapping[str, str] = {}
    """Per block on what it is asked for: `authorisation`, `no_opposition` or `law`."""
    request: str | None = None
    departed: Callable[[], None] | None = None
    """The hub's own: told when the first message of this query has left."""


class Patience(Struct, frozen=True, kw_only=True):
    """How long the hub waits for an operation, and how often it asks. Network, not law."""

    timeout_s: float = 3.0
    connect_s: float = 0.3
    attempts: int = 2
    max_bytes: int = 4 * 1024 * 1024


class Echo(Struct, frozen=True, kw_only=True):
    """How an answer proves that it belongs to its request.

    `path` leads through the payload with `/`; a list on the way means each of its items.
    Every value found must be one that was asked: the subject's document number where `of`
    is "document", else one of `SourceRecord.asked[of]`. At least one value must be found,
    unless `rows` says that the values stand in rows, of which there may be none; a row of a
    list that does not lead to one is refused.
    """

    path: str
    of: str = "document"
    rows: bool = False


class Operation(Struct, frozen=True, kw_only=True):
    """One logical read of a source, of one or more messages; runs once per position."""

    name: str
    echoes: tuple[Echo, ...]
    patience: Patience = Patience()
    repeatable: bool = True
    """Whether a request that may have arrived can be sent again without a second act in law."""
    legal_effect: bool = False
    """Whether asking has effects in law. Such an operation cannot be configured."""


class Spec(Struct, frozen=True, kw_only=True):
    """A connector's declaration: data, printable without running anything."""

    name: str
    title: str
    owner: str
    operations: tuple[Operation, ...]
    blocks: Mapping[str, tuple[str, ...]]
    """Per block the operations that feed it; of those asked, the first decides whether it is
    empty. An operation is asked only for fields that a mapping reads from it."""

    def operation(self, name: str) -> Operation:
        """The operation called *name*; KeyError if there is none."""
        return {operation.name: operation for operation in self.operations}[name]


class Connector(Protocol):
    """Asks one system. It knows nothing of what the answer means."""

    @property
    def spec(self) -> Spec: ...

    async def fetch(self, operation: str, query: Query) -> SourceRecord:
        """The source's answer to *operation*; every failure is a SourceError."""
        ...

    async def ping(self) -> None:
        """Raise a SourceError unless the source answers; asks about nobody."""
        ...
