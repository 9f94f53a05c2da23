"""What narrows a grant beside the table."""

from __future__ import annotations

import datetime as dt

import pytest

from hub.core.circumstances import Circumstances, may_be_under, settle
from hub.core.model.canonical import PartialDate
from hub.core.policy import BlockRule, Denial, Grant
from tests.unit.core.test_policy import a_purpose

TODAY = dt.date(2026, 11, 22)


def settled(circumstances, **rule):
    """What becomes of a grant of an address."""
    purpose = a_purpose(blocks={"residence": BlockRule(fields=("address",), **rule)})
    grant = Grant(block="residence", fields=frozenset({"address"}), basis="law")
    decision = settle(grant, purpose, circumstances)
    return decision.reason if isinstance(decision, Denial) else "granted"


def test_nothing_known_leaves_a_grant_as_it_is():
    """The table alone has decided."""
    assert settled(Circumstances()) == "granted"


@pytest.mark.parametrize("consent", ["law", "no_opposition", None])
def test_an_authorisation_is_given_by_the_person(consent):
    """A basis of authorisation needs consent, whatever else an access states."""
    assert settled(Circumstances(consent=consent), basis="authorisation") == "needs_authorisation"
    assert settled(Circumstances(consent="given"), basis="authorisation") == "granted"


def test_an_opposition_closes_whatever_the_person_may_decide():
    """An authorisation that was given before too; what rests on a law stays open."""
    assert settled(Circumstances(opposed=True), basis="no_opposition") == "opposed"
    authorised = Circumstances(consent="given", opposed=True)
    assert settled(authorised, basis="authorisation") == "opposed"
    assert settled(Circumstances(opposed=True), basis="law") == "granted"


def test_a_masked_block_opens_by_its_own_reason():
    """A reason for another block opens nothing."""
    assert settled(Circumstances(), reveal=True) == "reveal"
    other = Circumstances(revealed=frozenset({"identity"}))
    assert settled(other, reveal=True) == "reveal"
    assert settled(Circumstances(revealed=frozenset({"residence"})), reveal=True) == "granted"


def test_a_person_to_come_in_person_changes_no_other_reason():
    """Every other refusal reads the same for everybody, so that it tells nothing."""
    withheld = Circumstances(withheld=True)
    assert settled(withheld) == "in_person"
    assert settled(withheld, reveal=True) == "reveal"
    assert settled(withheld, basis="authorisation") == "needs_authorisation"
    assert settled(Circumstances(withheld=True, opposed=True), basis="no_opposition") == "opposed"
    denial = Denial(block="residence", reason="purpose")
    assert settle(denial, a_purpose(), withheld) == denial


BORN = {
    "the day before": (PartialDate(year=2012, month=11, day=23), True),
    "the birthday": (PartialDate(year=2012, month=11, day=22), False),
    "month alone, this month": (PartialDate(year=2012, month=11), True),
    "month alone, last month": (PartialDate(year=2012, month=10), False),
    "year alone": (PartialDate(year=2012), True),
    "year before alone": (PartialDate(year=2011), False),
    "leap day": (PartialDate(year=2012, month=2, day=29), False),
    "an adult": (PartialDate(year=1980), False),
}


@pytest.mark.parametrize(("born", "young"), BORN.values(), ids=BORN)
def test_in_doubt_a_person_is_young(born, young):
    """Of an incomplete date the latest possible day counts."""
    assert may_be_under(14, born, TODAY) is young


def test_somebody_born_on_a_leap_day_comes_of_age_on_the_first_of_march():
    """In a year without that day, the day before is too early."""
    born = PartialDate(year=2012, month=2, day=29)
    assert may_be_under(14, born, dt.date(2026, 2, 28))
    assert not may_be_under(14, born, dt.date(2026, 3, 1))
