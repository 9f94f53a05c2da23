"""Two sources ill at once, each in its own way: every pair of faults at every pair of sources.

The faults and what is expected of them are rows of the matrix. An orthogonal array says which
are in force together: with a prime number of ways to be, source i is in way `a * i + b` in run
(a, b), and any two ways of any two sources meet in exactly one run (Bose, 1938). No smaller
number of runs covers all pairs, and no library is needed to find it.
"""

from __future__ import annotations

from itertools import combinations, product

import pytest
import pytest_asyncio

from tests.faults.rows import ALL, ROWS, Row
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

pytestmark = pytest.mark.asyncio(loop_scope="module")

WAYS = (None, 1, 5, 8, 17, 19, 23)
"""Well, refused, reset, silent, about somebody else, in maintenance, asking for peace."""

RUNS = [
    tuple((a * i + b) % len(WAYS) for i in range(len(ALL)))
    for a, b in product(range(len(WAYS)), repeat=2)
]


def row_of(number: int, source: str) -> Row:
    """The matrix's first row of that number for *source*; for 23 one that says how long."""
    told = [row for row in ROWS if (row.number, row.source) == (number, source)]
    return next(row for row in told if row.retry_after or number != 23)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def world(tmp_path_factory):
    """One for all runs: each must leave it as it found it."""
    async with a_world(tmp_path_factory.mktemp("pairs")) as world:
        yield world


@pytest.mark.parametrize("ways", RUNS, ids=lambda ways: "".join(map(str, ways)))
async def test_each_is_what_it_is_whatever_the_others_are(ways, world: World):
    """Each block tells of its own source alone, all is on record, and all passes."""
    chosen = [(WAYS[way], source) for way, source in zip(ways, ALL, strict=True)]
    ill = {source: row_of(number, source) for number, source in chosen if number is not None}
    fanout, before = world.fanout, Before(world, *ALL)
    for row in ill.values():
        await world.make_ill(row)
    try:
        answer = await fanout.ask(patience_s(*ill.values()))
    finally:
        await world.heal(*ill.values())
    assert_told(ill, answer, world)
    assert_all_on_record(ill, before, world)
    if any(row.breaker == "opens" or row.retry_after for row in ill.values()):
        await world.passed()
    again = plain((await fanout.ask(WAIT_S)).json())
    assert again == world.usual  # G6
    await assert_no_trace(answer.headers, before, world)  # G5
    await assert_baseline(before)  # G7


def assert_told(ill, answer, world: World) -> None:
    """G2, G3, G8; with no block at all, a problem that names each."""
    if answer.status_code == 503:
        assert len(ill) == len(BLOCKS)
        assert len(answer.json()["errors"]) == len(world.usual)
        return
    assert answer.status_code == 200, answer.text
    blocks = plain(answer.json())
    for source, names in BLOCKS.items():
        for name in names:
            if source in ill:
                assert_block(ill[source], blocks[name], world.usual[name])
            else:
                assert blocks[name] == world.usual[name], name


def assert_all_on_record(ill, before: Before, world: World) -> None:
    """G4: each attempt has one outcome, no more arrived than was recorded, reasons per source."""
    leaves = world.fanout.leaves(before.leaf)
    for source in ALL:
        mine = [leaf for leaf in leaves if leaf.get("source") == source]
        sent = sorted(leaf["id"] for leaf in mine if leaf["kind"] == "sent")
        assert sent
        assert sent == sorted(leaf["id"] for leaf in mine if leaf["kind"] == "outcome")
        arrived = world.fanout.sandbox.calls.of(source)["total"] - before.calls[source]
        refused = source in ill and ill[source].mode == "stop"
        assert arrived == (0 if refused else len(sent))
    [told] = [leaf for leaf in leaves if leaf["kind"] == "answer"]
    reasons = {tuple(text.split(": ")[:2]) for text in told["failures"]}
    named = {(name.split("/")[0], reason) for name, reason in reasons}
    assert named == {(row.source, row.reason) for row in ill.values() if row.reason}


async def test_every_pair_meets_once():
    """Any two sources, any two ways: one run."""
    for one, other in combinations(range(len(ALL)), 2):
        met = [(ways[one], ways[other]) for ways in RUNS]
        assert sorted(met) == sorted(product(range(len(WAYS)), repeat=2))
