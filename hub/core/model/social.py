"""Municipal social services and benefits: special categories of data (GDPR art. 9).

Only what a citizen needs in order to act: what there is, in which state, where, until when
and what comes next. Diagnoses, reports and professionals' names have no place here.
"""

from __future__ import annotations

import datetime as dt
from typing import Literal

from hub.core.model.canonical import Canonical, Code, Money

ServiceState = Literal[
    "requested", "in_assessment", "waiting_list", "active", "suspended", "ended", "denied"
]
BenefitState = Literal[
    "requested", "in_assessment", "granted", "denied", "suspended", "ended", "withdrawn"
]
Frequency = Literal["one_off", "monthly", "quarterly", "yearly"]
PaymentMethod = Literal["prepaid_card", "bank_transfer", "paid_to_provider"]
Channel = Literal["in_person", "phone", "video", "home_visit"]


class SocialCentre(Canonical, frozen=True):
    """The centre to turn to. Address in the terms of the EU Core Location Vocabulary."""

    name: str
    full_address: str
    post_code: str | None = None
    address_area: str | None = None
    """District."""
    telephone: str | None = None


class Appointment(Canonical, frozen=True):
    """An appointment still to come."""

    starts_at: dt.datetime
    channel: Channel
    place: str | None = None
    reason: str | None = None


class SocialService(Canonical, frozen=True):
    """A service that the citizen has, asked for, or was refused."""

    case_number: str
    service: Code
    state: ServiceState
    requested_on: dt.date | None = None
    since: dt.date | None = None
    until: dt.date | None = None
    review_due: dt.date | None = None
    """When the citizen's situation is looked at again."""
    centre: SocialCentre | None = None
    reference_unit: str | None = None
    """The unit of the reference professional, never the professional's name."""
    next_appointment: Appointment | None = None

    @property
    def needs_action(self) -> bool:
        """Whether there is an appointment to keep."""
        return self.next_appointment is not None

    @property
    def next_date(self) -> dt.date | None:
        """The day of the appointment."""
        return self.next_appointment.starts_at.date() if self.next_appointment else None


class SocialServices(Canonical, frozen=True):
    """The citizen's social services, as the source orders them."""

    items: tuple[SocialService, ...]


class BenefitPayment(Canonical, frozen=True):
    """How a benefit is paid, and when next."""

    method: PaymentMethod
    account_ending: str | None = None
    """The last four characters of the card or account; the hub never holds the others."""
    last_paid_on: dt.date | None = None
    last_amount: Money | None = None
    next_payment_on: dt.date | None = None


class SocialBenefit(Canonical, frozen=True):
    """An economic benefit: what was granted, what is left, and what must be justified."""

    case_number: str
    benefit: Code
    state: BenefitState
    requested_on: dt.date | None = None
    granted_on: dt.date | None = None
    starts_on: dt.date | None = None
    ends_on: dt.date | None = None
    amount: Money | None = None
    """What is paid each time, as *frequency* says."""
    frequency: Frequency | None = None
    granted_total: Money | None = None
    balance: Money | None = None
    """What is left on the card, where the benefit is a card."""
    payment: BenefitPayment | None = None
    justification_due: dt.date | None = None
    """Until when the citizen must show what the money was spent on."""
    processing_unit: str | None = None

    @property
    def needs_action(self) -> bool:
        """Whether the citizen must still justify what was granted."""
        return self.justification_due is not None and self.state == "granted"

    @property
    def next_date(self) -> dt.date | None:
        """Until when."""
        return self.justification_due


class SocialBenefits(Canonical, frozen=True):
    """The citizen's social benefits, as the source orders them."""

    items: tuple[SocialBenefit, ...]
