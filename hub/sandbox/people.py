"""What is known of a synthetic person, their dwelling and their household."""

from __future__ import annotations

import datetime as dt

from msgspec import Struct

from hub.core.document import Document

AS_OF = dt.date(2026, 1, 1)
"""The day on which everybody has the age of their plan; nobody is born or moves after it."""
FIRST_NUMBER = 99_000_000
SIZE = 1_000_000
"""How many people have a document: one for each number of the synthetic range."""


class Dwelling(Struct, frozen=True, kw_only=True):
    """An address in a real district of Madrid, on an invented number of a real street."""

    street_type: str
    """`CALLE`, `AVENIDA` …, upper case, as the Callejero writes it."""
    street_name: str
    """Upper case with accents, as the Callejero writes it; particles included."""
    number: int
    stair: str | None
    floor: str | None
    """`BJ` for the ground floor, else a number."""
    door: str | None
    postal_code: str
    district_code: str
    """`01` to `21`."""
    district: str
    section: str
    """Census section within the district, three digits."""
    latitude: float
    """Degrees, WGS 84, inside the rough box of the district."""
    longitude: float


class Person(Struct, frozen=True, kw_only=True):
    """One synthetic person. `document` is None for children who have none yet."""

    index: int
    document: Document | None
    given_name: str
    first_surname: str
    second_surname: str | None
    sex: str
    """`H` (hombre) or `M` (mujer), as the Padrón writes it."""
    birth_date: dt.date
    nationality: str
    """ISO 3166-1 alpha-3."""
    phone: str
    """E.164. Spain reserves no numbers for fiction: see docs/sandbox.md. Never call one."""
    email: str
    """Under example.org (RFC 2606). A child without document has those of the head."""
    registered_since: dt.date
    """Since when the person is registered in this household."""

    def age_on(self, day: dt.date) -> int:
        """Completed years on *day*."""
        before = (day.month, day.day) < (self.birth_date.month, self.birth_date.day)
        return day.year - self.birth_date.year - before


class Household(Struct, frozen=True, kw_only=True):
    """The people of one registration sheet (hoja padronal) and where they live."""

    sheet: str
    """Seven digits, one number per household of the city."""
    dwelling: Dwelling
    members: tuple[Person, ...]
    """One to six, the head first."""
