"""Operations under way, apart from the requests that wait for them.

A flight belongs to nobody's request: whoever began it may leave, and the others still get its
answer. When the last one leaves, it ends, unless it may go on in the background or cannot be
taken back (an act on record at the State's platform that was already sent).
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

from hub.core.connector import Query
from hub.core.errors import LedgerError
from hub.core.exchange import SourceRecord
from hub.position.cache import Key
from hub.position.failure import Failure, Underway
from hub.tracing import Traced, begin_operation, under

Landing = SourceRecord | Failure | LedgerError


def outcome_of(got: Landing | Underway) -> str:
    """For a span: `ok`, `pending`, or the reason for nothing; never more than metrics say."""
    match got:
        case SourceRecord():
            return "ok"
        case Failure():
            return got.reason
        case Underway():
            return "pending"
        case LedgerError():
            return "ledger"


def client_of(query: Query) -> str:
    """Whom what goes on in the background is counted under."""
    caller = query.access.caller
    return f"{caller.issuer} {caller.client or caller.subject_id}"


class Flight:
    """One operation under way, and how many wait for it."""

    def __init__(
        self, key: Key, client: str, deadline: float, *, outlasts: bool, repeatable: bool
    ) -> None:
        self.key, self.client, self.deadline, self.outlasts = key, client, deadline, outlasts
        self._repeatable = repeatable
        self.began_at = asyncio.get_running_loop().time()
        self.waiters = 0
        self.was_left = False
        """Whether somebody was told to come back for it."""
        self.has_departed = False
        self.is_ending = False
        """Whether it was told to end; it is over when its Outcome is written."""
        self.is_given_up = False
        """Whether it was told so at a deadline, and not because who waited hung up."""
        self.traced: Traced | None = None
        """Its span, within the request that began it."""
        self._task: asyncio.Task[Landing] | None = None

    @property
    def task(self) -> asyncio.Task[Landing]:
        """Its course."""
        assert self._task is not None  # noqa: S101 - a flight is handed out after take-off
        return self._task

    @property
    def is_over(self) -> bool:
        """Whether it has landed."""
        return self._task is not None and self._task.done()

    @property
    def is_sent_for_good(self) -> bool:
        """Whether it is an act that was sent: ending it would not take it back."""
        return self.has_departed and not self._repeatable

    @property
    def elapsed_s(self) -> float:
        """How long it has been under way."""
        return asyncio.get_running_loop().time() - self.began_at

    def depart(self) -> None:
        """The first message has left: from now on it was asked."""
        self.has_departed = True

    def take_off(self, course: Coroutine[Any, Any, Landing]) -> asyncio.Task[Landing]:
        """Begin; what is spent on it counts in its own span."""
        self.traced = begin_operation(self.key.source, self.key.operation)
        with under(self.traced):
            self._task = asyncio.create_task(course)
        self._task.add_done_callback(self._told)
        return self._task

    def _told(self, task: asyncio.Task[Landing]) -> None:
        if self.traced is not None:
            ended = "timeout" if self.is_given_up else "cancelled"
            outcome = ended if task.cancelled() else outcome_of(task.result())
            self.traced.end_operation((self.key.source, self.key.operation), outcome)

    async def wait(self, deadline: float) -> Landing | None:
        """What came of it, or None when *deadline* came first."""
        left = deadline - asyncio.get_running_loop().time()
        await asyncio.wait({self.task}, timeout=max(left, 0.0))
        return self.task.result() if self.task.done() else None

    async def cancel(self) -> None:
        """End it; return when its Outcome is written."""
        self.is_ending = True
        self.task.cancel()
        await asyncio.wait({self.task})

    async def give_up(self) -> None:
        """As `cancel`, because the last deadline came: the source has left it unanswered."""
        self.is_given_up = True
        await self.cancel()


class Flights:
    """Every flight of the process: one per key."""

    def __init__(self) -> None:
        self._by_key: dict[Key, Flight] = {}
        self._all: set[Flight] = set()
        self.joined = 0

    def __len__(self) -> int:
        return len(self._all)

    @property
    def unwatched(self) -> int:
        """How many go on while nobody waits for them."""
        return sum(not flight.waiters for flight in self._all)

    def join(
        self, fresh: Flight, course: Callable[[Flight], Coroutine[Any, Any, Landing]]
    ) -> tuple[Flight, bool]:
        """The flight under way with *fresh*'s key, else *fresh*; and whether it was joined.

        One that ends before *fresh* would, with its own caller's time, is not joined, nor one
        that is being cancelled.
        """
        found = self._by_key.get(fresh.key)
        if found is not None and found.is_ending:
            found = None
        if found is not None and (found.outlasts or found.deadline >= fresh.deadline):
            self.joined += 1
            return found, True
        task = fresh.take_off(course(fresh))
        self._by_key[fresh.key] = fresh
        self._all.add(fresh)
        task.add_done_callback(lambda _: self._landed(fresh))
        return fresh, False

    def _landed(self, flight: Flight) -> None:
        self._all.discard(flight)
        if self._by_key.get(flight.key) is flight:
            del self._by_key[flight.key]

    def background(self, source: str, client: str) -> tuple[int, int]:
        """How many flights nobody waits for: of *source*, and of *client*."""
        idle = [flight for flight in self._all if not flight.waiters and not flight.is_over]
        by_client = Counter(flight.client for flight in idle)
        return sum(flight.key.source == source for flight in idle), by_client[client]

    def unwatched_acts(self, source: str, client: str) -> tuple[int, int]:
        """How many acts sent to *source* nobody waits for: of all, and of *client*."""
        acts = [
            flight
            for flight in self._all
            if flight.key.source == source and flight.is_sent_for_good and not flight.waiters
        ]
        return len(acts), sum(flight.client == client for flight in acts)

    async def landed(self, sources: frozenset[str] | None = None) -> None:
        """Return when those that are under way now, to one of *sources* or any, are over."""
        tasks = [
            flight.task for flight in self._all if sources is None or flight.key.source in sources
        ]
        if tasks:
            await asyncio.wait(tasks)

    async def aclose(self) -> None:
        """End what is under way; each writes its Outcome first."""
        while flights := [flight for flight in self._all if not flight.is_over]:
            await asyncio.gather(*(flight.cancel() for flight in flights))
