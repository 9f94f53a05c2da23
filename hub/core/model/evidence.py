"""Evidence that another administration gave about a person (CCCEV 2.1).

The evidence says who vouches for it and about whom; what it says is typed, field by field.
"""

from __future__ import annotations

import datetime as dt

from hub.core.document import Document
from hub.core.model.canonical import Canonical


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
