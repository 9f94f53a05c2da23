"""What the employment service knows about a synthetic person: a pure function of its index."""

from __future__ import annotations

import datetime as dt

from msgspec import Struct

from hub.sandbox import magic
from hub.sandbox.population import Person, Population

PROCESSED = ("0003", "TRAMITADA")
UNKNOWN = ("0233", "TITULAR NO IDENTIFICADO")
UNAVAILABLE = ("0238", "INFORMACION NO DISPONIBLE")
PROTECTED = ("07", "EL CIUDADANO HA NOTIFICADO LA PROTECCION DE SUS DATOS")

_YOUNGEST, _OLDEST = 16, 67
_FIRST_DAY = dt.date(2023, 1, 2)
_DAYS = 1200


class Entry(Struct, frozen=True, kw_only=True):
    """The answer of the employment service about one person."""

    state: tuple[str, str]
    registered: bool | None = None
    since: dt.date | None = None


_NOT_SEEKING = Entry(state=PROCESSED, registered=False)
_FIXED = {
    magic.UNKNOWN_TO_EMPLOYMENT: Entry(state=UNKNOWN),
    magic.PROTECTED: Entry(state=PROTECTED),
    magic.NOT_A_JOB_SEEKER: _NOT_SEEKING,
    magic.NOTHING_ANYWHERE: _NOT_SEEKING,
}
_SHARES = (
    (0.18, None),  # registered: the entry needs a date
    (0.20, Entry(state=UNAVAILABLE)),
    (0.50, Entry(state=UNKNOWN)),
    (1.00, _NOT_SEEKING),
)
"""What everybody else is, by a lot between 0 and 1; the shares are invented."""


def entry(population: Population, person: Person | None, today: dt.date) -> Entry:
    """The entry of *person*, who may be nobody."""
    if person is None:
        return Entry(state=UNKNOWN)
    dice = population.dice("age", person.index)
    since = min(_FIRST_DAY + dt.timedelta(days=dice.randrange(_DAYS)), today)
    seeking = Entry(state=PROCESSED, registered=True, since=since)
    if person.index == magic.DEFAULT_CITIZEN:
        return seeking
    if person.index in _FIXED:
        return _FIXED[person.index]
    if not _YOUNGEST <= _years(person.birth_date, today) <= _OLDEST:
        return Entry(state=UNKNOWN)
    lot = dice.random()
    return next(found for share, found in _SHARES if lot < share) or seeking


def _years(birth: dt.date, today: dt.date) -> int:
    return today.year - birth.year - ((today.month, today.day) < (birth.month, birth.day))
