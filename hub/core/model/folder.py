"""What the citizen's folder shows: appointments at the city's offices, cases, registry entries and
notifications.

No EU vocabulary has a class for these: the names follow the hub of citizens' folders of the
Consorci AOC and the State's interoperability rules (ENI, SICRES).
"""

from __future__ import annotations

import datetime as dt
from typing import Literal

from hub.core.model.canonical import Canonical, Code

AppointmentState = Literal["booked", "attended", "missed", "cancelled"]
AppointmentChannel = Literal["in_person", "phone", "video"]

CaseState = Literal["open", "closed", "closed_for_transfer"]
CitizenAction = Literal["required", "none", "not_applicable"]

NotificationState = Literal[
    "pending", "accepted", "rejected", "expired", "cancelled", "undelivered"
]


class PublicBody(Canonical, frozen=True, kw_only=True):
    """A body of an administration, by its code in the State's directory (DIR3)."""

    code: str
    name: str | None = None


class Procedure(Canonical, frozen=True, kw_only=True):
    """A procedure, by its code in the State's inventory (SIA)."""

    code: str
    name: str | None = None


class Office(Canonical, frozen=True, kw_only=True):
    """Where to go. Address in the terms of the EU Core Location Vocabulary."""

    name: str
    full_address: str
    post_code: str | None = None
    address_area: str | None = None
    """District."""
    telephone: str | None = None
    latitude: float | None = None
    """Degrees north (WGS 84)."""
    longitude: float | None = None
    """Degrees east (WGS 84)."""


class BookedAppointment(Canonical, frozen=True, kw_only=True):
    """A citizen's appointment with the city. Its links are for the citizen to follow."""

    id: str
    """What the citizen quotes to change or cancel it."""
    subject: str
    """What it is about: `Alta en el Padrón`."""
    procedure: Code | None = None
    """The procedure in the State's inventory (SIA)."""
    state: AppointmentState
    booked_at: dt.datetime
    """When it was made: the day on which nothing happens."""
    starts_at: dt.datetime
    """When it takes place."""
    minutes: int | None = None
    """How long it is expected to take."""
    reminder_at: dt.datetime | None = None
    """When the citizen is reminded of it."""
    channel: AppointmentChannel
    office: Office | None = None
    """None where the citizen need not go anywhere."""
    documents: tuple[str, ...] = ()
    """What to bring, each in the office's words."""
    change_url: str | None = None
    cancel_url: str | None = None

    @property
    def needs_action(self) -> bool:
        """Whether it is still to be kept."""
        return self.state == "booked"

    @property
    def next_date(self) -> dt.date | None:
        """The day on which it takes place."""
        return self.starts_at.date()


class Appointments(Canonical, frozen=True, kw_only=True):
    """A citizen's appointments, as the source orders them."""

    items: tuple[BookedAppointment, ...]


class Case(Canonical, frozen=True, kw_only=True):
    """A case file (expediente) in which the citizen is a party, in the terms of ENI."""

    id: str
    """Of the whole country: `ES_L01280796_2026_EXP_…`."""
    number: str | None = None
    """What the citizen quotes."""
    subject: str | None = None
    procedure: Procedure
    body: PublicBody
    """Who decides it."""
    state: CaseState
    """ENI's E01, E02 and E03: closed for transfer is closed, with its index made."""
    stage: str | None = None
    """Where it stands, in the source's words."""
    opened_on: dt.date
    expected_on: dt.date | None = None
    """When a decision is expected."""
    closed_on: dt.date | None = None
    citizen_action: CitizenAction | None = None
    action_due: dt.date | None = None
    """Until when the citizen must act, where they must."""
    details_url: str | None = None

    @property
    def needs_action(self) -> bool:
        """Whether it waits for the citizen."""
        return self.citizen_action == "required"

    @property
    def next_date(self) -> dt.date | None:
        """Until when."""
        return self.action_due


class Cases(Canonical, frozen=True, kw_only=True):
    """A citizen's cases, as the source orders them; it may hold more than it gives."""

    items: tuple[Case, ...]
    held_count: int
    """How many the source says that it holds."""
    truncated: bool
    """Whether that is more than it gives at once, so that some are not among the items."""


class RegistryEntry(Canonical, frozen=True, kw_only=True):
    """An entry of an electronic registry, in the terms of SICRES."""

    number: str
    """What proves that it was handed in, or sent."""
    kind: Literal["received", "sent"]
    """Seen from the city: what the citizen handed in is received."""
    summary: str
    registered_at: dt.datetime
    """When it was entered."""
    presented_at: dt.datetime | None = None
    """When it was handed in: from here on deadlines run."""
    origin: PublicBody | None = None
    """Who sent it, where that is an administration."""
    destination: PublicBody | None = None
    """Who is to deal with it."""
    procedure_code: str | None = None
    """In the State's inventory (SIA)."""
    case_number: str | None = None
    exchange_id: str | None = None
    """Of the exchange with another administration, where it was sent on."""
    paper: Code | None = None
    """Whether paper goes with it."""


class RegistryEntries(Canonical, frozen=True, kw_only=True):
    """A citizen's registry entries, as the source orders them."""

    items: tuple[RegistryEntry, ...]


class Notification(Canonical, frozen=True, kw_only=True):
    """A notification or communication to the citizen: that there is one, never what it says.

    To read one is to be notified, so that the hub can show no more.
    """

    id: str
    kind: Literal["notification", "communication"]
    """A notification starts deadlines; a communication informs."""
    subject: str | None = None
    sender: PublicBody
    state: NotificationState
    """In the words of the lists: expired means that the law takes it as rejected."""
    stage: Code
    """The source's own state, of which `state` is the short form."""
    created_at: dt.datetime
    updated_at: dt.datetime | None = None
    capacity: Literal["holder", "recipient", "representative", "other"] | None = None
    """As what the citizen receives it."""
    channel: Code | None = None
    """How it was or will be delivered."""

    @property
    def needs_action(self) -> bool:
        """Whether it waits to be read."""
        return self.state == "pending"

    @property
    def next_date(self) -> dt.date | None:
        """None: until when it can be read is not in the list."""
        return None


class Notifications(Canonical, frozen=True, kw_only=True):
    """A citizen's notifications and communications, pending or not, as the source orders them."""

    items: tuple[Notification, ...]
