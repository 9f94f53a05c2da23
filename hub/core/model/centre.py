"""Who belongs to a municipal centre for older people, by the list that the city keeps."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from hub.core.model.canonical import Canonical


class CentreMembership(Canonical, frozen=True, kw_only=True):
    """A citizen's place in one centre."""

    number: str
    """On the card."""
    centre: str
    address_area: str | None = None
    """District."""
    kind: Literal["member", "partner", "volunteer"]
    """A member by age, a member's partner, or who gives a workshop there."""
    since: dt.date
    until: dt.date | None = None
    """None while it lasts."""
    card_valid_until: dt.date | None = None


class SeniorCentres(Canonical, frozen=True, kw_only=True):
    """A citizen's memberships as they were on a day: a list that is delivered lags behind."""

    items: tuple[CentreMembership, ...]
    as_of: dt.date
    """The day whose state the list shows; what changed later is not in it."""
