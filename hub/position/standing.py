"""Whom the record of an access names beside its subject: the official, the unit, the body."""

from __future__ import annotations

import datetime as dt

from hub.core.document import Document
from hub.core.policy import Access, Purpose
from hub.ledger.store import JSON


def official_of(access: Access) -> Document | None:
    """Who works under *access*, where that is a person other than its subject."""
    if access.official is not None:
        return access.official.document
    return access.caller.document if access.caller.audience == "official" else None


def unit_of(access: Access) -> str | None:
    """The processing unit that *access* is for."""
    return access.official.processing_unit if access.official else access.caller.processing_unit


def standing_of(access: Access) -> dict[str, JSON]:
    """What the leaf of an access says of who stands behind it, and until when it is sealed."""
    until = access.sealed_until
    return {
        "unit": unit_of(access),
        "issuer": access.caller.issuer,
        "client": access.caller.client,
        "sealed_until": None if until is None else until.isoformat(),
    }


def sealed_until(purpose: Purpose, now: dt.datetime) -> dt.datetime | None:
    """Until when the law keeps an access that begins now from its subject."""
    return now + dt.timedelta(days=purpose.sealed_days) if purpose.sealed_days else None
