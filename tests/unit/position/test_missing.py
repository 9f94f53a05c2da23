"""What a block says when its source gave nothing now."""

from __future__ import annotations

import datetime as dt

import pytest

from hub.core.exchange import SourceRecord
from hub.core.position import Denied, Empty, Fresh, Pending, Provenance, Stale, Unavailable
from hub.position.failure import Failure, Underway
from hub.position.missing import aged, unusable
from hub.position.obtain import Obtained
from tests.support.builders import NOW

EARLIER = NOW - dt.timedelta(minutes=5)
WHENCE = Provenance(source="x", exchanges=("e1",), obtained_at=EARLIER)
SHOWN = Fresh(data={"a": 1}, provenance=WHENCE)
RECORD = SourceRecord(
    source="x", operation="read", payload={}, exchanges=("e1",), obtained_at=EARLIER
)
ILL = Failure(source="x", operation="read", reason="maintenance", retry_after=30, passing=True)
LATE = Underway(source="x", operation="read", retry_after=3)


def test_an_answer_from_memory_is_fresh_and_says_so():
    """With the moment at which the source gave it."""
    shown = aged(SHOWN, [Obtained(got=RECORD, from_cache=True), Obtained(got=RECORD)])
    assert isinstance(shown, Fresh)
    assert (shown.provenance.from_cache, shown.provenance.obtained_at) == (True, EARLIER)
    assert shown.data == {"a": 1}


@pytest.mark.parametrize(("cause", "reason"), [(ILL, "maintenance"), (LATE, "temporary")])
def test_an_answer_that_stands_in_is_stale_and_says_why(cause, reason):
    """One old part makes the block stale, however fresh the others."""
    shown = aged(
        SHOWN, [Obtained(got=RECORD), Obtained(got=RECORD, instead_of=cause, from_cache=True)]
    )
    assert isinstance(shown, Stale)
    assert (shown.reason, shown.provenance.from_cache) == (reason, True)


@pytest.mark.parametrize(("cause", "state"), [(ILL, Unavailable), (LATE, Pending)])
def test_empty_is_never_the_result_of_an_error(cause, state):
    """That a source held nothing some minutes ago does not stand in for its answer."""
    nothing = Empty(provenance=WHENCE)
    shown = aged(nothing, [Obtained(got=RECORD, instead_of=cause, from_cache=True)])
    assert isinstance(shown, state)


def test_what_came_now_is_left_as_it_is():
    """Fresh, empty and everything that is neither."""
    for block in (SHOWN, Empty(provenance=WHENCE), Denied(reason="purpose")):
        assert aged(block, [Obtained(got=RECORD)]) is block


def test_a_protected_person_is_told_to_come_in_person():
    """Whatever else the failure says."""
    hidden = Failure(source="x", operation="read", reason="backend_fault", protected=True)
    assert unusable(hidden) == Denied(reason="in_person")
    assert unusable(ILL) == Unavailable(source="x", reason="maintenance", retry_after=30)
    assert unusable(LATE) == Pending(source="x", retry_after=3)
