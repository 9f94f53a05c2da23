"""The short memory has a size in bytes, and what was not used for longest makes room."""

from __future__ import annotations

import pytest

from hub.core.document import parse_document
from hub.core.exchange import SourceRecord
from hub.core.limits import CacheLimits
from hub.position.cache import (
    BESIDE,
    DECODED,
    HELD_MIB,
    MIB,
    AnswerCache,
    Key,
    held_answers,
    weight,
)
from tests.support.builders import CITIZEN, NOW
from tests.support.simulated import Hand, simulate

SIZE = 100_000


def a_key(number: int) -> Key:
    return Key("x", "read", parse_document(CITIZEN), (number,))


def a_record(size: int = SIZE) -> SourceRecord:
    return SourceRecord(
        source="x", operation="read", payload={}, exchanges=("e",), obtained_at=NOW, size=size
    )


@pytest.fixture
def cache():
    """A memory of one MiB; nothing gets old."""
    return AnswerCache(CacheLimits(max_mib=1), Hand())


def test_large_answers_are_fewer_answers(cache):
    """However many callers ask, what is kept stays within what may be kept."""
    for number in range(50):
        cache.keep(a_key(number), a_record())
    assert len(cache) == MIB // weight(a_record()) == 2
    assert cache.fresh(a_key(49)) is not None


def test_what_was_not_used_for_longest_makes_room(cache):
    """An answer that is looked at stays."""
    for number in range(2):
        cache.keep(a_key(number), a_record())
    assert cache.fresh(a_key(0)) is not None
    cache.keep(a_key(2), a_record())
    assert [cache.fresh(a_key(number)) is not None for number in range(3)] == [True, False, True]


def test_an_answer_larger_than_the_memory_is_not_kept(cache):
    """Nor does the one before it stay: it is not what the source says now."""
    cache.keep(a_key(1), a_record())
    cache.keep(a_key(2), a_record())
    cache.keep(a_key(1), a_record(MIB))
    assert [cache.fresh(a_key(number)) is not None for number in (1, 2)] == [False, True]


def test_late_answers_have_a_size_too():
    """Of those that wait for the one access that asked, the oldest goes."""

    async def story():
        held, record = held_answers(), a_record(8 * MIB)
        for number in range(20):
            held[a_key(number)] = record
        assert len(held) == HELD_MIB * MIB // (BESIDE + DECODED * record.size) == 3
        assert a_key(19) in held

    simulate(story())
