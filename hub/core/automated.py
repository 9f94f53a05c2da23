"""Who answers for an act that a machine does (Ley 40/2015 art. 41)."""

from __future__ import annotations

from msgspec import Struct

from hub.core.document import parse_document
from hub.core.errors import InvalidDocument


class AutomatedBy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body's own functionary in whose name a system asks, as a purpose's row names it."""

    full_name: str
    nif: str
    processing_unit: str
    unit_code: str | None = None

    def __post_init__(self) -> None:
        try:
            kind = parse_document(self.nif).type
        except InvalidDocument as error:
            raise ValueError(str(error)) from None
        if kind not in ("nif", "nie"):
            raise ValueError("automated_by.nif is not a person's")
