"""Sources that are ill now and then, by counters, in simulated time, through the real guard."""

from __future__ import annotations

import asyncio
import random

import httpx

from hub.api.figures_source import of_sources
from hub.api.metrics import printed
from hub.core.exchange import SourceRecord
from hub.core.limits import CacheLimits, SourceLimits
from tests.support.builders import a_query
from tests.support.figures import FAULTS, says
from tests.support.scripted import STEPS, World
from tests.support.simulated import simulate

FORGETFUL = CacheLimits(fresh_s=0, stale_s=0)
LIMITS = SourceLimits()
WAIT_S = 4.0


async def asked(world: World, seconds: float = WAIT_S):
    """One caller's wish, and how long it took."""
    began = asyncio.get_running_loop().time()
    got = await world.obtainer.obtain(STEPS["read"], a_query(seconds=seconds), short=False)
    return got.got, asyncio.get_running_loop().time() - began


async def offered(world: World, per_s: float, seconds: float):
    """*per_s* wishes a second; what came of each, in order."""
    tasks = []
    for _ in range(round(per_s * seconds)):
        tasks.append(asyncio.create_task(asked(world)))
        await asyncio.sleep(1 / per_s)
    return await asyncio.gather(*tasks)


def figure(world: World, query: str) -> float:
    """What `/metrics` would say."""
    return says(printed(lambda: of_sources(world.sources)).decode(), query)


def test_a_half_fast_source_builds_no_queue():
    """Row 11: 95 % at once, 5 % after ten seconds: nobody waits past the deadline, most not at all."""
    dice = random.Random(11)

    async def far(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(10 if dice.random() < 0.05 else 0.05)
        return httpx.Response(200, json={"id": request.headers["x-person"]})

    async def story():
        world = World(far, LIMITS, FORGETFUL)
        ends = await offered(world, 10, 120)
        assert max(took for _, took in ends) <= WAIT_S + 0.1
        good = [took for got, took in ends if isinstance(got, SourceRecord)]
        assert len(good) >= 0.93 * len(ends)
        assert max(good) <= 0.1
        assert world.guard.breaker.opened == 0
        slow, bound = FAULTS[11][0], str(LIMITS.slow_s)
        assert figure(world, f'{slow}{{le="+Inf"}}') > figure(world, f'{slow}{{le="{bound}"}}')
        assert world.guard.limit.waiting == 0
        await world.obtainer.aclose()

    simulate(story())


def test_a_burst_of_failures_costs_the_source_little():
    """Row 24: 80 % fail for 30 s: at most 1.2 times the wishes, then one probe per period."""
    dice = random.Random(24)

    async def story():
        healed_at = asyncio.get_running_loop().time() + 30

        async def far(request: httpx.Request) -> httpx.Response:
            await asyncio.sleep(0.02)
            ill = asyncio.get_running_loop().time() < healed_at
            if ill and dice.random() < 0.8:
                raise httpx.ReadError("reset")
            return httpx.Response(200, json={"id": request.headers["x-person"]})

        world = World(far, LIMITS, FORGETFUL)
        ends = await offered(world, 20, 30)
        assert len(world.asked) <= 1.2 * len(ends)
        assert world.guard.breaker.opened >= 1
        assert figure(world, FAULTS[24][1]) == world.guard.breaker.opened
        assert len(world.asked) < 0.6 * len(ends)
        await asyncio.sleep(LIMITS.open_max_s * 1.2)
        await offered(world, 20, 5)
        after = await offered(world, 20, 5)
        assert {type(got) for got, _ in after} == {SourceRecord}
        await world.obtainer.aclose()

    simulate(story())


def test_a_flapping_source_moves_the_breaker_seldom():
    """Row 25: two seconds ill, two well, for a minute; and no herd when it closes."""

    async def story():
        began = asyncio.get_running_loop().time()
        most, under_way = 0, 0

        async def far(request: httpx.Request) -> httpx.Response:
            nonlocal most, under_way
            under_way += 1
            most = max(most, under_way)
            try:
                await asyncio.sleep(0.1)
            finally:
                under_way -= 1
            if int((asyncio.get_running_loop().time() - began) / 2) % 2 == 0:
                return httpx.Response(500)
            return httpx.Response(200, json={"id": request.headers["x-person"]})

        world = World(far, LIMITS, FORGETFUL)
        await offered(world, 20, 60)
        assert 1 <= world.guard.breaker.opened <= 60 / LIMITS.open_s + 1
        assert figure(world, FAULTS[25][0]) == world.guard.breaker.opened
        assert most <= LIMITS.max_in_flight
        assert world.guard.limit.waiting == 0
        await world.obtainer.aclose()

    simulate(story())


def test_one_of_a_hundred_is_the_probe():
    """Row 26: a hundred who come at once when the period is over send one message."""

    async def story():
        status = 500

        async def far(request: httpx.Request) -> httpx.Response:
            await asyncio.sleep(0.1)
            return httpx.Response(status, json={"id": request.headers["x-person"]})

        world = World(far, LIMITS, FORGETFUL)
        while world.guard.breaker.state == "closed":
            await asked(world)
        for _ in range(3):
            await asyncio.sleep(LIMITS.open_max_s * 1.2)
            before, turned_away = len(world.asked), figure(world, FAULTS[26][0])
            await asyncio.gather(*(asked(world) for _ in range(100)))
            assert len(world.asked) == before + 1
            assert figure(world, FAULTS[26][0]) == turned_away + 99
        await world.obtainer.aclose()

    simulate(story())
