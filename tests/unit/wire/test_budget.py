"""Retries are a share of what is asked anyway."""

from __future__ import annotations

import pytest

from hub.wire.budget import RetryBudget


@pytest.mark.parametrize(("share", "most"), [(0.1, 101), (0.0, 0), (0.5, 501)])
def test_extra_load_stays_within_the_share(share, most):
    """Of a thousand calls that all want retries, the share gets one, and one in reserve."""
    budget = RetryBudget(share)
    for _ in range(1000):
        budget.earn()
        while budget.spend():
            pass
    assert budget.spent <= most
    assert budget.spent >= most - 1


def test_a_healthy_day_is_not_saved_up():
    """After any number of good calls, one retry is in reserve."""
    budget = RetryBudget(0.1)
    for _ in range(10_000):
        budget.earn()
    assert budget.spend()
    assert not budget.spend()
    assert (budget.spent, budget.refused) == (1, 1)
