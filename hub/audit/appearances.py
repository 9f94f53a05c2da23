"""Where somebody appears in what is kept about other people, for their own report.

By source and in sum: whose answers these are, why they were asked for and by whom is the
business of those others (GDPR art. 15.4). What the law seals, and what endangers by its name,
is left out without a trace.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct

from hub.audit.choose import found
from hub.core.document import Document
from hub.core.policy import PurposeTable
from hub.ledger.store import Ledger, Record, Search

_TELLING: tuple[Literal["people", "fragment"], ...] = ("people", "fragment")
"""Kinds of records that say in which source's answers people appear."""


class Appearance(Struct, frozen=True, kw_only=True):
    """How often answers of one source about others name the person, and when."""

    source: str
    times: int
    first: dt.datetime
    last: dt.datetime


async def appearances(
    ledger: Ledger, purposes: PurposeTable, subject: Document, now: dt.datetime
) -> tuple[Appearance, ...]:
    """Where *subject* is one of the others, by source; LedgerError if that cannot be read."""
    own = ledger.pseudonym(subject)
    may_tell: dict[str, bool] = {}
    moments: dict[str, list[dt.datetime]] = {}
    for kind in _TELLING:
        async for record in found(ledger, Search(subject=subject, kind=kind)):
            access = str(record.header["access"])
            if record.header.get("subject") == own:
                continue
            if access not in may_tell:
                may_tell[access] = await _may_tell(ledger, purposes, access, now)
            if may_tell[access]:
                moments.setdefault(str(record.header["source"]), []).append(record.at)
    return tuple(
        Appearance(source=source, times=len(at), first=min(at), last=max(at))
        for source, at in sorted(moments.items())
    )


def is_sealed(access: Record, now: dt.datetime) -> bool:
    """Whether the law keeps *access* from its subject now."""
    until = access.header.get("sealed_until")
    return until is not None and dt.datetime.fromisoformat(until) > now


async def _may_tell(ledger: Ledger, purposes: PurposeTable, access: str, now: dt.datetime) -> bool:
    page = await ledger.search(Search(access=access, kind="access"), limit=1)
    return bool(page.items) and not (
        is_sealed(page.items[0], now) or _is_discreet(purposes, page.items[0].header)
    )


def _is_discreet(purposes: PurposeTable, header: Mapping[str, Any]) -> bool:
    purpose = purposes.get(header["purpose"])
    return purpose is None or purpose.discreet
