"""The simulated register: what it holds about a synthetic person, and how it writes it.

A pure function of the person (and of today, where an answer is dated), so that it needs no
memory. Codes that no public source gives are assumed; contracts/padron/CONTRACT.md says so.
"""

from __future__ import annotations

import datetime as dt

from msgspec import Struct

from hub.sandbox import magic
from hub.sandbox.people import Dwelling, Household, Person
from hub.sandbox.population import Population

_STREET_TYPES = {
    "CALLE": "CALLE",
    "AVENIDA": "AVDA",
    "PLAZA": "PLAZA",
    "PASEO": "PASEO",
    "RONDA": "RONDA",
    "CUESTA": "CUSTA",
    "CAMINO": "CMNO",
    "CARRETERA": "CTRA",
}
_PARTICLES = frozenset({"de", "del", "la", "las", "los", "el"})
_PARTICLE_LENGTH = 6
_NO_RENEWAL = frozenset({"ESP", "ROU", "ITA"})
"""Nationals of the Union confirm otherwise; Spaniards never."""


class Surname(Struct, frozen=True):
    """A surname as the register splits it: `De la` and `Fuente`."""

    particle: str | None
    name: str


class Change(Struct, frozen=True, kw_only=True):
    """The last change of a registration."""

    code: str
    cause: str
    text: str
    on: dt.date


class Entry(Struct, frozen=True, kw_only=True):
    """One inhabitant as the register holds them."""

    person: Person
    household: Household
    nia: str
    born: str
    """As far as it is known: `1950`, `1950-05` or `1950-05-17`."""
    in_city_since: dt.date
    last_change: Change
    renewal_due: dt.date | None


def find(population: Population, number: str, today: dt.date) -> Entry | None:
    """The inhabitant with the document *number*; None for one who is not registered."""
    person = population.find(number)
    if person is None or person.index == magic.NOT_REGISTERED:
        return None
    return entry_of(population, person, today)


def entry_of(population: Population, person: Person, today: dt.date) -> Entry:
    """What the register holds about *person*."""
    dice = population.dice("padron", person.index)
    earlier = dice.randrange(0, 4000) if dice.random() < 0.4 else 0  # noqa: PLR2004 - a share
    in_city = max(person.birth_date, person.registered_since - dt.timedelta(days=earlier))
    vague = person.nationality not in _NO_RENEWAL and dice.random() < 0.05  # noqa: PLR2004
    return Entry(
        person=person,
        household=population.household(person),
        nia=f"{28079_0000_00000 + person.index}",
        born=person.birth_date.isoformat()[: dice.choice((4, 7)) if vague else 10],
        in_city_since=in_city,
        last_change=_last_change(person, in_city),
        renewal_due=_renewal(person, today),
    )


def _last_change(person: Person, in_city: dt.date) -> Change:
    if person.registered_since > in_city:
        return Change(code="M", cause="CD", text="Cambio de domicilio", on=person.registered_since)
    if person.birth_date == in_city:
        return Change(code="A", cause="NA", text="Alta por nacimiento", on=in_city)
    if person.nationality == "ESP":
        return Change(code="A", cause="CR", text="Alta por cambio de residencia", on=in_city)
    return Change(code="A", cause="OM", text="Alta por omisión", on=in_city)


def _renewal(person: Person, today: dt.date) -> dt.date | None:
    """Every second anniversary of the registration that is still to come."""
    if person.nationality in _NO_RENEWAL:
        return None
    since = person.registered_since
    year = since.year + 2
    while _anniversary(since, year) < today:
        year += 2
    return _anniversary(since, year)


def _anniversary(day: dt.date, year: int) -> dt.date:
    return day.replace(year=year, day=min(day.day, 28))


def split_surname(surname: str) -> Surname:
    """Leading particles that fit the register's six characters, and the rest."""
    words = surname.split()
    count = 0
    while count < len(words) - 1 and words[count].lower() in _PARTICLES:
        count += 1
    particle = " ".join(words[:count])
    if not particle or len(particle) > _PARTICLE_LENGTH:
        return Surname(None, surname)
    return Surname(particle, " ".join(words[count:]))


def street_type(dwelling: Dwelling) -> str:
    """The register's five-letter code of a type of street."""
    return _STREET_TYPES.get(dwelling.street_type, dwelling.street_type[:5])
