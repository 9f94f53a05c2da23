"""Choose recorded answers: by a search, by their ids, or as known on a day."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable

from msgspec.structs import replace

from hub.audit.case import Case, NotOnRecord, open_case
from hub.core.document import Document
from hub.core.errors import PayloadBlocked, PayloadDestroyed
from hub.ledger.store import Ledger, Record, Search

PAGE = 500


async def found(ledger: Ledger, search: Search, most: int | None = None) -> AsyncIterator[Record]:
    """The records that fit, newest first, at most *most*; payloads stay sealed."""
    cursor, left = None, most
    while left is None or left > 0:
        page = await ledger.search(
            search, limit=PAGE if left is None else min(PAGE, left), cursor=cursor
        )
        for record in page.items:
            yield record
        left = None if left is None else left - len(page.items)
        cursor = page.cursor
        if cursor is None:
            return


def is_about(ledger: Ledger, record: Record, subject: Document) -> bool:
    """Whether *record* is about *subject*, and not about somebody whose data name them.

    The leaf says so before anything is opened; a masked number is that of many people.
    """
    return bool(record.header.get("subject") == ledger.pseudonym(subject))


async def cases(
    ledger: Ledger,
    search: Search,
    most: int | None = None,
    closed: list[str] | None = None,
    before: Callable[[Record], Awaitable[None]] | None = None,
) -> AsyncIterator[Case]:
    """The answers that fit, opened, newest first; those that name a subject searched for too.

    *before* is awaited with each of them while it is still sealed.

    One that is blocked or destroyed is passed over, and its id is added to *closed*: erasing
    a person must not end an audit, nor go unmentioned in it.
    """
    async for record in found(ledger, replace(search, kind="answer"), most):
        if before is not None:
            await before(record)
        try:
            case = await open_case(ledger, record.id)
        except (PayloadBlocked, PayloadDestroyed):
            if closed is not None:
                closed.append(record.id)
            continue
        yield case


async def as_known_at(
    ledger: Ledger, subject: Document, moment: dt.datetime, purpose: str | None = None
) -> Case:
    """The last answer about *subject* at *moment* (aware); NotOnRecord if there was none."""
    until = moment + dt.timedelta(milliseconds=1)
    search = Search(subject=subject, purpose=purpose, kind="answer", until=until)
    async for record in found(ledger, search):
        if is_about(ledger, record, subject):
            return await open_case(ledger, record.id)
    raise NotOnRecord("no answer about this person at that moment")
