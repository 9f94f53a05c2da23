"""What every canonical type is made of."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from msgspec import Struct


class Canonical(
    Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    rename="camel",
    omit_defaults=False,
):
    """Base of every canonical type: immutable, named arguments, closed, camelCase in JSON."""


class Money(Canonical, frozen=True):
    """An amount with its currency (ISO 4217). Negative is a credit in the citizen's favour."""

    amount: Decimal
    currency: str


class PartialDate(Canonical, frozen=True):
    """A date of which only the year, or year and month, may be known (m8g:GenericDate)."""

    year: int
    month: int | None = None
    day: int | None = None

    def __post_init__(self) -> None:
        if self.day is not None and self.month is None:
            raise ValueError("a day needs its month")
        dt.date(self.year, self.month or 1, self.day or 1)


class Code(Canonical, frozen=True):
    """A value of a code list: the source's code, and its label where the list has one.

    `known` is false for a code that the list lacks and keeps (`unknown = "keep"`).
    """

    code: str
    label: str | None = None
    known: bool = True
