"""Trying again happens at one layer, where it is harmless and in time."""

from __future__ import annotations

import asyncio

import pytest

from hub.core.connector import Operation, Patience
from hub.core.errors import (
    LedgerError,
    SourceError,
    SourceMalformed,
    SourceRefused,
    SourceUnavailable,
    TechnicalReason,
)
from hub.wire.patience import patiently


def an_operation(attempts: int = 3, *, repeatable: bool = True) -> Operation:
    return Operation(
        name="read", echoes=(), patience=Patience(attempts=attempts), repeatable=repeatable
    )


async def hits(operation: Operation, error: BaseException, seconds: float = 5.0) -> int:
    """How often an attempt that always fails with *error* is made."""
    made: list[int] = []

    async def attempt(number: int) -> None:
        made.append(number)
        raise error

    deadline = asyncio.get_running_loop().time() + seconds
    with pytest.raises(type(error)) as caught:
        await patiently(operation, deadline, attempt)
    assert caught.value is error
    assert made == list(range(1, len(made) + 1))
    return len(made)


UNAVAILABLE: list[tuple[TechnicalReason, bool, int]] = [
    ("connect_failed", True, 3),
    ("connect_failed", False, 3),
    ("dns", False, 3),
    ("connection_lost", True, 3),
    ("connection_lost", False, 1),
    ("tls", True, 1),
    ("tls", False, 1),
    ("timeout", True, 1),
    ("throttled", True, 1),
    ("maintenance", True, 1),
    ("backend_fault", True, 1),
]


@pytest.mark.parametrize(("reason", "repeatable", "expected"), UNAVAILABLE)
async def test_only_what_never_arrived_or_may_arrive_twice_is_sent_again(
    reason: TechnicalReason, repeatable: bool, expected: int
):
    """A message that may have arrived is repeated only where the operation allows it."""
    error = SourceUnavailable("x", reason, "gone")
    assert await hits(an_operation(repeatable=repeatable), error) == expected


@pytest.mark.parametrize(
    "error",
    [
        SourceRefused("x", "backend_fault", "no"),
        SourceMalformed("x", "malformed", "noise"),
        LedgerError("full"),
        ValueError("a bug"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_a_final_failure_is_not_tried_again(error: Exception):
    """No, nonsense and a ledger that cannot write stay what they are."""
    assert await hits(an_operation(), error) == 1


async def test_no_attempt_begins_after_the_deadline():
    """A deadline that has passed leaves the first attempt alone."""
    error = SourceUnavailable("x", "connect_failed", "refused")
    assert await hits(an_operation(attempts=50), error, seconds=-1.0) == 1


async def test_attempts_end_with_the_deadline():
    """However many attempts are allowed, they fit into the time that is left."""
    began = asyncio.get_running_loop().time()
    error = SourceUnavailable("x", "connect_failed", "refused")
    assert await hits(an_operation(attempts=10_000), error, seconds=0.2) < 100
    assert asyncio.get_running_loop().time() - began < 1.0


async def test_a_later_attempt_can_answer():
    """The answer is that of the attempt that got one."""

    async def attempt(number: int) -> int:
        if number < 3:
            raise SourceUnavailable("x", "connect_failed", "refused")
        return number

    deadline = asyncio.get_running_loop().time() + 5
    assert await patiently(an_operation(), deadline, attempt) == 3


async def test_a_cancellation_is_not_tried_again():
    """Who went away is not asked for."""
    made: list[int] = []

    async def attempt(number: int) -> None:
        made.append(number)
        await asyncio.sleep(10)

    deadline = asyncio.get_running_loop().time() + 5
    task = asyncio.create_task(patiently(an_operation(), deadline, attempt))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert made == [1]


async def test_the_error_that_is_raised_is_a_source_error():
    """Nothing of the retry library shows through."""
    assert issubclass(SourceUnavailable, SourceError)
    assert await hits(an_operation(attempts=1), SourceUnavailable("x", "dns", "unknown")) == 1
