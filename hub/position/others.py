"""The people in an answer beside its subject: on record before anybody believes the answer.

An answer is sealed before it is decoded, so the record of an exchange cannot name them. A
`people` record does, as soon as they are known, whether or not the answer is ever shown:
search, access requests, holds and erasure find them by it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Protocol

from hub.core.connector import Query
from hub.core.document import Document
from hub.core.exchange import SourceRecord
from hub.core.moment import Clock, new_id
from hub.core.people import people_named
from hub.core.policy import Access
from hub.core.position import Provenance
from hub.ledger.store import Entry, Ledger
from hub.position.standing import official_of


class Witness(Protocol):
    """Whoever notes the people in a decoded answer, and knows whether it may still be used."""

    async def note(self, query: Query, record: SourceRecord) -> None:
        """Return once they are on record; LedgerError if they cannot be."""
        ...

    async def is_open(self, record: SourceRecord) -> bool:
        """Whether nobody has blocked or destroyed what *record* was read from."""
        ...


class LedgerWitness:
    """A Witness that writes to a ledger."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self._ledger, self._clock = ledger, clock

    async def note(self, query: Query, record: SourceRecord) -> None:
        others = others_among(people_named(record.payload), query.access)
        if others:
            entry = people_entry(
                query.access,
                others,
                at=self._clock(),
                request=query.request,
                source=record.source,
                operations=(record.operation,),
                exchanges=record.exchanges,
            )
            await self._ledger.append([entry])

    async def is_open(self, record: SourceRecord) -> bool:
        return await self._ledger.are_open(record.exchanges)


def others_among(people: Iterable[Document], access: Access) -> tuple[Document, ...]:
    """*people* without the subject of *access*, and without the official who works under it:
    an official's acts are never found by the official's document as a citizen.
    """
    return tuple(sorted(set(people) - {access.subject, official_of(access)}))


def late_entries(
    access: Access,
    named: Iterable[tuple[Provenance, frozenset[Document]]],
    at: dt.datetime,
    request: str | None,
) -> list[Entry]:
    """For each block with its provenance the people whom only its canonical value names."""
    return [
        people_entry(
            access,
            others,
            at=at,
            request=request,
            source=found.source,
            operations=(),
            exchanges=found.exchanges,
        )
        for found, people in named
        if (others := others_among(people, access))
    ]


def people_entry(
    access: Access,
    others: tuple[Document, ...],
    *,
    at: dt.datetime,
    request: str | None,
    source: str,
    operations: tuple[str, ...],
    exchanges: tuple[str, ...],
) -> Entry:
    """That *exchanges* of one source, made for *access* or shared with it, speak of *others*."""
    return Entry(
        kind="people",
        id=new_id(),
        at=at,
        header={
            "access": access.id,
            "request": request,
            "source": source,
            "operations": operations,
        },
        subject=access.subject,
        others=others,
        exchanges=exchanges,
        retention=access.retention,
    )
