"""The matrix: each fault, at each source that it applies to, in the whole hub, against G1 to G8.

Deadlines are scaled to a second, and an answer may take three of them: figures of speed belong
to the benchmarks. One fault at a time; the pairs are in `test_pairs`.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio

from hub.core.model import BLOCKS as MODEL
from hub.sandbox.population import Population
from tests.faults.rows import ROWS, Row
from tests.support.fanout import (
    BLOCKS,
    LIMITS,
    SUBJECT,
    Fanout,
    a_fanout,
    open_sockets,
    plain,
    verified_ledger,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

WAIT_S, LATE_S = 6, 1
"""What is given to a fault that ends by itself, and to one that only the deadline ends."""

POOLED = 8
"""Connections that a pool may keep open to one source, of those that one position needs."""


class World:
    """The fan-out, what it answers in health, and a listener that nobody may reach."""

    def __init__(self, fanout: Fanout, usual: dict[str, Any], unknown: set[str]) -> None:
        self.fanout, self.usual, self.unknown = fanout, usual, unknown
        self.canary_port, self.lured = 0, 0

    async def make_ill(self, row: Row) -> None:
        """Put the row's fault in force."""
        sandbox = self.fanout.sandbox
        match row.mode:
            case "stop":
                await sandbox.stop(row.source)
            case "swallow":
                await sandbox.swallow(row.source)
            case "unknown-name":
                self.unknown.add(row.source)
                await self._cut(row.source)
            case mode:
                values = json.dumps(row.values).replace("{canary}", str(self.canary_port))
                await sandbox.put_fault(row.source, mode, json.loads(values))

    async def heal(self, row: Row) -> None:
        """Lift it, and cut what still hangs on it."""
        self.unknown.clear()
        await self.fanout.sandbox.lift(row.source)
        if row.mode in ("stop", "swallow", "unknown-name", "hang", "slow-drip"):
            await self._cut(row.source)
        await self.fanout.settled()

    async def _cut(self, source: str) -> None:
        await self.fanout.sandbox.stop(source)
        await self.fanout.sandbox.start(source)

    async def lure(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Somebody came."""
        self.lured += 1
        writer.close()


@asynccontextmanager
async def a_world(folder: Any) -> AsyncIterator[World]:
    """A world whose whole ledger is verified and searched for the canary at the end."""
    unknown: set[str] = set()
    async with a_fanout(folder, unknown=unknown) as fanout:
        usual = plain((await fanout.ask()).json())
        assert {block["state"] for block in usual.values()} == {"fresh"}
        world = World(fanout, usual, unknown)
        listener = await asyncio.start_server(world.lure, "127.0.0.1", 0)
        world.canary_port = listener.sockets[0].getsockname()[1]
        yield world
        listener.close()
        assert world.lured == 0


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def world(tmp_path_factory):
    """One for all rows: each must leave it as it found it."""
    folder, tasks = tmp_path_factory.mktemp("matrix"), asyncio.all_tasks()
    async with a_world(folder) as world:
        yield world
    assert asyncio.all_tasks() - tasks <= {asyncio.current_task()}
    report = verified_ledger(folder)
    assert report.findings == []
    assert report.without_outcome == 0
    written = b"".join(file.read_bytes() for file in (folder / "var").glob("ledger.db*"))
    assert not [text for text in canary() if text.encode() in written]


def canary() -> list[str]:
    """What must stand nowhere: number, names, telephone, e-mail and street of the person."""
    population = Population()
    person = population.person(2)
    assert person.document is not None
    assert person.document.number == SUBJECT["document"]
    texts = [
        person.document.number,
        person.document.number[:8],
        f"{person.given_name} {person.first_surname}",
        person.first_surname,
        person.phone,
        person.phone.replace(" ", ""),
        person.email,
        population.household(person).dwelling.street_name,
    ]
    return sorted({form for text in texts for form in (text, json.dumps(text)[1:-1])})


def kinds_of_tasks() -> Counter[str]:
    """What is under way in this process, by the coroutine's name."""
    return Counter(task.get_coro().__qualname__ for task in asyncio.all_tasks() if not task.done())  # type: ignore[union-attr]  # a coroutine has one


class Before:
    """What stood before the fault."""

    def __init__(self, world: World, row: Row) -> None:
        fanout = world.fanout
        self.leaf = fanout.leaves()[-1]["idx"]
        self.logged = len(fanout.log.getvalue())
        self.calls = fanout.sandbox.calls.of(row.source)["total"]
        self.counts = fanout.breaker_counts(row.source)
        self.tasks, self.sockets = kinds_of_tasks(), open_sockets()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
async def test_a_fault_is_what_it_is_and_passes(row: Row, world: World):
    """In time, named, on record, without a trace of the person, and gone when the fault is."""
    fanout, before = world.fanout, Before(world, row)
    wait_s = LATE_S if row.breaker == "slow" or row.pending else WAIT_S
    await world.make_ill(row)
    began = asyncio.get_running_loop().time()
    try:
        answer = await fanout.ask(wait_s)
        elapsed_s = asyncio.get_running_loop().time() - began
        counts = fanout.breaker_counts(row.source)
    finally:
        await world.heal(row)
    assert elapsed_s < 3 * wait_s  # G1
    assert answer.status_code == 200, answer.text  # G3
    blocks = plain(answer.json())
    ill = {name: blocks.pop(name) for name in BLOCKS[row.source]}
    why = fanout.leaves(before.leaf)[-1].get("failures")
    assert blocks == {name: world.usual[name] for name in blocks}, why  # G2
    for name, block in ill.items():
        if row.blocks and name not in row.blocks:
            assert block == world.usual[name]
        else:
            assert_block(row, block, world.usual[name])  # G3, G8
    assert_on_record(row, before, world)  # G4
    if not row.pending:
        assert_breaker(row, before.counts, counts)
    if row.breaker == "opens" or row.retry_after:
        await asyncio.sleep(LIMITS.open_s * 1.2)
        await fanout.ask(9, BLOCKS[row.source])  # one of its operations is the only probe
    again = plain((await fanout.ask(9, BLOCKS[row.source])).json())
    assert again == {name: world.usual[name] for name in again}  # G6
    await assert_no_trace(answer.headers, before, world)  # G5
    await assert_baseline(before)  # G7
    assert world.lured == 0


def assert_block(row: Row, block: dict[str, Any], usual: dict[str, Any]) -> None:
    """What is known, and never a value that the source did not give for this question."""
    if row.reason is None and not row.pending and not row.or_well:
        assert block == usual
    elif row.pending:
        assert block["state"] == "pending"
        assert block["retryAfter"] >= 1
    elif not (row.or_well and block == usual):
        assert block["state"] == "unavailable"
        assert block["source"] == row.source
        assert block["reason"] in ("temporary", "maintenance", "source_problem")
        assert "data" not in block
    if row.retry_after:
        assert block["retryAfter"] >= 1


def assert_on_record(row: Row, before: Before, world: World) -> None:
    """One exchange per attempt, each with its outcome, and the technical reason with the answer."""
    leaves = world.fanout.leaves(before.leaf)
    sent = [leaf for leaf in leaves if leaf["kind"] == "sent" and leaf["source"] == row.source]
    ended = [leaf for leaf in leaves if leaf["kind"] == "outcome" and leaf["source"] == row.source]
    assert sent
    assert sorted(leaf["id"] for leaf in sent) == sorted(leaf["id"] for leaf in ended)
    attempts = [(s.get("request"), s["operation"], s["ordinal"], s["attempt"]) for s in sent]
    technical = [attempt for attempt in attempts if attempt[0] is None]
    assert len(attempts) - len(technical) == len({a for a in attempts if a[0] is not None})
    if not row.repeats:
        assert {leaf["attempt"] for leaf in sent} == {1}
    arrived = world.fanout.sandbox.calls.of(row.source)["total"] - before.calls
    if row.mode not in ("stop", "swallow", "unknown-name"):
        assert arrived == len(sent)
    else:
        assert arrived == 0
    [told] = [leaf for leaf in leaves if leaf["kind"] == "answer"]
    failures = {text.split(": ")[1] for text in told["failures"]}
    if row.or_well:
        assert failures <= {"signature", "schema", "malformed", "identity_mismatch", "charset"}
    else:
        assert failures == ({row.reason} if row.reason else set())


def assert_breaker(row: Row, before: tuple[int, int, int], after: tuple[int, int, int]) -> None:
    """The breaker saw what it should: a failure, a slow call, an attack, or nothing."""
    failed, slow, opened = (b - a for a, b in zip(before, after, strict=True))
    match row.breaker:
        case "opens":
            assert opened == 1
        case "slow":
            assert (failed, opened) == (0, 0)
            assert slow >= 1
        case "counts" if row.reason is not None:
            assert failed >= 1
            assert opened == 0
        case "any":
            assert opened == 0
        case _:
            assert opened == 0 or row.or_well
            assert failed == 0 or row.or_well


async def assert_baseline(before: Before) -> None:
    """Nothing is under way that was not before; no more sockets than pools keep."""
    for _ in range(500):  # the far ends have no event for it
        more = kinds_of_tasks() - before.tasks
        if not more and open_sockets() <= before.sockets + POOLED:
            return
        await asyncio.sleep(0.01)
    assert not more
    assert open_sockets() <= before.sockets + POOLED


async def assert_no_trace(headers: Any, before: Before, world: World) -> None:
    """Neither headers, log, figures, the state of sources nor the clear part of the ledger."""
    fanout = world.fanout
    outputs = [
        repr(headers),
        fanout.log.getvalue()[before.logged :],
        (await fanout.hub.get("/metrics")).text,
        (await fanout.hub.get("/status")).text,
        json.dumps(fanout.leaves(before.leaf)),
    ]
    assert all(outputs)
    assert [text for text in canary() for output in outputs if text in output] == []


async def test_the_blocks_of_the_matrix_are_of_the_model():
    """Ten of them, of every source."""
    names = [name for blocks in BLOCKS.values() for name in blocks]
    assert len(names) == len(set(names)) == 10
    assert set(names) <= set(MODEL)
