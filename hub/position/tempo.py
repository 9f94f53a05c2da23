"""How long answers take, so that a withheld one takes as long as any other.

A position that is answered without asking anybody would come back sooner, and the time
would tell what the answer does not. So it waits for a time drawn from those that the same
plan took for other people.
"""

from __future__ import annotations

import asyncio
import secrets
import statistics
import time
from collections import deque

from cachetools import LRUCache

moment_s = time.monotonic
"""The clock of durations. The event loop's shows the same time, in whole milliseconds only: the
difference could be measured from outside."""

_TIMER_S = 0.0015
"""A timer of the event loop rounds up by as much; the rest is waited for turn by turn."""

SAMPLES = 64
PLANS = 256

_UNTIL_MEASURED_S = (0.02, 0.03, 0.04, 0.05, 0.06, 0.08)
"""Drawn from where a plan was not run yet in this process."""


class Tempo:
    """The last durations of each plan, or of each step; knows nobody whom they were about."""

    def __init__(self) -> None:
        self._took: LRUCache[object, deque[float]] = LRUCache(PLANS)

    def note(self, plan: object, seconds: float) -> None:
        """One more answer of *plan*, which asked its sources."""
        if plan not in self._took:
            self._took[plan] = deque(maxlen=SAMPLES)
        self._took[plan].append(seconds)

    def expected_s(self, plan: object) -> float | None:
        """The median of the last durations; None where there was none in this process."""
        took = self._took.get(plan)
        return statistics.median(took) if took else None

    def drawn(self, plan: object) -> float:
        """Seconds that an answer of *plan* takes: one of the last, at random."""
        return secrets.choice(tuple(self._took.get(plan, _UNTIL_MEASURED_S)))

    async def wait(self, plan: object, began: float, ends: float) -> None:
        """Return when an answer begun at *began* has taken its time; at *ends* at the latest.

        Both are seconds of `moment_s`, as are the durations.
        """
        until = min(began + self.drawn(plan), ends)
        await asyncio.sleep(max(until - moment_s() - _TIMER_S, 0))
        while moment_s() < until:  # noqa: ASYNC110 - time is awaited, and no event
            await asyncio.sleep(0)
