"""What a provider knows about a synthetic person: a pure function of service and person."""

from __future__ import annotations

import datetime as dt

from msgspec import Struct

from connectors.age.simulator.services import Case, Played, PublishedService
from hub.sandbox import magic
from hub.sandbox.population import Person, Population

UNHEARD = "0999"
"""A code that stands in no table."""

_FIRST_DAY = dt.date(2023, 1, 2)
_DAYS = 1200
_YEAR = dt.timedelta(days=365)


class Entry(Struct, frozen=True, kw_only=True):
    """The answer of a provider about one person."""

    case: str
    content: str
    """The inside of DatosEspecificos, in the prefix `e`."""


class Moment(Struct, frozen=True, kw_only=True):
    """What an entry depends on besides the person."""

    today: dt.date
    asked: str = ""
    """What the question said and the answer repeats."""
    extra: bool = False
    """Whether elements stand in it that the published schema lacks."""


def entry(
    service: PublishedService,
    population: Population,
    person: Person | None,
    moment: Moment,
    mode: str | None = None,
    code: str = UNHEARD,
) -> Entry:
    """The entry of *person*, who may be nobody; *mode* is a fault that asks for a case.

    `business_code` is a case of its own: *code*, and nothing else.
    """
    played = service.played
    name = played.modes.get(mode) if mode else None
    if name is None:
        name = _case(service, population, person, moment.today)
    case = played.cases[name]
    if mode == "business_code":
        name, case = mode, Case(code=code, text="CODIGO DE PRUEBAS")
    index = person.index if person else 0
    return Entry(case=name, content=_written(service, population, index, case, moment))


def _case(
    service: PublishedService, population: Population, person: Person | None, today: dt.date
) -> str:
    played = service.played
    nobody = played.otherwise or played.modes["unknown_person"]
    if person is None:
        return nobody
    citizen = magic.BY_INDEX.get(person.index)
    if citizen is not None and citizen.name in played.citizens:
        return played.citizens[citizen.name]
    if played.ages is not None and not _within(played.ages, person, today):
        return nobody
    return _lot(played, population.dice(f"age-{service.operation}", person.index).random())


def _lot(played: Played, lot: float) -> str:
    total = 0.0
    for name, case in played.cases.items():
        total += case.share
        if case.share and lot < total:
            return name
    return played.modes["unknown_person"]


def _within(ages: tuple[int, int], person: Person, today: dt.date) -> bool:
    birth = person.birth_date
    years = today.year - birth.year - ((today.month, today.day) < (birth.month, birth.day))
    return ages[0] <= years <= ages[1]


def _written(
    service: PublishedService, population: Population, index: int, case: Case, moment: Moment
) -> str:
    dice = population.dice(f"age-{service.operation}-data", index)
    since = min(_FIRST_DAY + dt.timedelta(days=dice.randrange(_DAYS)), moment.today)
    days = dice.randrange(100, 366)
    drawn = {
        "since": since,
        "until": min(since + dt.timedelta(days=120), moment.today),
        "today": moment.today,
        "year_ago": moment.today - _YEAR,
        "next_year": moment.today + _YEAR,
        "days": days,
        "used": dice.randrange(days),
        "amount": dice.randrange(4_000, 60_000),
        "degree": dice.randrange(33, 96),
        "asked": moment.asked,
        "kind": case.kind,
        "extra": service.played.extra if moment.extra else "",
    }
    more = case.more.format(**drawn)
    return service.played.frame.format(**{**drawn, "code": case.code, "text": case.text}, more=more)
