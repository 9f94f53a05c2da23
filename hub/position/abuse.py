"""How much each official asks: too much in an hour is a security event, and may end there.

Two counters per official and purpose: positions that are read, and distinct people about whom
accesses are declared. The bounds stand in the table of purposes. Memory is bounded: of each
counter only as many marks are kept as its bound allows, people as keyed digests. A new process
counts on from what the ledger says of the last hour.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import math
import os
from collections.abc import Hashable
from typing import Literal

import msgspec
import structlog
from cachetools import TTLCache

from hub.core.document import Document
from hub.core.errors import HubError, LedgerError
from hub.core.moment import Clock, new_id
from hub.core.policy import Access, PurposeTable
from hub.ledger.store import Entry, Kind, Ledger, Record, Search
from hub.position.standing import official_of, unit_of

log = structlog.get_logger()

HOUR = dt.timedelta(hours=1)
MAX_COUNTERS = 100_000
"""Counters in memory; of more, the one that was used least recently is forgotten."""

MAX_RESTORED = 20_000
"""Records of each kind in the last hour that a new process counts at most."""

Measure = Literal["inquiries", "subjects"]


class Stopped(HubError):
    """The purpose allows this official no more for now; *retry_after* is in seconds."""

    def __init__(self, measure: Measure, retry_after: int) -> None:
        super().__init__(f"too many {measure} in an hour")
        self.measure, self.retry_after = measure, retry_after


class _Counter:
    """Distinct marks of the last hour, at most *bound* and one more of them."""

    def __init__(self, bound: int) -> None:
        self.bound = bound
        self._marks: dict[Hashable, dt.datetime] = {}
        self.told: dt.datetime | None = None
        """When the last security event was raised."""

    def is_full(self, mark: Hashable, now: dt.datetime) -> bool:
        """Whether *mark* would be one too many."""
        while self._marks and next(iter(self._marks.values())) <= now - HOUR:
            del self._marks[next(iter(self._marks))]
        return mark not in self._marks and len(self._marks) >= self.bound

    def add(self, mark: Hashable, now: dt.datetime) -> None:
        """Count *mark*, as the newest."""
        self._marks.pop(mark, None)
        self._marks[mark] = now
        if len(self._marks) > self.bound + 1:
            del self._marks[next(iter(self._marks))]

    def frees_in(self, now: dt.datetime) -> int:
        """Seconds until the oldest mark is an hour old."""
        oldest = next(iter(self._marks.values()), now)
        return max(1, math.ceil((oldest + HOUR - now).total_seconds()))


class Abuse:
    """The counters of every official; one per hub."""

    def __init__(self, ledger: Ledger, purposes: PurposeTable, clock: Clock) -> None:
        self._ledger, self._purposes, self._clock = ledger, purposes, clock
        self._counters: TTLCache[Hashable, _Counter] = TTLCache(
            MAX_COUNTERS, 2 * HOUR.total_seconds(), timer=lambda: clock().timestamp()
        )
        self._key = os.urandom(32)

    def under(self, purposes: PurposeTable) -> None:
        """Count on, with the bounds of *purposes*."""
        self._purposes = purposes

    async def declared(self, access: Access, request: str | None) -> None:
        """Before *access* is put on record: its subject may be one too many. Raises Stopped;
        LedgerError where the security event cannot be written.
        """
        await self._count(access, "subjects", self._digest(access.subject), request)

    async def inquired(self, access: Access, request: str | None) -> None:
        """Before a position is read under *access*. Raises as `declared` does."""
        await self._count(access, "inquiries", object(), request)

    async def restore(self) -> int:
        """Count what the ledger says of the last hour; how many records that were."""
        records = [*await self._recent("answer"), *await self._recent("access")]
        known: dict[str, Access | None] = {}
        for record in sorted(records, key=lambda record: record.index):
            access_id = str(record.header.get("access") or record.id)
            access = await self._access(access_id, known)
            if access is not None:
                self._restored(access, record.kind, record.at)
        return len(records)

    async def _recent(self, kind: Kind) -> list[Record]:
        query, cursor = Search(kind=kind, since=self._clock() - HOUR), None
        found: list[Record] = []
        while len(found) < MAX_RESTORED:
            page = await self._ledger.search(query, limit=1000, cursor=cursor)
            found += page.items
            cursor = page.cursor
            if cursor is None:
                break
        return found

    async def _access(self, access_id: str, known: dict[str, Access | None]) -> Access | None:
        if access_id not in known:
            try:
                payload = await self._ledger.payload("access", access_id)
            except LedgerError:  # its key is gone: nobody can be counted for it
                payload = None
            known[access_id] = (
                None if payload is None else msgspec.msgpack.decode(payload, type=Access)
            )
        return known[access_id]

    def _restored(self, access: Access, kind: str, at: dt.datetime) -> None:
        measure: Measure = "subjects" if kind == "access" else "inquiries"
        counter = self._counter(access, measure)
        if counter is not None:
            mark = self._digest(access.subject) if kind == "access" else object()
            counter.add(mark, at)

    def _counter(self, access: Access, measure: Measure) -> _Counter | None:
        """The counter of whoever holds *access*; None where the purpose sets no bound."""
        purpose = self._purposes.get(access.purpose)
        if purpose is None or purpose.limits is None:
            return None
        limits = purpose.limits
        bound = limits.subjects_per_hour if measure == "subjects" else limits.inquiries_per_hour
        key = (access.caller.issuer, access.caller.subject_id, access.purpose, measure)
        counter = self._counters.pop(key, None) or _Counter(bound)
        counter.bound = bound
        self._counters[key] = counter
        return counter

    async def _count(
        self, access: Access, measure: Measure, mark: Hashable, request: str | None
    ) -> None:
        counter, now = self._counter(access, measure), self._clock()
        if counter is None:
            return
        if not counter.is_full(mark, now):
            counter.add(mark, now)
            return
        purpose = self._purposes.get(access.purpose)
        stops = purpose is not None and purpose.limits is not None and purpose.limits.stops
        if counter.told is None or counter.told <= now - HOUR:
            counter.told = now
            try:
                await self._ledger.append([self._event(access, measure, request, stops=stops)])
            except LedgerError:
                counter.told = None
                raise
            log.warning("abuse_threshold_crossed", purpose=access.purpose, measure=measure)
        if stops:
            raise Stopped(measure, counter.frees_in(now))
        counter.add(mark, now)

    def _event(
        self, access: Access, measure: Measure, request: str | None, *, stops: bool
    ) -> Entry:
        """Who did it is sealed; the leaf has what auditors search by."""
        holder = {"issuer": access.caller.issuer, "subject_id": access.caller.subject_id}
        return Entry(
            kind="security",
            id=new_id(),
            at=self._clock(),
            header={
                "reason": f"abuse_{measure}",
                "purpose": access.purpose,
                "audience": access.caller.audience,
                "unit": unit_of(access),
                "stopped": stops,
                "request": request,
            },
            official=official_of(access),
            payload=msgspec.msgpack.encode(holder),
        )

    def _digest(self, document: Document) -> bytes:
        """A person as a counter keeps them: unreadable without this process's own key."""
        text = f"{document.type} {document.number}".encode()
        return hashlib.blake2b(text, key=self._key, digest_size=16).digest()
