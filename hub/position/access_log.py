"""Who looked at a citizen's data, for the citizen: read from the ledger's own leaves.

There is no second list that could differ from the evidence. A leaf says when, who, why and
through which channel; the `answer` leaves of an access say which blocks were shown. What the
law seals is absent without a trace until it opens, and whatever endangers by its name is
generic: a sealed access costs neither a gap in the page nor a different cursor.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Mapping
from typing import Any, Literal

from msgspec import Struct

from hub.core.document import Document
from hub.core.moment import Clock, new_id
from hub.core.policy import PlainText, Purpose, PurposeTable
from hub.ledger.find import cursor_before
from hub.ledger.store import Entry, Ledger, Record, Search
from hub.position.units import UnitTable

SCANNED = 1000
"""Accesses that one page looks through at most; beyond, it ends early, with a cursor."""

_BATCH = 100
_SHOWN = ("fresh", "stale", "empty")
"""States of a block in which something about the person was told, be it that nothing is held."""

GENERIC_PURPOSE = PlainText("Actuación de los servicios municipales", "A municipal service's work")
GENERIC_EXPLANATION = PlainText(
    "Un servicio municipal ha consultado sus datos en el ejercicio de sus funciones.",
    "A municipal service has looked up your data in the exercise of its duties.",
)


class PurposeView(Struct, frozen=True, kw_only=True, rename="camel"):
    """Why, in plain words."""

    title: PlainText
    explanation: PlainText
    code: str | None = None
    legal_basis: str | None = None
    procedure: str | None = None
    ask_or_object: PlainText | None = None
    """How to ask about it or object to it."""


class Look(Struct, frozen=True, kw_only=True, rename="camel"):
    """One access to the citizen's data."""

    id: str
    """What to quote when asking about it."""
    at: dt.datetime
    actor: Literal["yourself", "official", "system"]
    body: str
    """The public body."""
    unit: PlainText | None
    """None for the citizen's own."""
    purpose: PurposeView
    channel: str
    blocks: tuple[str, ...]
    """What was told, in the canonical model's names; none where it was declared and not used."""
    answers: int
    """How many times something was asked under it."""
    last_at: dt.datetime | None
    """When something was last asked under it."""
    closed_at: dt.datetime | None


class LookPage(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Accesses, newest first; `next` leads to older ones."""

    items: tuple[Look, ...]
    next: str | None = None


class LookFilter(Struct, frozen=True, kw_only=True):
    """What the citizen wants to see: from *since* on, before *until*, with *block* told."""

    since: dt.datetime | None = None
    until: dt.datetime | None = None
    block: str | None = None


class AccessLog:
    """Reads the log of one subject at a time."""

    def __init__(
        self,
        ledger: Ledger,
        purposes: PurposeTable,
        units: UnitTable,
        bodies: Mapping[str, str],
        clock: Clock,
    ) -> None:
        self._ledger, self._purposes, self._clock = ledger, purposes, clock
        self._units, self._bodies = units, bodies

    async def page(
        self, subject: Document, wanted: LookFilter, limit: int, cursor: str | None
    ) -> LookPage:
        """Up to *limit* accesses about *subject*; LedgerError for a cursor that no page gave."""
        found: list[tuple[int, Look]] = []
        scanned, last = 0, 0
        async for record in self._accesses(subject, wanted, cursor):
            scanned, last = scanned + 1, record.index
            look = None if self._is_sealed(record) else await self._look(subject, record)
            if look is not None and (wanted.block is None or wanted.block in look.blocks):
                found.append((record.index, look))
            if len(found) > limit:
                return _page(found[:limit], cursor_before(found[limit - 1][0]))
            if scanned >= SCANNED:
                return _page(found, cursor_before(last))
        return _page(found, None)

    async def note(self, subject: Document, request: str | None) -> None:
        """Put on record that *subject* reads this log, before anything of it is read."""
        header = {"action": "access_log", "channel": "me", "request": request}
        entry = Entry(kind="search", id=new_id(), at=self._clock(), header=header, subject=subject)
        await self._ledger.append([entry])

    async def _accesses(
        self, subject: Document, wanted: LookFilter, cursor: str | None
    ) -> AsyncIterator[Record]:
        query = Search(subject=subject, kind="access", since=wanted.since, until=wanted.until)
        while True:
            page = await self._ledger.search(query, limit=_BATCH, cursor=cursor)
            for record in page.items:
                yield record
            cursor = page.cursor
            if cursor is None:
                return

    def _is_sealed(self, record: Record) -> bool:
        until = record.header.get("sealed_until")
        return until is not None and dt.datetime.fromisoformat(until) > self._clock()

    async def _look(self, subject: Document, record: Record) -> Look:
        header = record.header
        answers = await self._answers(subject, record.id)
        closing = await self._ledger.search(Search(access=record.id, kind="closing"), limit=1)
        own = header.get("audience") == "citizen"
        purpose = self._purposes.get(header["purpose"])
        return Look(
            id=record.id,
            at=record.at,
            actor="yourself" if own else _actor(header),
            body=self._bodies.get(header.get("issuer") or "", ""),
            unit=None if own else unit_view(purpose, self._units, header),
            purpose=purpose_view(purpose, header),
            channel=header.get("channel") or "api",
            blocks=_blocks_of(answers),
            answers=len(answers),
            last_at=answers[0].at if answers else None,
            closed_at=closing.items[0].at if closing.items else None,
        )

    async def _answers(self, subject: Document, access_id: str) -> list[Record]:
        """Every answer under an access, newest first."""
        query = Search(subject=subject, kind="answer", access=access_id)
        page = await self._ledger.search(query, limit=_BATCH)
        found = list(page.items)
        while page.cursor is not None:
            page = await self._ledger.search(query, limit=_BATCH, cursor=page.cursor)
            found += page.items
        return found


def _page(found: list[tuple[int, Look]], cursor: str | None) -> LookPage:
    return LookPage(items=tuple(look for _, look in found), next=cursor)


def _actor(header: Mapping[str, Any]) -> Literal["official", "system"]:
    return "official" if header.get("audience") == "official" else "system"


def _blocks_of(answers: list[Record]) -> tuple[str, ...]:
    """The blocks of which something was told in any of *answers*."""
    told = {
        name: None
        for answer in answers
        for name, block in answer.header.get("blocks", {}).items()
        if block.get("state") in _SHOWN
    }
    return tuple(sorted(told))


def unit_view(purpose: Purpose | None, units: UnitTable, header: Mapping[str, Any]) -> PlainText:
    """The unit's name, the system's where there is no unit, or the generic words."""
    if purpose is None or purpose.discreet:
        return units.generic
    code = header.get("unit") or header.get("client") or ""
    return units.names().get(code, units.generic)


def purpose_view(purpose: Purpose | None, header: Mapping[str, Any]) -> PurposeView:
    """The purpose's own words; generic ones where its name endangers or nobody knows it now."""
    if purpose is None or purpose.discreet:
        asking = None if purpose is None else purpose.opposition_text
        return PurposeView(
            title=GENERIC_PURPOSE, explanation=GENERIC_EXPLANATION, ask_or_object=asking
        )
    return PurposeView(
        code=purpose.code,
        title=purpose.title,
        explanation=purpose.explanation,
        legal_basis=header.get("legal_basis"),
        procedure=header.get("procedure"),
        ask_or_object=purpose.opposition_text,
    )
