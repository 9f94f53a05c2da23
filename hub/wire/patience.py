"""Try again, at this one layer only, where trying again is harmless and in time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import tenacity

from hub.core.connector import Operation
from hub.core.errors import SourceUnavailable

T = TypeVar("T")

NEVER_LEFT = frozenset({"connect_failed", "dns"})
"""Reasons that prove that no byte of the request left.

Not `tls`: such an error can also end an answer, and a certificate is no better next time.
"""


class _Unaffordable(tenacity.stop.stop_base):
    """Stops where the budget does not allow one more attempt."""

    def __init__(self, may_repeat: Callable[[], bool]) -> None:
        self._may_repeat = may_repeat

    def __call__(self, retry_state: tenacity.RetryCallState) -> bool:  # noqa: ARG002 - tenacity's
        return not self._may_repeat()


async def patiently(
    operation: Operation,
    deadline: float,
    attempt: Callable[[int], Awaitable[T]],
    may_repeat: Callable[[], bool] = lambda: True,
) -> T:
    """Run *attempt* (numbered from 1) until it answers; full jitter, never past *deadline*.

    What may have arrived is sent again only where the operation is repeatable. *may_repeat* is
    asked, last of all, before each further attempt: the source's retry budget.
    """
    remaining = deadline - asyncio.get_running_loop().time()

    def may_retry(error: BaseException) -> bool:
        if not isinstance(error, SourceUnavailable):
            return False
        repeatable = operation.repeatable and error.reason == "connection_lost"
        return repeatable or error.reason in NEVER_LEFT

    retrying = tenacity.AsyncRetrying(
        retry=tenacity.retry_if_exception(may_retry),
        wait=tenacity.wait_random_exponential(multiplier=0.05, max=1.0),
        stop=tenacity.stop_any(
            tenacity.stop_after_attempt(operation.patience.attempts),
            tenacity.stop_before_delay(max(remaining, 0.0)),
            _Unaffordable(may_repeat),  # the last, so that nothing is charged in vain
        ),
        reraise=True,
    )
    async for trial in retrying:
        with trial:
            return await attempt(trial.retry_state.attempt_number)
    raise AssertionError("tenacity neither returned nor raised")  # pragma: no cover
