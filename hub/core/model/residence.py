"""Where the person is registered, and with whom (EU Core Location 2.0)."""

from __future__ import annotations

import datetime as dt

from hub.core.document import Document
from hub.core.model.canonical import Canonical, Code, PartialDate


class Address(Canonical, frozen=True, kw_only=True):
    """An address (locn:Address). Texts are as the register writes them."""

    full_address: str
    """On one line, from the street to the municipality."""
    thoroughfare: str
    """Type and name of the street."""
    street_type: Code
    locator_designator: str | None = None
    """Number, letter, kilometre, block, entrance, staircase, floor and door in one text."""
    staircase: str | None = None
    floor: str | None = None
    door: str | None = None
    post_code: str | None = None
    address_area: str | None = None
    """The district of the city."""
    post_name: str
    """The municipality."""
    admin_unit_l2: str
    """The province."""
    municipality_code: str
    """INE: province and municipality, five digits."""


class HouseholdSheet(Canonical, frozen=True, kw_only=True):
    """The key of a registration sheet (hoja padronal): one per dwelling."""

    district_code: str
    section_code: str
    """Census section within the district."""
    number: str


class RegisterChange(Canonical, frozen=True, kw_only=True):
    """A change of a registration: entry, removal or correction."""

    kind: Code
    description: str
    changed_on: dt.date


class Member(Canonical, frozen=True, kw_only=True):
    """One person of the household. The names are a field of their own, to be allowed apart."""

    full_name: str
    birth_date: PartialDate | None = None
    document: Document | None = None
    """None for who has none, as small children."""
    inhabitant_number: str
    registered_since: dt.date | None = None


class Residence(Canonical, frozen=True, kw_only=True):
    """The registration in force. `member_count` counts everybody, the person included."""

    address: Address
    registered_since: dt.date
    """In the municipality, whatever the address."""
    at_address_since: dt.date | None = None
    renewal_due: dt.date | None = None
    """Until when the person must renew the registration, or it lapses; most people never."""
    last_change: RegisterChange | None = None
    sheet: HouseholdSheet
    member_count: int
    members: tuple[Member, ...]
    issued_on: dt.date
    """The day for which the register answers."""
