"""One policy object per source: what stands between the wish to ask and the asking.

In this order: the kill switch, the source's own `Retry-After`, the breaker, a place under the
concurrency limit, and the breaker's permit. Attempts within the operation then draw on the
retry budget. An operation, not a message, is the unit that the breaker counts: only its end
says whether the source gave something usable (a SOAP fault travels with any status).
"""

from __future__ import annotations

import asyncio
import math
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import TypeVar

from msgspec import Struct

from hub.core.connector import Operation
from hub.core.errors import SourceError, SourceRefused, SourceSwitchedOff, SourceUnavailable
from hub.core.limits import SourceLimits
from hub.wire.breaker import Breaker, State
from hub.wire.budget import RetryBudget
from hub.wire.limit import ConcurrencyLimit
from hub.wire.renewals import Renewals
from hub.wire.switch import Switch
from hub.wire.verdict import Verdict, loop_time, verdict_of

T = TypeVar("T")

BOUNDS_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the histogram of durations."""


class Standing(Struct, frozen=True, kw_only=True, rename="camel"):
    """How the hub treats a source now."""

    breaker: State
    in_flight: int
    limit: int
    waiting: int
    off: tuple[str, ...]
    retry_after: int | None = None
    """Seconds until the source is asked again, where it is left in peace."""


class Tally:
    """What became of operations, counted since the start; nothing about anybody."""

    def __init__(self) -> None:
        self.ended: Counter[tuple[str, str]] = Counter()
        """By operation and technical reason, `ok` or `cancelled`."""
        self.declined: Counter[tuple[str, str]] = Counter()
        """Of these, by operation and reason, what the source refused: somebody must mend it."""
        self.refused: Counter[str] = Counter()
        """By technical reason: what was not even tried."""
        self.within: Counter[float] = Counter()
        """By the smallest bound of BOUNDS_S, or infinity, that the duration is within."""
        self.seconds = 0.0

    def note(self, operation: str, error: BaseException | None, elapsed_s: float) -> None:
        """One operation ended."""
        reason = "ok" if error is None else "cancelled"
        if isinstance(error, SourceError):
            reason = error.reason
        elif isinstance(error, Exception):
            reason = "hub_fault"
        self.ended[operation, reason] += 1
        if isinstance(error, SourceRefused):
            self.declined[operation, reason] += 1
        self.within[next((b for b in BOUNDS_S if elapsed_s <= b), math.inf)] += 1
        self.seconds += elapsed_s


class SourceGuard:
    """Decides for one source whether and when an operation may run, and learns from its end."""

    def __init__(
        self,
        source: str,
        limits: SourceLimits,
        clock: Callable[[], float] = loop_time,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.source, self.limits, self._clock = source, limits, clock
        self.switch = Switch(limits.off)
        self.breaker = Breaker(limits, clock, chance)
        self.limit = ConcurrencyLimit(limits, clock)
        self.budget = RetryBudget(limits.retry_share)
        self.renewals = Renewals(clock)
        self.tally = Tally()
        self._quiet_until = float("-inf")

    async def run(
        self,
        operation: Operation,
        deadline: float,
        work: Callable[[], Awaitable[T]],
        given_up: Callable[[], bool] = lambda: False,
    ) -> T:
        """What *work* gives. Raises SourceUnavailable without beginning it where it may not run.

        *deadline*, absolute on the loop's clock, is the caller's: an end that it forces before
        the source was slow says nothing about the source. *given_up* is asked when *work* is
        cancelled: whether the hub did so at a caller's deadline, which is a timeout.
        """
        self._pass(operation.name)
        if not await self.limit.acquire(deadline):
            raise self.full("no place in time")
        try:
            self._pass(operation.name)
            permit = self.breaker.enter()
            assert permit is not None  # noqa: S101 - _pass asked, and nothing ran since
            return await self._learn(permit, operation.name, deadline, work, given_up)
        finally:
            self.limit.release()

    async def _learn(
        self,
        permit: int,
        operation: str,
        deadline: float,
        work: Callable[[], Awaitable[T]],
        given_up: Callable[[], bool],
    ) -> T:
        began = self._clock()
        error: BaseException | None = None
        try:
            return await work()
        except asyncio.CancelledError as caught:
            error = caught
            if given_up():
                error = SourceUnavailable(self.source, "timeout", "given up")
                deadline = self._clock()  # whoever waited had less time than *work*
            raise
        except BaseException as caught:
            error = caught
            raise
        finally:
            elapsed_s = self._clock() - began
            self.tally.note(operation, error, elapsed_s)
            self._judge(permit, error, elapsed_s, deadline)

    def _judge(
        self, permit: int, error: BaseException | None, elapsed_s: float, deadline: float
    ) -> None:
        verdict = verdict_of(error)
        if _timed_out(error) and self._clock() >= deadline:
            verdict = "late" if elapsed_s >= self.limits.slow_s else "ignored"
        self._adapt(verdict, error, elapsed_s)
        before = self.breaker.state
        self.breaker.leave(permit, verdict, elapsed_s)
        if before == "half_open" and self.breaker.state == "closed":
            self.limit.restart()

    def _adapt(self, verdict: Verdict, error: BaseException | None, elapsed_s: float) -> None:
        if verdict == "throttled" and isinstance(error, SourceError) and error.retry_after:
            wait_s = min(error.retry_after, self.limits.retry_after_max_s)
            self._quiet_until = max(self._quiet_until, self._clock() + wait_s)
        if verdict in ("throttled", "late") or (verdict == "failed" and _timed_out(error)):
            self.limit.strained()
        elif verdict == "answered" and elapsed_s < self.limits.slow_s:
            self.limit.eased()

    def may_repeat(self) -> bool:
        """Whether one more attempt may be made now; a probe has exactly one, and it is charged."""
        return self.breaker.state == "closed" and self.budget.spend()

    def check(self, operation: str) -> None:
        """Before each message: raise SourceSwitchedOff when *operation* was switched off."""
        if self.switch.is_off(operation):
            raise SourceSwitchedOff(self.source)

    def full(self, why: str) -> SourceUnavailable:
        """The error of an operation for which there is no room, counted as not begun."""
        return self._refused(SourceUnavailable(self.source, "throttled", why))

    def standing(self) -> Standing:
        """For operators: the state now."""
        wait_s = self._wait_s()
        return Standing(
            breaker=self.breaker.state,
            retry_after=None if wait_s is None else math.ceil(wait_s),
            in_flight=self.limit.in_flight,
            limit=self.limit.places,
            waiting=self.limit.waiting,
            off=self.switch.off,
        )

    def _wait_s(self) -> float | None:
        """Seconds until the source is asked again; None when it is asked now."""
        quiet = self._quiet_until - self._clock()
        waits = [quiet] if quiet > 0 else []
        probe = self.breaker.retry_after()
        return max([*waits, *([] if probe is None else [probe])], default=None)

    def _pass(self, operation: str) -> None:
        if self.switch.is_off(operation):
            raise self._refused(SourceSwitchedOff(self.source))
        quiet = self._quiet_until - self._clock()
        if quiet > 0:
            detail = "the source asked to be left in peace"
            error = SourceUnavailable(self.source, "throttled", detail, math.ceil(quiet))
            raise self._refused(error)
        if not self.breaker.admits():
            wait = max(math.ceil(self.breaker.retry_after() or 0), 1)
            raise self._refused(SourceUnavailable(self.source, "circuit_open", "ill", wait))

    def _refused(self, error: SourceUnavailable) -> SourceUnavailable:
        self.tally.refused[error.reason] += 1
        return error


def _timed_out(error: BaseException | None) -> bool:
    return isinstance(error, SourceError) and error.reason == "timeout"
