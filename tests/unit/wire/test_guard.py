"""What stands between the wish to ask a source and the asking."""

from __future__ import annotations

import asyncio

import pytest

from hub.core.connector import Echo, Operation
from hub.core.errors import SourceError, SourceRefused, SourceUnavailable
from hub.core.limits import SourceLimits
from hub.wire.guard import SourceGuard
from tests.support.simulated import simulate

READ = Operation(name="read", echoes=(Echo(path="id"),))
OTHER = Operation(name="other", echoes=(Echo(path="id"),))


def a_guard(**values: object) -> SourceGuard:
    limits = SourceLimits(**values)  # type: ignore[arg-type]
    return SourceGuard("x", limits, chance=lambda: 0.5)


async def tried(
    guard: SourceGuard,
    error: BaseException | None = None,
    takes_s: float = 0.1,
    wait_s: float = 10.0,
    operation: Operation = READ,
) -> str:
    """`ran`, or the reason why it did not; *error* is how the work ends."""
    ran = False

    async def work() -> None:
        nonlocal ran
        ran = True
        await asyncio.sleep(takes_s)
        if error is not None:
            raise error

    try:
        await guard.run(operation, asyncio.get_running_loop().time() + wait_s, work)
    except SourceError as caught:
        return "ran" if ran else caught.reason
    return "ran"


ILL = SourceUnavailable("x", "backend_fault", "HTTP 500")


def test_an_open_breaker_says_when_it_asks_again():
    """Refused without a call, with the seconds until the next probe."""

    async def story():
        guard = a_guard(open_s=5)
        for _ in range(10):
            assert await tried(guard, ILL) == "ran"
        with pytest.raises(SourceUnavailable) as caught:
            await guard.run(READ, 1e9, lambda: asyncio.sleep(0))
        assert (caught.value.reason, caught.value.retry_after) == ("circuit_open", 5)
        assert guard.tally.refused["circuit_open"] == 1
        await asyncio.sleep(5)
        assert await tried(guard) == "ran"
        assert guard.standing().breaker == "closed"

    simulate(story())


def test_a_source_that_says_when_is_asked_then():
    """`Retry-After` holds for everybody, and no breaker opens over it."""

    async def story():
        guard = a_guard()
        assert await tried(guard, SourceUnavailable("x", "throttled", "HTTP 429", 30)) == "ran"
        await asyncio.sleep(29)
        assert await tried(guard) == "throttled"
        assert guard.standing().retry_after == 1
        await asyncio.sleep(1)
        assert await tried(guard) == "ran"
        assert guard.standing().breaker == "closed"

    simulate(story())


def test_a_source_cannot_say_never():
    """A `Retry-After` of a day is believed up to the configured longest wait."""

    async def story():
        guard = a_guard(retry_after_max_s=60)
        await tried(guard, SourceUnavailable("x", "maintenance", "HTTP 503", 99_999))
        await asyncio.sleep(61)
        assert await tried(guard) == "ran"

    simulate(story())


def test_the_switch_works_before_the_call():
    """One operation, or all; back on, it is asked again."""

    async def story():
        guard = a_guard(off=("read",))
        assert await tried(guard) == "maintenance"
        assert await tried(guard, operation=OTHER) == "ran"
        guard.switch.turn("read", off=False)
        assert await tried(guard) == "ran"
        guard.switch.turn("*", off=True)
        assert await tried(guard, operation=OTHER) == "maintenance"
        assert guard.standing().off == ("*",)

    simulate(story())


def test_who_waits_for_a_place_does_not_take_it_to_a_source_that_fell_ill_meanwhile():
    """The state is asked again after the wait."""

    async def story():
        guard = a_guard(max_in_flight=10)
        first = [asyncio.create_task(tried(guard, ILL, 1.0)) for _ in range(10)]
        await asyncio.sleep(0.5)
        second = [asyncio.create_task(tried(guard, ILL)) for _ in range(10)]
        assert await asyncio.gather(*first) == ["ran"] * 10
        assert await asyncio.gather(*second) == ["circuit_open"] * 10
        assert guard.limit.in_flight == 0

    simulate(story())


def test_a_full_source_is_not_waited_for_beyond_the_deadline():
    """`throttled`, and the breaker learns nothing from it."""

    async def story():
        guard = a_guard(max_in_flight=1)
        long = asyncio.create_task(tried(guard, takes_s=2.0))
        await asyncio.sleep(0)
        assert await tried(guard, wait_s=1) == "throttled"
        assert await long == "ran"

    simulate(story())


def test_a_callers_short_deadline_is_no_illness():
    """A hundred callers who wait 0.2 s do not take a source from those who wait longer."""

    async def story():
        guard = a_guard(slow_s=2)
        for _ in range(100):
            late = SourceUnavailable("x", "timeout", "no whole answer in time")
            assert await tried(guard, late, takes_s=0.2, wait_s=0.2) == "ran"
        assert guard.standing().breaker == "closed"
        assert guard.limit.places == guard.limits.max_in_flight

    simulate(story())


@pytest.mark.parametrize("wait_s", [3.0, 10.0])
def test_a_timeout_that_was_long_enough_counts(wait_s):
    """At the source's own timeout, or at a deadline after it had been slow."""

    async def story():
        guard = a_guard(slow_s=2)
        for _ in range(10):
            late = SourceUnavailable("x", "timeout", "no whole answer in time")
            await tried(guard, late, takes_s=3, wait_s=wait_s)
        assert guard.standing().breaker == "open"

    simulate(story())


@pytest.mark.parametrize(("gives_up", "reason"), [(True, "timeout"), (False, "cancelled")])
def test_what_the_hub_gives_up_is_a_timeout_and_what_its_caller_leaves_is_not(gives_up, reason):
    """Counted as such; after it had been slow it counts against the source as slow."""

    async def story():
        guard = a_guard(slow_s=2)

        async def asks(seconds: float) -> None:
            work = guard.run(READ, 1e9, lambda: asyncio.sleep(60), lambda: gives_up)
            task = asyncio.create_task(work)
            await asyncio.sleep(seconds)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        await asyncio.gather(*(asks(1.9) for _ in range(10)))
        assert (guard.standing().breaker, guard.limit.places) == ("closed", 50)
        await asyncio.gather(*(asks(2.0) for _ in range(10)))
        assert guard.tally.ended == {("read", reason): 20}
        seen = ("open", 45) if gives_up else ("closed", 50)
        assert (guard.standing().breaker, guard.limit.places) == seen

    simulate(story())


def test_business_refusals_open_nothing():
    """A source that says "no" a thousand times is well."""

    async def story():
        guard = a_guard()
        for _ in range(1000):
            await tried(guard, SourceRefused("x", "backend_fault", "0238"))
        assert guard.standing().breaker == "closed"

    simulate(story())


def test_recovery_is_a_ramp():
    """After the probe, two at a time and then more: the crowd does not fall on the source."""

    async def story():
        guard = a_guard(max_in_flight=50, min_in_flight=2)
        for _ in range(10):
            await tried(guard, ILL)
        await asyncio.sleep(5.1)
        assert await tried(guard) == "ran"
        crowd = [asyncio.create_task(tried(guard, takes_s=0.5, wait_s=60)) for _ in range(40)]
        await asyncio.sleep(0.1)
        assert guard.limit.in_flight == 2
        assert await asyncio.gather(*crowd) == ["ran"] * 40
        assert guard.limit.places > 2

    simulate(story())


def test_what_ended_is_counted_by_reason():
    """The tally names the operation and the reason, and nothing else."""

    async def story():
        guard = a_guard()
        await tried(guard)
        await tried(guard, ILL)
        task = asyncio.create_task(tried(guard, takes_s=5))
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert guard.tally.ended == {
            ("read", "ok"): 1,
            ("read", "backend_fault"): 1,
            ("read", "cancelled"): 1,
        }

    simulate(story())
