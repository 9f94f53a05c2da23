"""The bodies of `/v1/audit`: what auditors ask, and what is not answered by a type of `hub.audit`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Annotated, Any

from msgspec import Meta, Struct

from hub.audit.act import SHORTEST_REASON
from hub.ledger.store import Kind

Reason = Annotated[str, Meta(min_length=SHORTEST_REASON, max_length=500)]
Text = Annotated[str, Meta(min_length=1, max_length=250)]
MOST_REPLAYED = 1000


class Body(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A request of an auditor."""


class SearchRequest(Body, frozen=True):
    """What to look for, and why. Everything that is given must fit."""

    reason: Reason
    subject: Text | None = None
    official: Text | None = None
    case_file: Text | None = None
    purpose: Text | None = None
    unit: Text | None = None
    access: Text | None = None
    kind: Kind | None = None
    source: Text | None = None
    operation: Text | None = None
    error: Text | None = None
    security: Text | None = None
    since: Annotated[dt.datetime, Meta(tz=True)] | None = None
    until: Annotated[dt.datetime, Meta(tz=True)] | None = None
    limit: Annotated[int, Meta(ge=1, le=500)] = 50
    cursor: Text | None = None


class LineageRequest(Body, frozen=True):
    """Why, which block, and whether values are shown."""

    reason: Reason
    block: Text | None = None
    reveal: bool = False


class ReplayRequest(Body, frozen=True):
    """Which answers: those named, or those that a search finds."""

    reason: Reason
    answers: Annotated[tuple[Text, ...], Meta(max_length=MOST_REPLAYED)] = ()
    purpose: Text | None = None
    since: Annotated[dt.datetime, Meta(tz=True)] | None = None
    until: Annotated[dt.datetime, Meta(tz=True)] | None = None
    most: Annotated[int, Meta(ge=1, le=MOST_REPLAYED)] = 100
    reveal: bool = False


class SampleRequest(Body, frozen=True):
    """The period (its end excluded), the size, of what, and why.

    `checkpoint` is the signed note of the tree that auditor and audited agreed on; by default
    the first that was signed after the period.
    """

    reason: Reason
    since: Annotated[dt.datetime, Meta(tz=True)]
    until: Annotated[dt.datetime, Meta(tz=True)]
    size: Annotated[int, Meta(ge=1, le=10_000)]
    kind: Kind = "access"
    checkpoint: Annotated[str, Meta(min_length=1, max_length=4096)] | None = None


class RecordView(Struct, frozen=True, kw_only=True):
    """What stands in clear of a record."""

    index: int
    kind: str
    id: str
    at: dt.datetime
    header: Mapping[str, Any]


class SearchPage(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Some of what was found; `cursor` leads to the rest."""

    records: tuple[RecordView, ...]
    cursor: str | None = None


class HeadView(Struct, frozen=True, kw_only=True):
    """A checkpoint as a C2SP signed note. Its key is had elsewhere, or it proves nothing."""

    note: str
