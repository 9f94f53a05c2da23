"""Whether the judge of a soak would see what grows; the soak itself is `make soak`."""

from __future__ import annotations

from collections import Counter

import pytest
from msgspec.structs import replace

from tests.bench.soak import SAMPLES, Soak, wrong
from tests.chaos.storm import Standing

STANDING = Standing(tasks=Counter(loop=17), busy=0, sockets=15, memory_mib=100.0)


def a_soak(*last: Standing, first: int = SAMPLES // 5) -> Soak:
    """Caches that fill for a fifth of the time, and then the same for ever but for the *last*."""
    filling = [replace(STANDING, memory_mib=60.0 + number) for number in range(first)]
    level = [STANDING] * (SAMPLES + 1 - first - len(last))
    return Soak(
        capacity_per_s=10.0, ends=Counter(whole=9), elapsed_s=9.0, samples=[*filling, *level, *last]
    )


def test_what_fills_and_stays_is_flat():
    """The first fifth does not count, and growth within the bound is none."""
    assert wrong(a_soak()) == []
    assert wrong(a_soak(replace(STANDING, memory_mib=104.9))) == []


@pytest.mark.parametrize(
    ("last", "said"),
    [
        ({"memory_mib": 105.9}, "memory grew by 5.9%, more than 5%"),
        ({"tasks": Counter(loop=18)}, "tasks are not flat: 17 to 18"),
        ({"sockets": 16}, "sockets are not flat: 15 to 16"),
        ({"busy": 1}, "1 connections are busy with nothing"),
    ],
    ids=["memory", "tasks", "sockets", "connections"],
)
def test_what_grows_is_named(last, said):
    """Each by itself."""
    assert wrong(a_soak(replace(STANDING, **last))) == [said]
