"""What lasts is spared, and given up when it lasts no more."""

from __future__ import annotations

import gc
import weakref

import pytest

from hub.core.collector import spare_what_lasts


class Knot:
    """Holds itself, so that only the collector can free it."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture(autouse=True)
def _unspared():
    """The tests' own objects are no part of a hub."""
    yield
    gc.unfreeze()


def test_what_lasts_is_not_looked_at_again():
    """A full round after it has nothing to look at but what came later."""
    spare_what_lasts()
    spared = gc.get_freeze_count()
    assert spared > 10_000
    assert len(gc.get_objects()) < spared / 10


def test_garbage_is_freed_first():
    """It would be kept for ever otherwise."""
    trace = weakref.ref(Knot())
    spare_what_lasts()
    assert trace() is None


def test_what_a_reload_has_replaced_is_freed_by_the_next_call():
    """Not by a round in between: that is the price."""
    knot = Knot()
    trace = weakref.ref(knot)
    spare_what_lasts()
    del knot
    gc.collect()
    assert trace() is not None
    spare_what_lasts()
    assert trace() is None
