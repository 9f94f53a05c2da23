"""Operations under way are bounded, and the bound follows the source."""

from __future__ import annotations

import asyncio
import random

import pytest

from hub.core.limits import SourceLimits
from hub.wire.limit import ConcurrencyLimit
from tests.support.simulated import simulate


def a_limit(**values: int) -> ConcurrencyLimit:
    return ConcurrencyLimit(SourceLimits(**values))  # type: ignore[arg-type]


def later(seconds: float = 5.0) -> float:
    return asyncio.get_running_loop().time() + seconds


def test_no_more_are_under_way_than_there_are_places():
    """Two of three enter; the third enters when one leaves."""

    async def story():
        limit = a_limit(max_in_flight=2)
        assert await limit.acquire(later())
        assert await limit.acquire(later())
        third = asyncio.create_task(limit.acquire(later()))
        await asyncio.sleep(1)
        assert (limit.in_flight, limit.waiting, third.done()) == (2, 1, False)
        limit.release()
        assert await third
        assert (limit.in_flight, limit.waiting) == (2, 0)

    simulate(story())


def test_who_waits_too_long_gets_nothing():
    """At the deadline the wait ends, and the place is not lost."""

    async def story():
        limit = a_limit(max_in_flight=1)
        await limit.acquire(later())
        assert not await limit.acquire(later(2))
        limit.release()
        assert await limit.acquire(later())
        assert limit.in_flight == 1

    simulate(story())


def test_the_queue_has_an_end():
    """Whoever finds it full is refused at once."""

    async def story():
        limit = a_limit(max_in_flight=1, max_waiting=2)
        await limit.acquire(later())
        waiting = [asyncio.create_task(limit.acquire(later(50))) for _ in range(2)]
        await asyncio.sleep(0)
        before = asyncio.get_running_loop().time()
        assert not await limit.acquire(later(50))
        assert asyncio.get_running_loop().time() == before
        for task in waiting:
            task.cancel()

    simulate(story())


@pytest.mark.parametrize("seed", range(20))
def test_no_place_is_lost_when_callers_go_away(seed):
    """Cancellations at any moment, also in that of getting a place, leave the count right."""

    async def caller(limit: ConcurrencyLimit, dice: random.Random) -> None:
        if await limit.acquire(later(dice.uniform(0, 3))):
            try:
                await asyncio.sleep(dice.choice([0, 0, 1]))
            finally:
                limit.release()

    async def story():
        dice = random.Random(seed)
        limit = a_limit(max_in_flight=3)
        tasks = [asyncio.create_task(caller(limit, dice)) for _ in range(90)]
        while not all(task.done() for task in tasks):
            await asyncio.sleep(dice.choice([0, 0, 0.5]))
            dice.choice(tasks).cancel()
        assert (limit.in_flight, limit.waiting) == (0, 0)

    simulate(story())


@pytest.mark.parametrize("capacity", [5, 12, 25])
def test_the_limit_settles_near_what_the_source_can_take(capacity):
    """A source that says "too much" beyond its capacity is asked about that much, on average."""

    async def story():
        limit = a_limit(max_in_flight=60, max_waiting=1000)
        seen: list[int] = []

        async def caller() -> None:
            while asyncio.get_running_loop().time() < 1400:
                await limit.acquire(later(1e6))
                too_many = limit.in_flight > capacity
                await asyncio.sleep(0.1)
                if too_many:
                    limit.strained()
                else:
                    limit.eased()
                if asyncio.get_running_loop().time() > 1200:
                    seen.append(limit.places)
                limit.release()

        await asyncio.gather(*(caller() for _ in range(60)))
        assert sum(seen) / len(seen) == pytest.approx(capacity, rel=0.2)

    simulate(story())


def test_the_limit_keeps_its_floor():
    """However ill the source, some calls go through: else nobody would see it recover."""

    async def story():
        limit = a_limit(max_in_flight=50, min_in_flight=2)
        for _ in range(200):
            limit.strained()
            await asyncio.sleep(1)
        assert limit.places == 2

    simulate(story())
