"""Magic citizens are what they are said to be, for every seed."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.sandbox import magic
from hub.sandbox.people import AS_OF
from hub.sandbox.population import DEFAULT_CITIZEN, Population

SEEDS = ["madrid", "vallecas", "seed 3"]


@pytest.fixture(params=SEEDS)
def city(request: pytest.FixtureRequest) -> Population:
    return Population(request.param)


def test_the_default_citizen_has_a_number_worth_knowing(city: Population):
    """The number that the printed commands and the other suites use is the default's."""
    assert DEFAULT_CITIZEN == magic.DEFAULT_CITIZEN
    assert city.number(DEFAULT_CITIZEN) == "99000002K"


def test_the_default_citizen_is_an_adult_with_a_family(city: Population):
    """An adult who shares a home with an adult, a documented minor and two small children."""
    household = city.household_of(magic.DEFAULT_CITIZEN)
    ages = [member.age_on(AS_OF) for member in household.members]
    assert household.members[0].index == magic.DEFAULT_CITIZEN
    assert len(ages) == 5
    assert ages[0] >= 38
    assert [member.document is None for member in household.members] == [False] * 3 + [True] * 2
    assert household.members[2].index == magic.MINOR
    assert ages[2] in (15, 16)


def test_those_who_live_alone_live_alone(city: Population):
    """The household of one, and the elderly person with telecare, have nobody beside them."""
    assert len(city.household_of(magic.HOUSEHOLD_OF_ONE).members) == 1
    assert len(city.household_of(magic.ELDERLY_ALONE).members) == 1
    assert city.person(magic.ELDERLY_ALONE).age_on(AS_OF) > 80


def test_six_is_the_largest_household(city: Population):
    """Three generations, three of them without a document."""
    members = city.household_of(magic.HOUSEHOLD_OF_SIX).members
    assert len(members) == 6
    assert sum(member.document is None for member in members) == 3


def test_names_that_break_software_are_there(city: Population):
    """One citizen has one surname, one has all accents, particles and a hyphen."""
    assert city.person(magic.ONE_SURNAME).second_surname is None
    name = city.person(magic.ACCENTS)
    assert (name.given_name, name.first_surname) == ("María de los Ángeles", "Núñez de Arce")
    assert name.second_surname == "Ibáñez-Güell"


def test_the_recent_arrival_has_just_arrived(city: Population):
    """A foreigner registered within half a year before the population's day."""
    person = city.person(magic.RECENT_ARRIVAL)
    assert person.nationality == "VEN"
    assert 0 < (AS_OF - person.registered_since).days <= 180


def test_every_constant_has_its_row_and_every_row_its_person(city: Population):
    """The table is whole: each constant is described, each index is a different person."""
    constants = {
        name: value
        for name, value in vars(magic).items()
        if name.isupper() and isinstance(value, int) and name != "MANY_BILLS_COUNT"
    }
    assert constants == {name: citizen.index for name, citizen in magic.BY_NAME.items()}
    assert len(magic.BY_INDEX) == len(magic.CITIZENS)
    for citizen in magic.CITIZENS:
        adult = city.person(citizen.index).age_on(AS_OF) >= 18
        assert adult is (citizen.name != "MINOR")


def test_the_default_citizen_is_the_same_in_years():
    """Recorded examples name this person: another name here breaks them all."""
    person = Population().person(magic.DEFAULT_CITIZEN)
    assert (person.given_name, person.first_surname) == ("José Luis", "Muñoz")
    assert (person.second_surname, str(person.birth_date)) == ("Márquez", "1987-09-10")
    dwelling = Population().household(person).dwelling
    assert (dwelling.street_name, dwelling.number) == ("DE LA ALBUFERA", 109)


def test_the_documentation_lists_every_magic_citizen():
    """Name, number and meaning in docs/sandbox.md are those of the table."""
    text = (Path(__file__).parents[3] / "docs" / "sandbox.md").read_text(encoding="utf-8")
    for citizen in magic.CITIZENS:
        number = Population().number(citizen.index)
        assert f"| `{citizen.name}` | {number} | {citizen.meaning} |" in text


def test_an_effect_is_for_the_area_it_names():
    """`effect` answers for the citizen and the area asked for, and None for all others."""
    assert magic.effect(magic.PROTECTED, "employment") == "answers with business code 07"
    assert magic.effect(magic.PROTECTED, "tax") is None
    assert magic.effect(999_999, "tax") is None
