"""The world of the matrix: the whole hub, its sources, and what must hold whatever happens there."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from hub.sandbox.population import Population
from tests.faults.rows import Row
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

WAIT_S, LATE_S = 6, 2
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

    async def heal(self, *rows: Row) -> None:
        """Lift them, and cut what still hangs on them."""
        self.unknown.clear()
        for row in rows:
            await self.fanout.sandbox.lift(row.source)
            if row.pending or row.mode in ("stop", "swallow", "unknown-name"):
                await self._cut(row.source)
        await self.fanout.settled()

    async def passed(self, *sources: str) -> None:
        """Let the breakers' period pass, and one operation of each source be its only probe."""
        await asyncio.sleep(LIMITS.open_s * 1.2)
        names = sum((BLOCKS[source] for source in sources or BLOCKS), ())
        await self.fanout.ask(WAIT_S, names)

    async def _cut(self, source: str) -> None:
        await self.fanout.sandbox.stop(source)
        await self.fanout.sandbox.start(source)

    async def lure(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Somebody came."""
        self.lured += 1
        writer.close()


@asynccontextmanager
async def a_world(folder: Path) -> AsyncIterator[World]:
    """A world whose whole ledger is verified and searched for the canary at the end."""
    tasks, unknown = asyncio.all_tasks(), set[str]()
    async with a_fanout(folder, unknown=unknown) as fanout:
        usual = plain((await fanout.ask()).json())
        assert {block["state"] for block in usual.values()} == {"fresh"}
        world = World(fanout, usual, unknown)
        listener = await asyncio.start_server(world.lure, "127.0.0.1", 0)
        world.canary_port = listener.sockets[0].getsockname()[1]
        yield world
        listener.close()
        assert world.lured == 0
    assert asyncio.all_tasks() - tasks <= {asyncio.current_task()}
    report = verified_ledger(folder)
    assert report.findings == []
    assert report.without_outcome == 0
    written = b"".join(file.read_bytes() for file in (folder / "var").glob("ledger.db*"))
    assert not [text for text in canary() if text.encode() in written]


def patience_s(*rows: Row) -> int:
    """The deadline for a question: short where only the deadline ends one of the faults."""
    return LATE_S if any(row.breaker == "slow" or row.pending for row in rows) else WAIT_S


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

    def __init__(self, world: World, *sources: str) -> None:
        fanout = world.fanout
        self.leaf = fanout.last()
        self.logged = len(fanout.log.getvalue())
        self.calls = {name: fanout.sandbox.calls.of(name)["total"] for name in sources}
        self.counts = {name: fanout.breaker_counts(name) for name in sources}
        self.tasks, self.sockets = kinds_of_tasks(), open_sockets()


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
