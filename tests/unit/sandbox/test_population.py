"""The population is pure, invertible, without memory, and looks like people."""

from __future__ import annotations

import tracemalloc
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.document import check_letter, parse_document
from hub.sandbox import magic
from hub.sandbox.families import BLOCK, DOCUMENT_AGE, MAX_YOUNG
from hub.sandbox.people import AS_OF, SIZE, Household, Person
from hub.sandbox.population import REMEMBERED, Population
from hub.sandbox.streets import DISTRICTS

CITY = Population()
INDEXES = st.integers(0, SIZE - 1)
SAMPLE = range(0, SIZE, 487)


def households() -> list[Household]:
    return [CITY.household_of(index) for index in SAMPLE]


def people() -> list[Person]:
    return [member for household in households() for member in household.members]


@given(INDEXES)
def test_a_person_depends_on_seed_and_index_alone(index: int):
    """Another population of the same seed, asked in another order, gives the same person."""
    other = Population()
    other.person((index * 7 + 13) % SIZE)
    assert other.person(index) == CITY.person(index)


def test_another_seed_is_another_city():
    """The seed decides who lives behind a number, and never the number."""
    other = Population("vallecas")
    assert [other.number(i) for i in range(99)] == [CITY.number(i) for i in range(99)]
    same = sum(other.person(i).given_name == CITY.person(i).given_name for i in range(100, 200))
    assert same < 50


@given(INDEXES)
def test_a_number_leads_back_to_its_person(index: int):
    """`find` inverts `number`, and the number passes the check of real documents."""
    person = CITY.person(index)
    assert person.document is not None
    assert person.index == index
    assert parse_document(CITY.number(index)) == person.document
    assert CITY.find(person.document.number) == person


@given(INDEXES)
def test_every_member_names_the_same_household(index: int):
    """From whomever one starts, the same sheet with the same one to six people is found."""
    household = CITY.household_of(index)
    assert 1 <= len(household.members) <= 6
    assert index in [member.index for member in household.members]
    for member in household.members:
        assert CITY.person(member.index) == member
        assert CITY.household(member) == household


@pytest.mark.parametrize(
    "number",
    [
        "",
        "99000002",
        "99000002A",
        "99000002k",
        " 99000002K",
        "99000002K\n",
        "12345678Z",
        f"98999999{check_letter(98999999)}",
        "X9900002K",
        "९९000002K",
        "99000002K" * 1000,
        "9900000\x002K",
    ],
    ids=lambda number: ascii(number)[:16],
)
def test_what_is_not_a_number_of_the_city_finds_nobody(number: str):
    """A wrong form, a wrong letter, a real range or other digits are nobody, not an error."""
    assert CITY.find(number) is None


@pytest.mark.parametrize("index", [-1, -SIZE, SIZE * (1 + MAX_YOUNG), 10**30], ids=str)
def test_outside_the_population_there_is_nobody(index: int):
    """An index that is nobody's is an IndexError and never wraps round."""
    with pytest.raises(IndexError):
        CITY.person(index)


def test_a_child_that_was_not_born_is_an_index_error():
    """Between the indexes of children there are gaps, and a gap is nobody."""
    taken = {member.index for member in CITY.household_of(magic.HOUSEHOLD_OF_ONE).members}
    assert taken == {magic.HOUSEHOLD_OF_ONE}
    with pytest.raises(IndexError):
        CITY.person(SIZE + MAX_YOUNG * magic.HOUSEHOLD_OF_ONE)


@pytest.mark.parametrize("index", [-1, SIZE], ids=["below", "above"])
def test_only_the_documented_have_a_number(index: int):
    """No number leaves the synthetic range, whatever index is asked for."""
    with pytest.raises(IndexError):
        CITY.number(index)


def test_blocks_are_divided_without_rest_and_without_overlap():
    """In a run of blocks every documented index is in exactly one household, and no child twice."""
    seen: Counter[int] = Counter()
    index = 7 * BLOCK
    while index < 47 * BLOCK:
        members = CITY.household_of(index).members
        seen.update(member.index for member in members)
        index += sum(member.document is not None for member in members)
    assert set(seen.values()) == {1}
    assert [i for i in sorted(seen) if i < SIZE] == list(range(7 * BLOCK, 47 * BLOCK))


def test_sheets_and_mail_addresses_are_unique():
    """One sheet per household, one mailbox per documented person."""
    homes = {household.sheet: household.members[0].index for household in households()}
    assert len(homes) == len(set(homes.values()))
    mails = [person.email for person in people() if person.document is not None]
    assert len(set(mails)) == len({p.index for p in people() if p.document is not None})


def test_all_districts_are_inhabited_and_hold_their_dwellings():
    """All 21 districts are reached; coordinates, section and postal code belong to them."""
    dwellings = [household.dwelling for household in households()]
    assert {dwelling.district for dwelling in dwellings} == {d.name for d in DISTRICTS}
    assert [district.code for district in DISTRICTS] == [f"{n:02d}" for n in range(1, 22)]
    by_code = {district.code: district for district in DISTRICTS}
    for dwelling in dwellings:
        district = by_code[dwelling.district_code]
        assert district.name == dwelling.district
        assert district.holds(dwelling.latitude, dwelling.longitude)
        assert dwelling.section.isdigit()
        assert len(dwelling.section) == 3
        street = (dwelling.street_type, dwelling.street_name, dwelling.postal_code)
        assert street in [(s.type, s.name, s.postal_code) for s in district.streets]
        assert dwelling.postal_code.startswith("280")


def test_generations_are_plausible():
    """Documents from 14, heads of age, parents at least 18 years older, nobody from the future."""
    for household in households():
        head = household.members[0]
        assert head.age_on(AS_OF) >= 18
        assert head.document is not None
        for member in household.members:
            assert member.birth_date <= member.registered_since < AS_OF
            assert (member.document is not None) or member.age_on(AS_OF) < DOCUMENT_AGE
            if member.age_on(AS_OF) < 18:
                assert head.birth_date.year + 18 <= member.birth_date.year


def test_children_bear_the_surnames_of_their_parents():
    """All children of a household have the same surnames, the first of them the head's."""
    seen = 0
    for household in households():
        head = household.members[0]
        young = [member for member in household.members if member.document is None]
        seen += len(young)
        assert len({(child.first_surname, child.second_surname) for child in young}) <= 1
        assert all(child.first_surname == head.first_surname for child in young)
    assert seen > 300


def test_the_city_has_what_breaks_software():
    """Accents, ñ, ü, hyphens, particles, one surname, the old, the young, the newly arrived."""
    everybody = people()
    names = " ".join(f"{p.given_name} {p.first_surname} {p.second_surname}" for p in everybody)
    for letter in ("ñ", "á", "ü", "-", " De la ", " Del ", "'"):
        assert letter in names, letter
    ages = [person.age_on(AS_OF) for person in everybody]
    count = len(everybody)
    assert 0.15 < sum(age < 18 for age in ages) / count < 0.30
    assert 0.12 < sum(age >= 65 for age in ages) / count < 0.30
    assert 0.02 < sum(p.second_surname is None for p in everybody) / count < 0.15
    assert 0.08 < sum(p.nationality != "ESP" for p in everybody) / count < 0.30
    recent = [p for p in everybody if p.age_on(AS_OF) and (AS_OF - p.registered_since).days <= 180]
    assert 0.01 < len(recent) / count < 0.12
    assert {len(household.members) for household in households()} == set(range(1, 7))


def test_telephones_and_mail_are_invented():
    """Mail goes to a name reserved by RFC 2606, telephones to one block of a thousand numbers."""
    for person in people():
        assert person.phone.startswith("+34600000")
        assert len(person.phone) == 12
        assert person.email.endswith("@example.org")
        assert person.email.isascii()
        assert " " not in person.email


def test_meeting_many_people_costs_no_memory():
    """Once the households kept at hand are full, fifteen hundred strangers add nothing."""
    city = Population()
    tracemalloc.start()
    try:
        for index in range(REMEMBERED + 100):
            city.person(SIZE - 1 - BLOCK * index)
        before = tracemalloc.get_traced_memory()[0]
        for index in range(1500):
            city.person(BLOCK * index)
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert grown < 500_000 < before


def test_printing_a_person_does_not_show_the_number():
    """A person in a message or a log shows a masked document at most."""
    person = CITY.person(magic.DEFAULT_CITIZEN)
    assert person.document is not None
    assert person.document.number not in repr(person)
