"""An access: what it is made of, and the subject that it speaks about."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from hub.core.connector import Subject
from hub.core.errors import InvalidDocument
from hub.core.model.canonical import PartialDate
from hub.core.moment import Clock, new_id
from hub.core.policy import Access, Caller, Consent, Official, Purpose
from hub.position.standing import sealed_until


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


def text_of(date: PartialDate) -> str:
    """What `birth_date_of` reads: `1980`, `1980-02` or `1980-02-29`."""
    parts = (date.month, date.day)
    return "-".join([f"{date.year:04}", *(f"{part:02}" for part in parts if part is not None)])


def begin_access(
    caller: Caller,
    purpose: Purpose,
    subject: Subject,
    clock: Clock,
    *,
    case_file: str | None = None,
    official: Official | None = None,
    consent: Consent | None = None,
    authorisations: Mapping[str, str] | None = None,
    automated: bool = False,
    representation: str | None = None,
) -> Access:
    """A new access with an opaque id, and what its purpose asks to be stated."""
    now = clock()
    stated = ("given_name", "first_surname", "second_surname")
    names = {name: value for name in stated if (value := getattr(subject, name))}
    if subject.birth_date is not None:
        names["birth_date"] = str(subject.birth_date)
    return Access(
        id=new_id(),
        caller=caller,
        subject=subject.document,
        subject_names=names,
        purpose=purpose.code,
        legal_basis=purpose.legal_basis,
        retention=purpose.retention,
        procedure=purpose.procedure,
        procedure_name=purpose.procedure_name,
        began_at=now,
        expires_at=now + dt.timedelta(minutes=purpose.minutes),
        sealed_until=sealed_until(purpose, now),
        case_file=case_file,
        official=official,
        consent=consent,
        authorisations=authorisations or {},
        automated=automated,
        procedure_class=purpose.procedure_class,
        representation=representation,
    )
