"""The block that this package adds to the canonical model."""

from __future__ import annotations

import datetime as dt

from hub.core.model import BlockType, Canonical, Code, Money


class SportsCard(Canonical, frozen=True):
    """A card for the sports centres, known by its last four characters."""

    ending: str
    kind: Code
    valid_until: dt.date | None


class SportsBooking(Canonical, frozen=True):
    """A place that is booked; `price` is missing where nothing is to be paid."""

    centre: str
    activity: str
    starts_at: dt.datetime
    price: Money | None


class SportsCentres(Canonical, frozen=True):
    """Cards and bookings; the source counts the bookings itself."""

    cards: tuple[SportsCard, ...]
    bookings: tuple[SportsBooking, ...]
    booking_count: int


BLOCKS = (
    BlockType(
        name="sportsCentres",
        type=SportsCentres,
        title_es="Centros deportivos",
        title_en="Sports centres",
    ),
)
