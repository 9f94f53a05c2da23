"""The matrix: each fault, at each source that it applies to, in the whole hub, against G1 to G8.

Deadlines are scaled to a second, and an answer may take three of them: figures of speed belong
to the benchmarks. One fault at a time; the pairs are in `test_pairs`.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import pytest_asyncio

from hub.core.model import BLOCKS as MODEL
from tests.faults.rows import ROWS, Row
from tests.faults.world import (
    WAIT_S,
    Before,
    World,
    a_world,
    assert_baseline,
    assert_block,
    assert_no_trace,
    patience_s,
)
from tests.support.fanout import BLOCKS, plain
from tests.support.figures import FAULTS, says

Leaf = dict[str, Any]

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def world(tmp_path_factory):
    """One for all rows: each must leave it as it found it."""
    async with a_world(tmp_path_factory.mktemp("matrix")) as world:
        yield world


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
async def test_a_fault_is_what_it_is_and_passes(row: Row, world: World):
    """In time, named, on record, without a trace of the person, and gone when the fault is."""
    fanout, before = world.fanout, Before(world, row.source)
    figures = (await fanout.hub.get("/metrics")).text
    wait_s = patience_s(row)
    await world.make_ill(row)
    began = asyncio.get_running_loop().time()
    try:
        answer = await fanout.ask(wait_s)
        elapsed_s = asyncio.get_running_loop().time() - began
        counts = fanout.breaker_counts(row.source)
        moved = (await fanout.hub.get("/metrics")).text
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
        assert_breaker(row, before.counts[row.source], counts)
    if row.breaker == "opens" or row.retry_after:
        await world.passed(row.source)
    await assert_recovers(world, row.source)  # G6
    await assert_no_trace(answer.headers, before, world)  # G5
    await assert_baseline(before)  # G7
    assert world.lured == 0
    assert_figure(row, figures, moved)


async def assert_recovers(world: World, source: str) -> None:
    """What it usually says comes again, at the third question at the latest."""
    usual = {name: world.usual[name] for name in BLOCKS[source]}
    for _ in range(3):
        again = plain((await world.fanout.ask(WAIT_S, BLOCKS[source])).json())
        if again == usual:
            break
    assert again == usual


def assert_repeats_lost_ones_alone(sent: list[Leaf], ended: list[Leaf]) -> None:
    """Who closes at once may reset the connection before it is read: that alone is repeated."""
    lost = {leaf["id"] for leaf in ended if leaf.get("error") == "connection_lost"}
    again = {_message(leaf) for leaf in sent if leaf["attempt"] > 1}
    first = {leaf["id"] for leaf in sent if leaf["attempt"] == 1 and _message(leaf) in again}
    assert first <= lost


def _message(leaf: Leaf) -> tuple[object, ...]:
    return leaf.get("request"), leaf["operation"], leaf["ordinal"]


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
        assert_repeats_lost_ones_alone(sent, ended)
    arrived = world.fanout.sandbox.calls.of(row.source)["total"] - before.calls[row.source]
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


def assert_figure(row: Row, before: str, after: str) -> None:
    """What `docs/operations/metrics.md` names for this fault has moved, where it did harm."""
    if row.reason is None or row.or_well:
        return
    query, labels = FAULTS[row.number][0], {"source": row.source, "reason": row.reason}
    assert says(after, query, **labels) > says(before, query, **labels), query
    if not row.blocks:
        assert says(after, "hub_source_failing", source=row.source) == 1


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


async def test_the_blocks_of_the_matrix_are_of_the_model():
    """Ten of them, of every source."""
    names = [name for blocks in BLOCKS.values() for name in blocks]
    assert len(names) == len(set(names)) == 10
    assert set(names) <= set(MODEL)
