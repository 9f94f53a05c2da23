"""What every canonical type is made of."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Protocol

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

    def __str__(self) -> str:
        """As ISO 8601 writes it: `1980`, `1980-02`, `1980-02-29`."""
        parts = (f"{self.year:04}", *(f"{p:02}" for p in (self.month, self.day) if p is not None))
        return "-".join(parts)


class Code(Canonical, frozen=True):
    """A value of a code list: the source's code, and its label where the list has one.

    `known` is false for a code that the list lacks and keeps (`unknown = "keep"`).
    """

    code: str
    label: str | None = None
    known: bool = True


class Actionable(Protocol):
    """An item that may wait for the citizen; a canonical type offers it by properties."""

    @property
    def needs_action(self) -> bool:
        """Whether the citizen can or must do something about it now."""
        ...

    @property
    def next_date(self) -> dt.date | None:
        """The date until which, or on which, that is."""
        ...


class Highlight(Canonical, frozen=True):
    """What a first screen needs of a block."""

    count: int = 1
    needs_action: int | None = None
    next_date: dt.date | None = None


def highlight(value: Canonical, today: dt.date) -> Highlight:
    """How many items *value* has, how many wait for the citizen, and the next date of these.

    A source that says that it holds more than it gives (`held_count`) is believed.
    """
    items = getattr(value, "items", None)
    if items is None:
        return Highlight()
    count: int = getattr(value, "held_count", len(items))
    if not items or not hasattr(items[0], "needs_action"):
        return Highlight(count=count)
    waiting: list[Actionable] = [item for item in items if item.needs_action]
    dates = [item.next_date for item in waiting if item.next_date and item.next_date >= today]
    return Highlight(count=count, needs_action=len(waiting), next_date=min(dates, default=None))
