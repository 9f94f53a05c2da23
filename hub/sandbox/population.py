"""Synthetic people: a pure function of a seed and an index, so that millions cost no memory.

Nobody here is real: document numbers are NIF 99000000-99999999 (never issued), and a
person's number follows from the index alone, so that every simulator knows the same person.
"""

from __future__ import annotations

import datetime as dt
import random

from msgspec import Struct

from hub.core.document import Document, check_letter

FIRST_NUMBER = 99_000_000
SIZE = 1_000_000
"""How many people have a document: one for each number of the synthetic range."""


class Dwelling(Struct, frozen=True, kw_only=True):
    """An address in a real district of Madrid, on an invented number of a real street."""

    street_type: str
    street_name: str
    number: int
    stair: str | None
    floor: str | None
    door: str | None
    postal_code: str
    district_code: str
    district: str
    section: str
    latitude: float
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
    email: str
    registered_since: dt.date


class Household(Struct, frozen=True, kw_only=True):
    """The people of one registration sheet (hoja padronal) and where they live."""

    sheet: str
    dwelling: Dwelling
    members: tuple[Person, ...]


class Population:
    """Everybody, by index or by document number."""

    def __init__(self, seed: str = "madrid") -> None:
        self.seed = seed

    def dice(self, *parts: object) -> random.Random:
        """A random generator that depends on the seed and on *parts* alone.

        Each simulator rolls its own: `population.dice("sap_trm", person.index)`.
        """
        return random.Random(":".join([self.seed, *map(str, parts)]))  # noqa: S311

    def number(self, index: int) -> str:
        """The NIF of the person at *index*."""
        digits = FIRST_NUMBER + index
        return f"{digits}{check_letter(digits)}"
