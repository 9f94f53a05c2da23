"""What canonical values are made of, and what of them a first screen shows."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from hub.core.model import Code, Money, PartialDate
from hub.core.model.canonical import Highlight, highlight
from hub.core.model.tax import Fine, Fines, TaxBill, TaxBills

TODAY = dt.date(2026, 11, 22)


def euros(amount):
    """An amount."""
    return Money(amount=Decimal(amount), currency="EUR")


def a_bill(**changes):
    """A bill to be paid by the end of the month, or as *changes* say."""
    values = {
        "reference": "1",
        "concept": Code(code="0100/0010"),
        "issued_on": dt.date(2026, 9, 1),
        "due_on": dt.date(2026, 11, 30),
        "amount": euros(10),
        "outstanding": euros(10),
        "state": "pending",
    }
    return TaxBill(**{**values, **changes})


def a_fine(**changes):
    """A fine that is cheaper until tomorrow, or as *changes* say."""
    values = {
        "reference": "1",
        "kind": Code(code="1"),
        "issued_on": dt.date(2026, 11, 1),
        "due_on": dt.date(2026, 12, 30),
        "reduced_until": dt.date(2026, 11, 23),
        "amount": euros(90),
        "outstanding": euros(90),
        "state": "pending",
    }
    return Fine(**{**values, **changes})


def test_a_screen_shows_what_waits_and_until_when():
    """Count, how many are to be paid, and the nearest date that has not passed."""
    paid = a_bill(state="paid", outstanding=euros(0), due_on=dt.date(2026, 11, 23))
    debited = a_bill(direct_debit="announced", due_on=dt.date(2026, 11, 24))
    late = a_bill(state="enforced", due_on=dt.date(2026, 1, 1))
    bills = TaxBills(items=(paid, debited, late, a_bill()))
    assert highlight(bills, TODAY) == Highlight(
        count=4, needs_action=2, next_date=dt.date(2026, 11, 30)
    )


def test_a_fine_shows_the_day_until_which_it_is_cheaper():
    """And, when there is none, the day until which it is not dearer."""
    assert highlight(Fines(items=(a_fine(),)), TODAY).next_date == dt.date(2026, 11, 23)
    plain = a_fine(reduced_until=None)
    assert highlight(Fines(items=(plain,)), TODAY).next_date == dt.date(2026, 12, 30)


def test_a_collection_without_items_and_a_record_have_counts():
    """None is counted as none, one record as one."""
    assert highlight(TaxBills(items=()), TODAY) == Highlight(count=0)
    assert highlight(euros(1), TODAY) == Highlight(count=1)


@pytest.mark.parametrize(
    "parts",
    [{"year": 2026, "month": 13}, {"year": 2026, "day": 3}, {"year": 2026, "month": 2, "day": 30}],
    ids=["month", "day without month", "no such day"],
)
def test_a_partial_date_is_a_possible_one(parts):
    """A day needs its month, and both must exist."""
    with pytest.raises(ValueError, match=r"."):
        PartialDate(**parts)
