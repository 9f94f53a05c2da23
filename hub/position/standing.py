"""Whom the record of an access names beside its subject: the official and the unit."""

from __future__ import annotations

from hub.core.document import Document
from hub.core.policy import Access


def official_of(access: Access) -> Document | None:
    """Who works under *access*, where that is a person other than its subject."""
    if access.official is not None:
        return access.official.document
    return access.caller.document if access.caller.audience == "official" else None


def unit_of(access: Access) -> str | None:
    """The processing unit that *access* is for."""
    return access.official.processing_unit if access.official else access.caller.processing_unit
