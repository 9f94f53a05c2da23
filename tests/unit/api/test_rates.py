"""Quotas are told up front, and hold."""

from __future__ import annotations

import pytest

from hub.api.rates import Rates, rate_headers
from hub.core.limits import AdmissionLimits
from hub.core.policy import Audience, Caller
from tests.support.simulated import Hand

LIMITS = AdmissionLimits(client_per_s=10, client_burst=5, caller_per_s=1, caller_burst=3)


def a_caller(
    subject: str = "a", client: str | None = "portal", role: Audience = "citizen"
) -> Caller:
    return Caller(issuer="https://issuer.test", subject_id=subject, audience=role, client=client)


@pytest.fixture
def clock():
    return Hand()


@pytest.fixture
def rates(clock):
    return Rates(LIMITS, clock)


def test_a_caller_has_a_burst_and_then_its_rate(rates, clock):
    """Three at once, the fourth waits a second."""
    assert [rates.take(a_caller())[0] for _ in range(4)] == [True, True, True, False]
    clock.passes(0.99)
    assert not rates.take(a_caller())[0]
    clock.passes(0.02)
    assert rates.take(a_caller())[0]
    assert rates.refused == 2


def test_a_portal_has_a_quota_over_all_its_callers(rates):
    """Five different people of one portal, the sixth waits; another portal's does not."""
    ends = [rates.take(a_caller(str(n)))[0] for n in range(6)]
    assert ends == [True] * 5 + [False]
    assert rates.take(a_caller("6", "another"))[0]


def test_who_is_refused_pays_nothing(rates, clock):
    """Refusals do not push the next token further away, in neither bucket."""
    for _ in range(3):
        rates.take(a_caller())
    for _ in range(50):
        assert not rates.take(a_caller())[0]
    assert rates.take(a_caller("b"))[0]
    clock.passes(1)
    assert rates.take(a_caller())[0]


@pytest.mark.parametrize("role", ["auditor", "operator"])
def test_who_must_see_is_never_counted(rates, role):
    """Auditors and operators have no quota, and are told of none."""
    for _ in range(100):
        assert rates.take(a_caller(role=role)) == (True, ())
    assert rate_headers(()) == {}


def test_headers_tell_both_policies_and_the_tightest_in_the_older_three(rates):
    """As the draft writes them: q, w, r and t; limit, remaining and reset."""
    rates.take(a_caller())
    _, quotas = rates.take(a_caller())
    assert rate_headers(quotas) == {
        "ratelimit-policy": '"caller";q=3;w=3, "client";q=5;w=1',
        "ratelimit": '"caller";r=1;t=2, "client";r=3;t=1',
        "ratelimit-limit": "3",
        "ratelimit-remaining": "1",
        "ratelimit-reset": "2",
    }


def test_an_exhausted_quota_says_when_there_is_one_more(rates, clock):
    """Not when it is full again."""
    for _ in range(3):
        rates.take(a_caller())
    clock.passes(0.5)
    _, quotas = rates.take(a_caller())
    assert [(q.remaining, q.reset_s) for q in quotas if q.policy.name == "caller"] == [(0, 1)]
