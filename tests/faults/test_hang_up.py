"""Clients that hang up in the middle cost the source nothing and leave nothing behind."""

from __future__ import annotations

import asyncio
import random

import anyio
import httpx
import pytest

from hub.core.exchange import SourceRecord
from hub.core.limits import SourceLimits
from hub.core.policy import Caller
from tests.chaos.hangups import run
from tests.support.builders import a_query, an_access, an_official_access
from tests.support.fanout import busy_connections, open_sockets
from tests.support.raw import raw_server, says
from tests.support.scripted import STEPS, World, after
from tests.support.simulated import simulate

CLIENTS = 2_000  # `make hangups` has 10,000, over sockets


@pytest.mark.parametrize(
    ("operation", "short", "clients"),
    [("read", True, CLIENTS), ("read", False, 1000), ("social", True, 1000), ("act", False, 1000)],
)
def test_clients_that_hang_up_leave_nothing_behind(operation, short, clients):
    """No breaker moves, no task and no place is left, and every request has its outcome."""

    async def story():
        world = World(after(1.0), SourceLimits(max_in_flight=400, max_waiting=CLIENTS))
        dice = random.Random(6)
        before = asyncio.all_tasks()

        async def client(number: int) -> None:
            who = Caller(issuer="https://issuer.test", subject_id=str(number), audience="citizen")
            make = an_official_access if operation == "act" else an_access
            query = a_query(access=make(caller=who), seconds=4)
            task = asyncio.create_task(world.obtainer.obtain(STEPS[operation], query, short=short))
            await asyncio.sleep(dice.uniform(0, 0.9))
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        for group in range(0, clients, 500):
            await asyncio.gather(*(client(group + n) for n in range(500)))
        await asyncio.sleep(10)  # acts that were sent are waited for
        standing = world.guard.standing()
        assert (standing.breaker, standing.in_flight, standing.waiting) == ("closed", 0, 0)
        assert standing.limit == 400
        assert world.guard.breaker.opened == 0
        assert len(world.obtainer.flights) == 0
        assert asyncio.all_tasks() == before
        sent = {entry.id for entry in world.recorder.sent}
        assert sent
        assert sorted(sent) == sorted(entry.id for entry in world.recorder.outcomes)
        assert len(world.asked) <= len(sent)
        ends = {entry.error for entry in world.recorder.outcomes}
        assert ends == ({None} if operation == "act" else {"cancelled"})

    simulate(story())


def test_who_stays_is_served_while_thousands_leave():
    """Among those who hang up, whoever waits gets an answer."""

    async def story():
        world = World(after(0.2), SourceLimits(max_waiting=2000))

        async def asks(number: int, patience_s: float) -> object:
            who = Caller(issuer="https://issuer.test", subject_id=str(number), audience="citizen")
            query = a_query(access=an_access(caller=who), seconds=4)
            work = world.obtainer.obtain(STEPS["read"], query, short=True)
            async with asyncio.timeout(patience_s):
                return (await work).got

        leaving = [asyncio.create_task(asks(n, 0.05)) for n in range(1000)]
        await asyncio.sleep(0.06)
        staying = await asyncio.gather(*(asks(n, 9) for n in range(10_000, 10_020)))
        ends = await asyncio.gather(*leaving, return_exceptions=True)
        assert {type(end) for end in ends} == {TimeoutError}
        assert {type(one).__name__ for one in staying} == {"SourceRecord"}

    simulate(story())


def test_who_comes_while_a_call_is_being_ended_has_one_of_their_own():
    """The leader has hung up and the Outcome is being written: a follower is not cancelled too."""
    came = 0

    async def far(request: httpx.Request) -> httpx.Response:
        nonlocal came
        came += 1
        if came == 1:
            try:
                await asyncio.sleep(10)
            finally:
                with anyio.CancelScope(shield=True):
                    await asyncio.sleep(1)  # a clean-up that takes its time
        return httpx.Response(200, json={"id": request.headers["x-person"]})

    async def story():
        world = World(far, SourceLimits())
        query = a_query(access=an_access(), seconds=4)
        leader = asyncio.create_task(world.obtainer.obtain(STEPS["read"], query, short=True))
        await asyncio.sleep(0.1)
        leader.cancel()
        await asyncio.sleep(0.1)
        follower = a_query(access=an_access(), seconds=4)
        got = (await world.obtainer.obtain(STEPS["read"], follower, short=True)).got
        assert isinstance(got, SourceRecord)
        await asyncio.gather(leader, return_exceptions=True)
        assert leader.cancelled()
        assert len(world.obtainer.flights) == 0

    simulate(story())


async def test_over_sockets_no_connection_is_left():
    """The same through httpx and the kernel: every connection is closed or free again."""
    async with raw_server(says()) as server:
        world = World(url=server.url, limits=SourceLimits(max_in_flight=400, max_waiting=1000))
        dice, before = random.Random(6), open_sockets()

        async def client(number: int) -> None:
            who = Caller(issuer="https://issuer.test", subject_id=str(number), audience="citizen")
            query = a_query(access=an_access(caller=who), seconds=4)
            task = asyncio.create_task(world.obtainer.obtain(STEPS["read"], query, short=True))
            await asyncio.sleep(dice.uniform(0, 0.1))
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        for group in range(0, 500, 50):
            await asyncio.gather(*(client(group + n) for n in range(50)))
        assert server.connections > 100
        assert busy_connections(world.sources.by_name["x"].client) == 0
        assert world.guard.breaker.opened == 0
        for _ in range(500):  # the far end has no event for it
            if open_sockets() <= before:
                break
            await asyncio.sleep(0.01)
        assert open_sockets() <= before
        await world.close()


async def test_on_the_whole_hub_nothing_is_left_of_those_who_hang_up(tmp_path):
    """Callers close, reset or send half a request; `make hangups` does the same with 10,000."""
    result = await run(tmp_path, 150, "short")
    assert result.wrong == []
    assert result.operations["cancelled"] > 50
    assert {"closed", "reset", "half a request"} <= set(result.ends)
