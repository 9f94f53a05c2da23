"""The breaker opens by rates, probes with one call, and is blind to what is not the source's."""

from __future__ import annotations

import pytest

from hub.core.limits import SourceLimits
from hub.wire.breaker import Breaker
from hub.wire.verdict import Verdict
from tests.support.simulated import Hand

LIMITS = SourceLimits(
    window_s=30, min_calls=10, failure_rate=0.5, slow_rate=0.8, slow_s=2, open_s=5, open_max_s=20
)


@pytest.fixture
def clock():
    return Hand()


@pytest.fixture
def breaker(clock):
    """Without jitter: the middle of the spread."""
    return Breaker(LIMITS, clock, lambda: 0.5)


def ends(breaker: Breaker, verdict: Verdict, times: int = 1, elapsed_s: float = 0.1) -> None:
    for _ in range(times):
        permit = breaker.enter()
        assert permit is not None
        breaker.leave(permit, verdict, elapsed_s)


def test_few_calls_say_nothing(breaker):
    """Nine failures of nine are too few for a rate; the tenth opens it."""
    ends(breaker, "failed", 9)
    assert breaker.state == "closed"
    ends(breaker, "failed")
    assert (breaker.state, breaker.enter()) == ("open", None)


@pytest.mark.parametrize(("failed", "state"), [(9, "closed"), (10, "open")])
def test_the_rate_of_failures_opens_it(breaker, failed, state):
    """At half of twenty calls it opens, below it does not."""
    ends(breaker, "answered", 20 - failed)
    for _ in range(failed):
        ends(breaker, "failed")
    assert breaker.state == state


@pytest.mark.parametrize(("slow", "state"), [(7, "closed"), (8, "open")])
def test_the_rate_of_slow_answers_opens_it(breaker, slow, state):
    """Good answers that come too late are an illness too."""
    ends(breaker, "answered", 10 - slow, 1.9)
    ends(breaker, "answered", slow, 2.0)
    assert breaker.state == state


def test_old_failures_are_forgotten(breaker, clock):
    """What lies before the window counts no more."""
    ends(breaker, "failed", 9)
    clock.passes(31)
    ends(breaker, "failed", 9)
    assert breaker.state == "closed"


def test_a_half_open_breaker_lets_one_of_a_hundred_through(breaker, clock):
    """Exactly one probe, however many come at that moment."""
    ends(breaker, "failed", 10)
    clock.passes(5)
    permits = [breaker.enter() for _ in range(100)]
    assert len([permit for permit in permits if permit is not None]) == 1
    assert breaker.state == "half_open"


def test_a_good_probe_closes_it(breaker, clock):
    """And the window begins anew."""
    ends(breaker, "failed", 10)
    clock.passes(5)
    ends(breaker, "answered")
    assert breaker.state == "closed"
    ends(breaker, "failed", 9)
    assert breaker.state == "closed"


@pytest.mark.parametrize(("verdict", "elapsed_s"), [("failed", 0.1), ("answered", 2.0)])
def test_each_failed_probe_doubles_the_wait(breaker, clock, verdict, elapsed_s):
    """5, 10, 20 seconds, and no more than the longest; a slow answer is no recovery."""
    ends(breaker, "failed", 10)
    for wait_s in (5, 10, 20, 20):
        clock.passes(wait_s - 0.01)
        assert breaker.enter() is None
        clock.passes(0.02)
        ends(breaker, verdict, elapsed_s=elapsed_s)
    assert breaker.opened == 1


@pytest.mark.parametrize("verdict", ["ignored", "throttled"])
def test_what_says_nothing_moves_no_breaker(breaker, verdict):
    """A thousand hang-ups or refusals of the source's gatekeeper are no failure."""
    ends(breaker, verdict, 1000, 60)
    assert breaker.state == "closed"
    ends(breaker, "failed", 9)
    assert breaker.state == "closed"


def test_a_probe_that_its_caller_gave_up_leaves_the_next_period_its_own(breaker, clock):
    """It proves nothing: no doubling, and no second probe in the same period."""
    ends(breaker, "failed", 10)
    clock.passes(5)
    ends(breaker, "ignored")
    assert breaker.enter() is None
    clock.passes(5)
    ends(breaker, "answered")
    assert breaker.state == "closed"


def test_an_answer_about_somebody_else_opens_it_at_once(breaker):
    """A source that answers for another person is asked nothing until it is probed."""
    ends(breaker, "distrusted")
    assert breaker.state == "open"


def test_latecomers_of_an_earlier_round_do_not_count(breaker, clock):
    """A call begun before the breaker opened says nothing about the source after it."""
    early = breaker.enter()
    ends(breaker, "failed", 10)
    breaker.leave(early, "answered", 0.1)
    assert breaker.state == "open"
    clock.passes(5)
    probe = breaker.enter()
    breaker.leave(early, "failed", 0.1)
    assert breaker.state == "half_open"
    breaker.leave(probe, "answered", 0.1)
    assert breaker.state == "closed"


def test_given_up_calls_count_as_slow(breaker):
    """A source that nobody's deadline waits out is slow, without any answer."""
    ends(breaker, "late", 10, 2.0)
    assert breaker.state == "open"


def test_a_probe_that_is_given_up_is_a_source_still_ill(breaker, clock):
    """The next one goes after twice the time, as after any other failure."""
    ends(breaker, "failed", 10)
    clock.passes(5)
    ends(breaker, "late", elapsed_s=2.0)
    assert breaker.retry_after() == 10


def test_open_periods_differ_by_chance(clock):
    """Hubs that opened together do not probe together."""
    early, late = Breaker(LIMITS, clock, lambda: 0.0), Breaker(LIMITS, clock, lambda: 1.0)
    for breaker in (early, late):
        ends(breaker, "failed", 10)
    assert early.retry_after() == pytest.approx(4.5)
    assert late.retry_after() == pytest.approx(5.5)
