"""How many operations of one source are under way: a bulkhead that moves with the source.

Additive increase, multiplicative decrease (RFC 5681's rule for congestion, as adaptive
concurrency limits use it): one place more for each full round of good answers, a tenth less
after an answer that shows strain, at most once per round trip.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from hub.core.limits import SourceLimits
from hub.wire.verdict import loop_time

DECREASE = 0.9
COOL_S = 0.5
"""Strain within this time is one event: fifty calls that fail together say it once."""


class ConcurrencyLimit:
    """Places for operations; who finds none waits in turn, in a queue with an end."""

    def __init__(self, limits: SourceLimits, clock: Callable[[], float] = loop_time) -> None:
        self._clock = clock
        self._floor = float(min(limits.min_in_flight, limits.max_in_flight))
        self._ceiling = float(limits.max_in_flight)
        self._queue_end = limits.max_waiting
        self._limit = self._ceiling
        self._decreased_at = float("-inf")
        self._waiters: deque[asyncio.Future[None]] = deque()
        self.in_flight = 0

    @property
    def places(self) -> int:
        """How many operations may be under way now."""
        return int(self._limit)

    @property
    def waiting(self) -> int:
        """How many wait for a place."""
        return len(self._waiters)

    async def acquire(self, deadline: float) -> bool:
        """Take a place; False when the queue is full or *deadline* comes first."""
        if self.in_flight < self.places and not self.waiting:
            self.in_flight += 1
            return True
        if self.waiting >= self._queue_end:
            return False
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            async with asyncio.timeout_at(deadline):
                await waiter
        except TimeoutError:
            return self._gave_up(waiter, keep=True)
        except asyncio.CancelledError:
            self._gave_up(waiter, keep=False)
            raise
        return True

    def _gave_up(self, waiter: asyncio.Future[None], *, keep: bool) -> bool:
        """A place that came in the very moment of giving up is kept, or handed on."""
        if waiter in self._waiters:
            self._waiters.remove(waiter)
        if not waiter.done() or waiter.cancelled():
            return False
        if not keep:
            self.release()
        return keep

    def release(self) -> None:
        """Give a place back, to whoever waits longest."""
        self.in_flight -= 1
        self._hand_on()

    def _hand_on(self) -> None:
        while self._waiters and self.in_flight < self.places:
            waiter = self._waiters.popleft()
            if not waiter.done():
                self.in_flight += 1
                waiter.set_result(None)

    def eased(self) -> None:
        """A good answer: a little more, if what there is was in use."""
        if self.in_flight * 2 >= self._limit:
            self._limit = min(self._limit + 1 / self._limit, self._ceiling)
            self._hand_on()

    def strained(self) -> None:
        """A timeout or "too much": a tenth less."""
        now = self._clock()
        if now - self._decreased_at >= COOL_S:
            self._decreased_at = now
            self._limit = max(self._limit * DECREASE, self._floor)

    def restart(self) -> None:
        """After an illness: from the floor up, so that recovery is not met with a stampede."""
        self._limit = self._floor
