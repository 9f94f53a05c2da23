"""Where a citizen votes: the electoral roll, of which nobody but the elector may see anything."""

from __future__ import annotations

import datetime as dt

from hub.core.model.canonical import Canonical, Code


class PollingPlace(Canonical, frozen=True, kw_only=True):
    """Where the ballot boxes stand. Address in the terms of the EU Core Location Vocabulary."""

    name: str
    full_address: str
    post_code: str | None = None


class ElectoralRoll(Canonical, frozen=True, kw_only=True):
    """The citizen's entry in the electoral roll as it was closed on a day."""

    roll: Code
    """Of residents in Spain, of foreigners who may vote here, or of those who live abroad."""
    elections: tuple[Code, ...]
    """In which the citizen may vote."""
    municipality_code: str
    """INE: province and municipality, five digits."""
    district_code: str
    section_code: str
    """Census section within the district."""
    table: str | None = None
    """The polling station's table (mesa)."""
    polling_place: PollingPlace | None = None
    """None between elections, where it is not assigned yet."""
    closed_on: dt.date
    """The day whose state the roll shows: later moves are not in it."""
    claims_until: dt.date | None = None
    """Until when the elector can have it corrected, while it is on display."""
