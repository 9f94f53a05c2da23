"""Whenever a call is cancelled, its connection is closed or free: no place in the pool is lost."""

from __future__ import annotations

import asyncio

import pytest

from hub.core.connector import Echo, Operation, Patience, Spec
from hub.wire.finish import cancelled_between, settled, to_its_end
from tests.support.builders import MemoryRecorder, a_client, a_query
from tests.support.fanout import busy_connections
from tests.support.raw import Script, drips, http, raw_server, says

READ = Operation(name="read", echoes=(Echo(path="for"),), patience=Patience(attempts=1))
SPEC = Spec(name="x", title="X", owner="X", operations=(READ,), blocks={})

SCRIPTS = {
    "silent": says(),
    "answers": says(http(b"{}")),
    "drips": drips(http(b"{}"), 0.0001),
    "half a body": says(http(b"{}" * 1000)[:500]),
}


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
async def test_no_moment_of_a_cancellation_leaves_a_connection_busy(script: Script, times: int):
    """Cancelled once, or by two deadlines at the same moment, after any number of steps."""
    async with raw_server(script) as server:
        client = a_client("x", server.url, MemoryRecorder())
        for steps in range(0, 120, 3):
            task = asyncio.create_task(client.call(SPEC, "read", a_query()).get("thing"))
            for step in range(steps):
                await asyncio.sleep(0 if step % 3 else 0.0001)
            for _ in range(times):
                task.cancel()
                await asyncio.sleep(0)
            await asyncio.gather(task, return_exceptions=True)
        assert busy_connections(client) == 0
        await client.aclose()


async def test_what_ends_in_time_is_given():
    """Its value, or its own error."""

    async def gives() -> int:
        return 7

    async def fails() -> int:
        raise ValueError("own")

    assert await cancelled_between(gives()) == 7
    with pytest.raises(ValueError, match="own"):
        await cancelled_between(fails())


async def test_the_clean_up_is_waited_for():
    """However often it is cancelled, work is over when its caller goes on."""
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    task = asyncio.create_task(cancelled_between(work()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    assert not await settled(task)
    assert task.cancelled()
    assert ended.is_set()


async def test_what_must_end_does_whoever_is_cancelled():
    """Closing a pool is not cut short, and the cancellation goes on afterwards."""
    closed = asyncio.Event()

    async def closing() -> None:
        for _ in range(5):
            await asyncio.sleep(0)
        closed.set()

    task = asyncio.create_task(to_its_end(closing()))
    await asyncio.sleep(0)
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0)
    assert not await settled(task)
    assert task.cancelled()
    assert closed.is_set()
