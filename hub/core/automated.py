"""Who answers for an act that a machine does (Ley 40/2015 art. 41)."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from hub.core.document import parse_document
from hub.core.errors import InvalidDocument

UnitCode = Annotated[str, Meta(pattern="^[A-Z][A-Z0-9][0-9]{7}$")]
"""A unit's code in the directory of public bodies (DIR3)."""


class AutomatedBy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body's own functionary in whose name a system asks, as a purpose's row names it."""

    full_name: str
    nif: str
    processing_unit: str
    unit_code: UnitCode | None = None

    def __post_init__(self) -> None:
        try:
            kind = parse_document(self.nif).type
        except InvalidDocument as error:
            raise ValueError(str(error)) from None
        if kind not in ("nif", "nie"):
            raise ValueError("automated_by.nif is not a person's")
