"""The person that an access is about, as token or body stated it."""

from __future__ import annotations

from hub.core.connector import Subject
from hub.core.errors import InvalidDocument
from hub.core.model.canonical import PartialDate
from hub.core.policy import Access


def subject_of(access: Access) -> Subject:
    """The subject with the names that token or body stated."""
    names = access.subject_names
    return Subject(
        document=access.subject,
        given_name=names.get("given_name"),
        first_surname=names.get("first_surname"),
        second_surname=names.get("second_surname"),
        birth_date=birth_date_of(names.get("birth_date")),
    )


def birth_date_of(text: str | None) -> PartialDate | None:
    """`1980`, `1980-02` or `1980-02-29`; InvalidDocument for anything else."""
    if text is None:
        return None
    try:
        return PartialDate(
            **dict(zip(("year", "month", "day"), map(int, text.split("-")), strict=False))
        )
    except (TypeError, ValueError):
        raise InvalidDocument("the birth date is not YYYY, YYYY-MM or YYYY-MM-DD") from None
