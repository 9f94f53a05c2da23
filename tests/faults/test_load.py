"""What a source that fails is spared, by counters, in simulated time, through the real client."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from itertools import pairwise

import httpx
import pytest

from hub.core.connector import Echo, Operation, Patience, Spec
from hub.core.errors import SourceError
from hub.core.limits import SourceLimits
from hub.wire.client import SourceClient
from hub.wire.decode import check_status
from tests.support.builders import MemoryRecorder, a_client, a_query
from tests.support.simulated import simulate

READ = Operation(name="read", echoes=(Echo(path="id"),), patience=Patience(attempts=4))
SPEC = Spec(name="x", title="X", owner="X", operations=(READ,), blocks={})
LIMITS = SourceLimits()
SECONDS = 300


class Ill:
    """A source that fails by *way*, and the moments at which it was asked."""

    def __init__(self, way: Callable[[], httpx.Response]) -> None:
        self.asked: list[float] = []
        self.recorder = MemoryRecorder()
        transport = httpx.MockTransport(self._answer)
        self.client: SourceClient = a_client(
            "x", "http://x.test/", self.recorder, transport=transport
        )
        self._way = way

    def _answer(self, _: httpx.Request) -> httpx.Response:
        self.asked.append(asyncio.get_running_loop().time())
        return self._way()

    async def ask(self) -> None:
        """One caller's wish."""
        query = a_query(seconds=4)

        async def work() -> None:
            check_status(await self.client.call(SPEC, "read", query).get("person"))

        with pytest.raises(SourceError):
            await self.client.guard.run(READ, query.deadline, work)


def refused() -> httpx.Response:
    raise httpx.ConnectError("refused")


def reset() -> httpx.Response:
    raise httpx.ReadError("reset")


def broken() -> httpx.Response:
    return httpx.Response(500)


@pytest.mark.parametrize("way", [refused, reset, broken])
@pytest.mark.parametrize("at_once", [1, 50])
@pytest.mark.parametrize("per_s", [1, 20])
def test_a_source_that_always_fails_is_not_asked_much_more_than_was_wished(way, at_once, per_s):
    """Before the breaker opens at most 1.2 times the wishes; then one probe per period."""

    async def story():
        source, wished = Ill(way), 0
        while source.client.guard.breaker.state == "closed":
            await asyncio.gather(*(source.ask() for _ in range(at_once)))
            wished += at_once
            await asyncio.sleep(1 / per_s)
        assert len(source.asked) <= 1.2 * max(wished, LIMITS.min_calls)

        opened_at, before = asyncio.get_running_loop().time(), len(source.asked)
        while asyncio.get_running_loop().time() < opened_at + SECONDS:
            await asyncio.gather(*(source.ask() for _ in range(at_once)))
            await asyncio.sleep(0.25)
        probes = source.asked[before:]
        gaps = [later - earlier for earlier, later in pairwise(probes)]
        assert probes
        assert min(gaps) >= LIMITS.open_s * 0.9
        # 5 + 10 + 20 + 40 + 60 + 60 … seconds, each a tenth shorter at most
        assert 6 <= len(probes) <= 4 + SECONDS / (LIMITS.open_max_s * 0.9)
        assert len(source.recorder.sent) == len(source.recorder.outcomes) == len(source.asked)

    simulate(story())


class NeverTheSame:
    """Credentials with something new to try, each time that they are refused."""

    def __init__(self) -> None:
        self.renewed = 0

    async def headers(self) -> Mapping[str, str]:
        return {"authorization": f"Bearer {self.renewed}"}

    async def renew(self) -> bool:
        self.renewed += 1
        return True


def test_a_source_that_refuses_every_credential_is_not_sent_everything_twice():
    """It says so in good health, and opens no breaker."""

    async def story():
        source, credentials, wished = Ill(lambda: httpx.Response(401)), NeverTheSame(), 500
        source.client = source.client.with_credentials(credentials)
        for _ in range(wished):
            await source.ask()
            await asyncio.sleep(0.1)
        assert source.client.guard.breaker.state == "closed"
        assert credentials.renewed >= 1
        assert len(source.asked) == wished + credentials.renewed <= 1.2 * wished

    simulate(story())


def test_what_was_accepted_in_between_may_be_renewed_again_at_once():
    """A source that forgets its tokens twice in a minute is asked with new ones twice."""

    async def story():
        statuses = [401, 200, 401, 200]
        source, credentials = Ill(lambda: httpx.Response(statuses.pop(0))), NeverTheSame()
        client = source.client.with_credentials(credentials)
        for _ in range(2):
            answer = await client.call(SPEC, "read", a_query(seconds=4)).get("person")
            assert answer.status == 200
            await asyncio.sleep(5)
        assert credentials.renewed == 2

    simulate(story())


def test_a_source_that_recovers_is_asked_again_within_one_period():
    """After the fault has gone, the next probe closes the breaker, without anybody's doing."""

    async def story():
        status = 500
        source = Ill(lambda: httpx.Response(status))
        for _ in range(10):
            await source.ask()
        status = 200
        healed_at = asyncio.get_running_loop().time()
        while source.client.guard.breaker.state != "closed":
            query = a_query()

            async def work(query=query) -> None:
                check_status(await source.client.call(SPEC, "read", query).get("person"))

            try:
                await source.client.guard.run(READ, query.deadline, work)
            except SourceError:
                await asyncio.sleep(0.1)
        assert asyncio.get_running_loop().time() - healed_at <= LIMITS.open_s * 1.1 + 0.1

    simulate(story())


def test_a_probe_is_one_message():
    """A probe that fails is not tried again, although the operation allows four attempts."""

    async def story():
        source = Ill(refused)
        while source.client.guard.breaker.state == "closed":
            await source.ask()
        await asyncio.sleep(LIMITS.open_s * 1.1)
        before = len(source.asked)
        await source.ask()
        assert len(source.asked) == before + 1

    simulate(story())


def test_switched_off_is_asked_nothing_not_even_the_second_message():
    """The switch is asked before every message, so it also ends what is under way."""

    async def story():
        source = Ill(lambda: httpx.Response(200))
        call = source.client.call(SPEC, "read", a_query())
        await call.get("first")
        source.client.guard.switch.turn("*", off=True)
        with pytest.raises(SourceError):
            await call.get("second")
        assert len(source.asked) == 1

    simulate(story())


def test_switching_off_under_load_leaves_no_illness_behind():
    """Met between two messages it is the operator's doing: switched on again, all is as before."""

    async def story():
        source = Ill(lambda: httpx.Response(200))
        guard, query = source.client.guard, a_query()

        async def two_messages() -> None:
            call = source.client.call(SPEC, "read", query)
            await call.get("first")
            await asyncio.sleep(0.5)
            await call.get("second")

        asking = [
            asyncio.create_task(guard.run(READ, query.deadline, two_messages)) for _ in range(20)
        ]
        await asyncio.sleep(0.1)
        guard.switch.turn("*", off=True)
        ends = await asyncio.gather(*asking, return_exceptions=True)
        assert {str(end) for end in ends} == {"x: maintenance: switched off"}
        guard.switch.turn("*", off=False)
        await guard.run(READ, query.deadline, two_messages)
        assert guard.breaker.opened == 0
        assert guard.tally.refused == {}  # each was begun

    simulate(story())
