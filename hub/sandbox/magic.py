"""Citizens with a fixed meaning, for demonstrations and tests.

Each constant is the index of a person in the population, for every seed. A simulator looks
up what it must do: `if person.index == magic.NO_DEBTS`, or `magic.effect(person, "tax")`.
A simulator that has nothing to do with a trait treats the person like anybody else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from hub.sandbox.families import Plan, Seat
from hub.sandbox.names import FullName

Area = Literal["register", "tax", "social", "employment", "requests"]
"""What a system is about: population register, taxes, social services, job seekers, avisos."""

DEFAULT_CITIZEN = 2
MINOR = 4
NOT_REGISTERED = 5
NO_DEBTS = 6
MANY_BILLS = 8
PROTECTED = 10
UNKNOWN_TO_EMPLOYMENT = 11
ONE_SURNAME = 12
ELDERLY_ALONE = 13
HOUSEHOLD_OF_ONE = 14
TWO_PARTNERS = 15
NOTHING_ANYWHERE = 17
RECENT_ARRIVAL = 18
HOUSEHOLD_OF_SIX = 19
ACCENTS = 22
SEALED_SOCIAL_RECORD = 23
UNKNOWN_TO_TAX = 24
NOT_A_JOB_SEEKER = 25
OFFICIAL = 26
AUDITOR = 27
OPERATOR = 28

MANY_BILLS_COUNT = 312
"""How many tax bills MANY_BILLS has."""


class MagicCitizen(Struct, frozen=True, kw_only=True):
    """A person with a fixed meaning, and what the systems of each area do about it."""

    name: str
    index: int
    meaning: str
    effects: Mapping[Area, str]


def _citizen(name: str, index: int, meaning: str, **effects: str) -> MagicCitizen:
    known: dict[Area, str] = {}
    areas: tuple[Area, ...] = ("register", "tax", "social", "employment", "requests")
    for area in areas:
        if area in effects:
            known[area] = effects.pop(area)
    if effects:
        raise ValueError(f"{name}: unknown areas {sorted(effects)}")
    return MagicCitizen(name=name, index=index, meaning=meaning, effects=known)


CITIZENS: tuple[MagicCitizen, ...] = (
    _citizen(
        "DEFAULT_CITIZEN",
        DEFAULT_CITIZEN,
        "an adult in a household of five; every system holds something",
        register="registered, with the household",
        tax="bills, a fine and a direct debit",
        social="at least one service and one benefit",
        employment="registered as a job seeker",
        requests="at least one service request",
    ),
    _citizen("MINOR", MINOR, "a documented minor, child of the default citizen", tax="no partner"),
    _citizen(
        "NOT_REGISTERED",
        NOT_REGISTERED,
        "lives elsewhere and pays taxes here",
        register="answers that the person is not registered",
    ),
    _citizen("NO_DEBTS", NO_DEBTS, "owes nothing", tax="a partner without open items or fines"),
    _citizen(
        "MANY_BILLS",
        MANY_BILLS,
        "more bills than fit on a page",
        tax="MANY_BILLS_COUNT bills, in pages",
    ),
    _citizen(
        "PROTECTED",
        PROTECTED,
        "protected by the state's employment service",
        employment="answers with business code 07",
    ),
    _citizen(
        "UNKNOWN_TO_EMPLOYMENT",
        UNKNOWN_TO_EMPLOYMENT,
        "not known to the state's employment service",
        employment="answers that the holder is not identified",
    ),
    _citizen("ONE_SURNAME", ONE_SURNAME, "a foreigner with one surname"),
    _citizen(
        "ELDERLY_ALONE",
        ELDERLY_ALONE,
        "an elderly person who lives alone with telecare",
        social="telecare at home and home help",
    ),
    _citizen("HOUSEHOLD_OF_ONE", HOUSEHOLD_OF_ONE, "an adult who lives alone"),
    _citizen(
        "TWO_PARTNERS",
        TWO_PARTNERS,
        "one document number, two business partners",
        tax="the lookup gives two partners, and both have items",
    ),
    _citizen(
        "NOTHING_ANYWHERE",
        NOTHING_ANYWHERE,
        "registered, and that is all",
        tax="a partner without any item",
        social="no services, benefits, cases or appointments",
        employment="not registered as a job seeker",
        requests="no service requests",
    ),
    _citizen("RECENT_ARRIVAL", RECENT_ARRIVAL, "a foreigner registered within half a year"),
    _citizen("HOUSEHOLD_OF_SIX", HOUSEHOLD_OF_SIX, "head of a household of three generations"),
    _citizen("ACCENTS", ACCENTS, "a name with ñ, ü, accents, a hyphen and particles"),
    _citizen(
        "SEALED_SOCIAL_RECORD",
        SEALED_SOCIAL_RECORD,
        "has a record that social services never give out",
        social="holds a gender-violence record and never sends it",
    ),
    _citizen(
        "UNKNOWN_TO_TAX",
        UNKNOWN_TO_TAX,
        "never had to do with the tax office",
        tax="the lookup gives no partner",
    ),
    _citizen(
        "NOT_A_JOB_SEEKER",
        NOT_A_JOB_SEEKER,
        "known to the employment service, and has work",
        employment="found, not registered as a job seeker",
    ),
    _citizen("OFFICIAL", OFFICIAL, "an adult in whose name official's tokens are issued"),
    _citizen("AUDITOR", AUDITOR, "an adult in whose name auditor's tokens are issued"),
    _citizen("OPERATOR", OPERATOR, "an adult in whose name operator's tokens are issued"),
)

BY_INDEX: Mapping[int, MagicCitizen] = {citizen.index: citizen for citizen in CITIZENS}
BY_NAME: Mapping[str, MagicCitizen] = {citizen.name: citizen for citizen in CITIZENS}


def effect(index: int, area: Area) -> str | None:
    """What the systems of *area* do about the person at *index*; None: as with anybody."""
    citizen = BY_INDEX.get(index)
    return None if citizen is None else citizen.effects.get(area)


_ADULT = Plan(seats=(Seat("head", 34, 58),), nationality="ESP")
_COUPLE = Plan(seats=(Seat("head", 34, 58), Seat("partner", 34, 58)), nationality="ESP")
_YOUNG = (Seat("child", 6, 9, documented=False), Seat("child", 1, 2, documented=False))
_WITH_ACCENTS = FullName(
    given_name="María de los Ángeles", first_surname="Núñez de Arce", second_surname="Ibáñez-Güell"
)

FIRST_HOUSEHOLDS: tuple[Plan, ...] = (
    _COUPLE,  # 0, 1
    Plan(  # 2 DEFAULT_CITIZEN, 3, 4 MINOR and two children without document
        seats=(
            Seat("head", 38, 41),
            Seat("partner", 38, 41),
            Seat("child", 15, 16),
            *_YOUNG,
        ),
        nationality="ESP",
    ),
    _ADULT,  # 5 NOT_REGISTERED
    _COUPLE,  # 6 NO_DEBTS, 7
    _COUPLE,  # 8 MANY_BILLS, 9
    _ADULT,  # 10 PROTECTED
    _ADULT,  # 11 UNKNOWN_TO_EMPLOYMENT
    Plan(seats=(Seat("head", 25, 50),), nationality="ROU"),  # 12 ONE_SURNAME
    Plan(seats=(Seat("head", 81, 92),), nationality="ESP"),  # 13 ELDERLY_ALONE
    _ADULT,  # 14 HOUSEHOLD_OF_ONE
    _COUPLE,  # 15 TWO_PARTNERS, 16
    _ADULT,  # 17 NOTHING_ANYWHERE
    Plan(seats=(Seat("head", 25, 40),), nationality="VEN", recent=True),  # 18 RECENT_ARRIVAL
    Plan(  # 19 HOUSEHOLD_OF_SIX, 20, 21 and three children without document
        seats=(
            Seat("head", 36, 44),
            Seat("partner", 36, 44),
            Seat("elder", 68, 80),
            *_YOUNG,
            Seat("child", 10, 12, documented=False),
        ),
        nationality="ESP",
    ),
    Plan(  # 22 ACCENTS
        seats=(Seat("head", 34, 58, full_name=_WITH_ACCENTS, sex="M"),), nationality="ESP"
    ),
    *([_ADULT] * 6),  # 23 to 28
)
"""How the first block begins; the rest of it is diced like every other."""
