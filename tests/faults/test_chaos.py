"""A short storm, and whether its judge would see a broken promise."""

from __future__ import annotations

from typing import Any

import pytest

from tests.chaos.history import lost, told, wrong_values
from tests.chaos.schedule import WAYS, schedule
from tests.chaos.storm import excess, run
from tests.support.fanout import PROTOCOLS

SOURCES = tuple(PROTOCOLS)

FRESH: dict[str, Any] = {
    "state": "fresh",
    "data": {"amount": "1.00"},
    "provenance": {"exchanges": ["e1"]},
}
EMPTY = {"state": "empty", "provenance": {"exchanges": ["e2"]}}
GONE = {"state": "unavailable", "reason": "temporary"}
TRUE = {"fines": FRESH, "cases": EMPTY}

SAID = {"r1": {"fines": told(FRESH)}}
LEAVES: list[dict[str, Any]] = [
    {"kind": "sent", "id": "e1"},
    {"kind": "outcome", "id": "e1"},
    {"kind": "answer", "id": "a1", "request": "r1", "blocks": {"fines": FRESH}},
]


async def test_a_short_storm_breaks_no_promise(tmp_path):
    """No lost record, no wrong value, nothing left behind; `make chaos` does the same for longer."""
    result = await run(tmp_path, "short", 3, callers=4)
    assert result.wrong == []
    assert any(act.mode for act in result.acts)
    assert result.history.ends["answered"] >= 1
    assert result.replayed >= 1
    assert result.messages >= 1
    assert excess(result.before, result.after) == []


def test_a_seed_is_a_schedule():
    """The same seed gives the same storm, another seed another; at the end all are well."""
    acts = schedule("x", 60, SOURCES)
    assert acts == schedule("x", 60, SOURCES)
    assert acts != schedule("y", 60, SOURCES)
    assert [act.at_s for act in acts] == sorted(act.at_s for act in acts)
    assert {act.source for act in acts} == set(SOURCES)
    last = {act.source: act.mode for act in acts}
    assert set(last.values()) == {None}
    used = {act.mode for seed in range(20) for act in schedule(str(seed), 60, SOURCES)}
    assert used == {None, *(mode for mode, _ in WAYS)}


@pytest.mark.parametrize(
    ("shown", "wrong"),
    [
        ({"fines": FRESH, "cases": EMPTY}, 0),
        ({"fines": FRESH | {"state": "stale"}}, 0),
        ({"fines": GONE, "cases": GONE}, 0),
        ({"fines": FRESH | {"data": {"amount": "2.00"}}}, 1),
        ({"fines": FRESH | {"state": "stale", "data": {}}}, 1),
        ({"fines": {"state": "empty"}}, 1),
        ({"cases": {"state": "fresh"}}, 1),
        ({"fines": GONE | {"data": {"amount": "1.00"}}}, 1),
        ({"residence": FRESH}, 1),
    ],
)
def test_another_value_is_seen(shown, wrong):
    """A stale value must be the old one, an error shows none, and nothing is not an error."""
    assert len(wrong_values(shown, TRUE)) == wrong


@pytest.mark.parametrize(
    ("leaves", "wrong"),
    [
        (LEAVES, 0),
        ([LEAVES[0], *LEAVES[2:]], 2),
        (LEAVES[1:], 1),
        ([*LEAVES, LEAVES[0]], 2),
        (LEAVES[:2], 1),
        ([*LEAVES[:2], LEAVES[2] | {"blocks": {"fines": EMPTY}}], 1),
        ([*LEAVES[:2], LEAVES[2] | {"blocks": {}}], 1),
    ],
)
def test_a_lost_record_is_seen(leaves, wrong):
    """An outcome, a beginning, an answer that is missing, or another than was shown."""
    assert len(lost(SAID, leaves)) == wrong
