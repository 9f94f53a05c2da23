"""A circuit breaker: rates over a rolling window, and one probe at a time.

The libraries for it let every caller through once the breaker is half open, and count the
callers' own cancellations as failures of the source (`docs/adr/0040`).
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from typing import Literal

from msgspec import Struct

from hub.core.limits import SourceLimits
from hub.wire.verdict import Verdict, loop_time

State = Literal["closed", "open", "half_open"]

JITTER = 0.1
"""Part by which an open period is longer or shorter, so that hubs do not probe together."""

BUCKETS = 30
"""Parts of the window: the memory that a breaker takes, whatever the load."""


class _Bucket(Struct):
    """Calls of one part of the window."""

    number: int
    calls: int = 0
    failed: int = 0
    slow: int = 0


class Breaker:
    """Whether a source may be asked now.

    `enter` before an operation, `leave` after it with the permit that `enter` gave. Between
    them at most one permit of a breaker that is not closed is out: the probe.
    """

    def __init__(
        self,
        limits: SourceLimits,
        clock: Callable[[], float] = loop_time,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._limits, self._clock, self._chance = limits, clock, chance
        self._buckets: deque[_Bucket] = deque(maxlen=BUCKETS)
        self._state: State = "closed"
        self._probe_at = 0.0
        self._wait_s = limits.open_s
        self._round = 0
        self.opened = 0

    @property
    def state(self) -> State:
        """What it is now; `half_open` only while a probe is out."""
        return self._state

    def retry_after(self) -> float | None:
        """Seconds until the next probe may go; None for a closed breaker."""
        if self._state == "closed":
            return None
        return max(self._probe_at - self._clock(), 0.0)

    def admits(self) -> bool:
        """Whether `enter` would give a permit now."""
        return self._state == "closed" or (
            self._state == "open" and self._clock() >= self._probe_at
        )

    def enter(self) -> int | None:
        """A permit, or None: leave the source in peace."""
        if not self.admits():
            return None
        if self._state == "open":
            self._state = "half_open"
            self._probe_at = self._clock() + self._wait_s
        return self._round

    def leave(self, permit: int, verdict: Verdict, elapsed_s: float) -> None:
        """The operation under *permit* ended after *elapsed_s*; one of an earlier round is old."""
        if permit != self._round:
            return
        if self._state == "half_open":
            self._judge_probe(verdict, elapsed_s)
        elif verdict == "distrusted":
            self._open(self._limits.open_s)
        elif verdict in ("answered", "failed", "late"):
            self._count(failed=verdict == "failed", slow=elapsed_s >= self._limits.slow_s)

    def _judge_probe(self, verdict: Verdict, elapsed_s: float) -> None:
        if verdict == "answered" and elapsed_s < self._limits.slow_s:
            self._close()
        elif verdict in ("ignored", "throttled"):
            self._open(self._wait_s)  # it says nothing: the next period has its own probe
        else:
            self._open(min(self._wait_s * 2, self._limits.open_max_s))

    def _count(self, *, failed: bool, slow: bool) -> None:
        number = int(self._clock() / (self._limits.window_s / BUCKETS))
        if not self._buckets or self._buckets[-1].number != number:
            self._buckets.append(_Bucket(number))
        bucket = self._buckets[-1]
        bucket.calls += 1
        bucket.failed += failed
        bucket.slow += slow
        recent = [b for b in self._buckets if b.number > number - BUCKETS]
        calls = sum(b.calls for b in recent)
        if calls < self._limits.min_calls:
            return
        too_many_failed = sum(b.failed for b in recent) >= calls * self._limits.failure_rate
        too_many_slow = sum(b.slow for b in recent) >= calls * self._limits.slow_rate
        if too_many_failed or too_many_slow:
            self._open(self._limits.open_s)

    def _open(self, wait_s: float) -> None:
        self.opened += self._state == "closed"
        self._state, self._wait_s = "open", wait_s
        spread = 1 + JITTER * (2 * self._chance() - 1)
        self._probe_at = self._clock() + wait_s * spread
        self._begin_round()

    def _close(self) -> None:
        self._state, self._wait_s = "closed", self._limits.open_s
        self._begin_round()

    def _begin_round(self) -> None:
        """What was begun before counts no more: it tells of another time."""
        self._round += 1
        self._buckets.clear()
