"""What concerns the hub as a whole: all sources down, one fast among slow ones, told to stop."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from msgspec.structs import replace

from tests.support.fanout import BLOCKS, LIMITS, a_fanout, plain, verified_ledger
from tests.support.running import RunningHub

CALLERS = 12


async def test_with_every_source_down_the_hub_says_so(tmp_path):
    """Row 50: a problem that names each block; while the breakers are open nobody is asked."""
    limits = replace(LIMITS, min_calls=2, window_s=30, open_s=60, open_max_s=60)
    async with a_fanout(tmp_path, limits=limits) as fanout:
        assert (await fanout.ask()).status_code == 200
        for source in BLOCKS:
            await fanout.sandbox.stop(source)
        while any(s.client.guard.breaker.state == "closed" for s in fanout.sources.values()):
            assert (await fanout.ask()).status_code == 503
        before = fanout.last()
        answer = await fanout.ask()
        assert answer.status_code == 503
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json()
        names = {name for blocks in BLOCKS.values() for name in blocks}
        assert {error["block"] for error in problem["errors"]} == names
        assert {error["reason"] for error in problem["errors"]} == {"temporary"}
        assert problem["retryAfter"] >= 1
        assert "sent" not in {leaf["kind"] for leaf in fanout.leaves(before)}
    assert verified_ledger(tmp_path).findings == []


async def test_after_an_outage_of_all_each_block_comes_back(tmp_path):
    """Row 50, G6: nobody restarts anything."""
    limits = replace(LIMITS, min_calls=2, window_s=30)
    async with a_fanout(tmp_path, limits=limits) as fanout:
        usual = plain((await fanout.ask()).json())
        for source in BLOCKS:
            await fanout.sandbox.stop(source)
        while any(s.client.guard.breaker.opened == 0 for s in fanout.sources.values()):
            assert (await fanout.ask()).status_code == 503
        for source in BLOCKS:
            await fanout.sandbox.start(source)
        # One probe at a time, and a source of three blocks may need as many periods.
        for _ in range(20):
            await asyncio.sleep(limits.open_max_s * 1.2)
            answer = await fanout.ask()
            if answer.status_code == 200 and answer.json()["complete"]:
                break
        assert plain(answer.json()) == usual


async def test_one_fast_source_is_served_among_slow_ones(tmp_path):
    """Row 51 without its stream: at the deadline the fast block is there and the others are named."""
    async with a_fanout(tmp_path) as fanout:
        usual = plain((await fanout.ask()).json())
        for source in BLOCKS:
            if source != "avisos":
                await fanout.sandbox.put_fault(source, "latency", {"ms": 3000})
        answer = await fanout.ask(1)
        assert answer.status_code == 200
        blocks = plain(answer.json())
        assert answer.json()["complete"] is False
        fast = BLOCKS["avisos"]
        assert {name: blocks[name] for name in fast} == {name: usual[name] for name in fast}
        slow = {block["state"] for name, block in blocks.items() if name not in fast}
        assert slow == {"unavailable", "pending"}  # pending: the State was asked for good
        await fanout.sandbox.reset()
        await fanout.settled()


def test_who_is_asking_when_the_hub_is_told_to_stop_is_answered(tmp_path):
    """Row 58 without its streams: no request fails, and the last checkpoint covers every record."""
    hub = RunningHub(tmp_path, only=("padron",))
    hub.start()
    try:
        token = hub.token()
        hub.fault("padron", "latency", ms=1500)
        hub.sandbox("DELETE", "/calls")
        with ThreadPoolExecutor(CALLERS) as pool:
            asked = [pool.submit(hub.get, "/v1/me/position", token) for _ in range(CALLERS)]
            until = time.monotonic() + 30
            while hub.calls()["padron"] < CALLERS and time.monotonic() < until:
                pass
            code = hub.stop()
            answers = [future.result() for future in asked]
    finally:
        hub.kill()
    assert code == 0
    assert {answer.status_code for answer in answers} == {200}
    states = {answer.json()["blocks"]["residence"]["state"] for answer in answers}
    assert states == {"fresh"}
    with closing(sqlite3.connect(tmp_path / "var/ledger.db")) as ledger:
        [(leaves,)] = ledger.execute("SELECT COUNT(*) FROM leaf")
        [(covered,)] = ledger.execute("SELECT MAX(size) FROM checkpoint")
        [(open_,)] = ledger.execute("SELECT COUNT(*) FROM open_exchange")
    assert (covered, open_) == (leaves, 0)
    report = verified_ledger(tmp_path)
    assert report.findings == []
    lines = (tmp_path / "var/hub.log").read_text("utf-8").splitlines()
    assert "hub_closed" in [json.loads(line)["event"] for line in lines]
