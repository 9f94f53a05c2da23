"""Closing an access before its time: on record, and nothing is sent under it from then on.

What was sent already is awaited and recorded, for it was asked; nobody is shown its answer.
The ledger's order proves it: under a closed access no `sent` stands behind its `closing`.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections.abc import Callable

from cachetools import TTLCache

from hub.core.errors import AccessClosed
from hub.core.exchange import Outcome, Recorder, Sent
from hub.core.moment import Clock
from hub.core.policy import Access
from hub.ledger.store import Entry, Ledger
from hub.position.standing import official_of

REMEMBERED = 65_536
REMEMBERED_S = 900.0
"""How many closings are held in memory, and for how long: longer than anything asked under an
access can still be on its way. Older ones are read from the ledger.
"""


class Closings:
    """Which accesses were closed, by this process and on record."""

    def __init__(
        self, ledger: Ledger, clock: Clock, *, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._ledger, self._clock = ledger, clock
        self._closed: TTLCache[str, bool] = TTLCache(REMEMBERED, REMEMBERED_S, timer=now)
        self._flights: dict[str, asyncio.Task[dt.datetime]] = {}

    def check(self, access_id: str | None) -> None:
        """Raise AccessClosed if that access is closed, or is being closed right now."""
        if access_id is not None and (access_id in self._flights or access_id in self._closed):
            raise AccessClosed("the access is closed")

    async def closed_at(self, access_id: str) -> dt.datetime | None:
        """When it was closed; None if it was not. LedgerError if that cannot be read."""
        record = await self._ledger.read(access_id, "closing")
        return None if record is None else record.at

    async def close(self, access: Access, request: str | None) -> dt.datetime:
        """Close *access* and return since when it is closed, once that is durable.

        Closing twice is closing once. After a LedgerError the access is as it was, unless
        the record was written all the same.
        """
        flight = self._flights.get(access.id)
        if flight is None:
            flight = asyncio.ensure_future(self._close(access, request))
            self._flights[access.id] = flight
            flight.add_done_callback(lambda _: self._flights.pop(access.id, None))
        return await asyncio.shield(flight)

    async def _close(self, access: Access, request: str | None) -> dt.datetime:
        found = await self.closed_at(access.id)
        if found is None:
            now = self._clock()
            found = now.replace(microsecond=now.microsecond // 1000 * 1000)  # as the leaf has it
            await self._ledger.append([self._entry(access, request, found)])
        self._closed[access.id] = True
        return found

    def _entry(self, access: Access, request: str | None, at: dt.datetime) -> Entry:
        return Entry(
            kind="closing",
            id=access.id,
            at=at,
            header={"access": access.id, "purpose": access.purpose, "request": request},
            subject=access.subject,
            official=official_of(access),
            retention=access.retention,
        )


class WhileOpen:
    """A Recorder that lets no request begin under a closed access."""

    def __init__(self, inner: Recorder, closings: Closings) -> None:
        self._inner, self._closings = inner, closings

    async def record(self, entry: Sent | Outcome) -> None:
        """As a Recorder; AccessClosed, and nothing written, for a `sent` that comes too late."""
        if isinstance(entry, Sent):
            self._closings.check(entry.origin.access)
        await self._inner.record(entry)
