"""Evidence that another administration gave about a person (CCCEV 2.1).

The evidence says who vouches for it and about whom; what it says is typed, field by field.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Literal

from hub.core.document import Document
from hub.core.model.canonical import Canonical, Code, Money


class PublicOrganisation(Canonical, frozen=True):
    """The body that vouches for an evidence (CPOV 2.1.2)."""

    identifier: str
    """Its tax number (NIF)."""
    preferred_label: str | None = None


class JobSeekerEvidence(Canonical, frozen=True):
    """Whether a person is registered as a job seeker, on the day on which it was issued."""

    identifier: str
    """Reference of the evidence at its issuer: what to quote when it is contested."""
    is_issued_by: PublicOrganisation
    is_about: Document
    issued_on: dt.date
    """The day that `registered` speaks of; the source says nothing of any other day."""
    registered: bool
    last_registration: dt.date | None = None
    """The day since which the registration has lasted without a break, or the last one."""


class UnemploymentBenefitEvidence(Canonical, frozen=True):
    """The unemployment benefit that a person has or last had, on the day of issue."""

    identifier: str
    is_issued_by: PublicOrganisation
    is_about: Document
    issued_on: dt.date
    benefit: str | None = None
    """Kind of benefit in the provider's words."""
    status: Code | None = None
    valid_from: dt.date | None = None
    """Since when the status has held."""
    valid_until: dt.date | None = None
    days_granted: int | None = None
    days_used: int | None = None


class WorkSituation(Canonical, frozen=True):
    """A stretch of insured work."""

    employer: str
    days: int
    """Days insured in it, within the period of the evidence."""
    scheme: str | None = None
    """Scheme of the social security (`GENERAL`, `AUTONOMOS`), in the provider's words."""
    started_on: dt.date | None = None
    ended_on: dt.date | None = None
    """None while it lasts."""
    contract: Code | None = None
    part_time_share: Decimal | None = None
    """Per cent of a full working day."""
    contribution_group: Code | None = None


class WorkHistoryEvidence(Canonical, frozen=True):
    """A person's insured work in the period that the evidence covers."""

    identifier: str
    is_issued_by: PublicOrganisation
    is_about: Document
    issued_on: dt.date
    valid_from: dt.date
    valid_until: dt.date
    days_registered: int | None = None
    """Days insured in the whole period, with days of several employments counted once each."""
    situations: tuple[WorkSituation, ...] = ()


class IncomeItem(Canonical, frozen=True):
    """One kind of income that others declared about a person."""

    label: str
    amount: Money


class IncomeLevelEvidence(Canonical, frozen=True):
    """A person's income in a tax year. Says nothing of spouse, children or ancestors."""

    identifier: str
    is_issued_by: PublicOrganisation
    is_about: Document
    issued_on: dt.date
    tax_year: int
    kind: Literal["income_level", "tax_return", "imputed"]
    """What the amount rests on: a level of income, a whole return, or others' declarations."""
    income: Money | None = None
    """The level of income; None where the source only lists what is imputed."""
    taxation: str | None = None
    """Individual or joint, in the provider's words: a joint return holds two incomes."""
    imputed: tuple[IncomeItem, ...] = ()
    """What is imputed, item by item; nothing is added up."""


class LargeFamilyEvidence(Canonical, frozen=True):
    """The title of a large family. Says nothing of its members but how many children."""

    identifier: str
    is_issued_by: PublicOrganisation
    is_about: Document
    issued_on: dt.date
    title_number: str
    category: Code
    region: str
    """Autonomous community that gave the title, as ISO 3166-2:ES (`ES-MD`)."""
    children: int
    valid_until: dt.date
    valid_from: dt.date | None = None
    in_force: bool | None = None
    """What the source says of the day of issue; None where it only gives the dates."""


class DisabilityEvidence(Canonical, frozen=True):
    """The degree of a person's disability. Health data (GDPR art. 9), cut to the degree."""

    identifier: str
    is_issued_by: PublicOrganisation
    is_about: Document
    issued_on: dt.date
    degree: int
    """Per cent, 0 to 100."""
    region: str
    """Autonomous community that certified it, as ISO 3166-2:ES (`ES-MD`)."""
    permanent: bool
    valid_from: dt.date
    review_on: dt.date | None = None
