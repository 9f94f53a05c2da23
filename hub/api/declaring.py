"""The body of `POST /v1/accesses` becomes an Access, or a problem that names every fault."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta, Struct

from hub.api.bodies import read_body
from hub.api.problems import Fault, Problem
from hub.core.automated import UnitCode
from hub.core.connector import Subject
from hub.core.document import Document, parse_document
from hub.core.errors import InvalidDocument
from hub.core.policy import Access, Caller, Consent, Official, Purpose, Supplied
from hub.position.access import begin_access, birth_date_of
from hub.position.desk import Desk
from hub.position.registers import Entered

Name = Annotated[str, Meta(min_length=1, max_length=50)]


NAME_LENGTH = 40
"""The most characters of a name that the providers take who demand names."""


class SubjectRequest(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Who is asked about. Some sources want the names beside the document."""

    document: Annotated[str, Meta(min_length=5, max_length=20)]
    given_name: Name | None = None
    first_surname: Name | None = None
    second_surname: Name | None = None
    birth_date: Annotated[str, Meta(pattern=r"^\d{4}(-\d{2}(-\d{2})?)?$")] | None = None


class Authorisation(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """The person's own authorisation for some blocks, and where it can be found."""

    blocks: Annotated[tuple[Annotated[str, Meta(max_length=64)], ...], Meta(min_length=1)]
    evidence: Annotated[str, Meta(min_length=1, max_length=200)]
    """Reference of the signed form in the case file or the document archive."""


class AccessRequest(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """An official's or a system's declaration of why it is going to ask."""

    subject: SubjectRequest | None = None
    """Not for a citizen, who acts for the person of the representation."""
    representation: Annotated[str, Meta(min_length=26, max_length=26)] | None = None
    """Entry under which the caller, or the subject's representative, acts."""
    purpose: Annotated[str, Meta(min_length=1, max_length=64)]
    case_file: Annotated[str, Meta(min_length=1, max_length=25)] | None = None
    processing_unit: Annotated[str, Meta(min_length=1, max_length=250)] | None = None
    unit_code: UnitCode | None = None
    """The processing unit's code in the directory of public bodies (DIR3)."""
    consent: Consent | None = None
    authorisations: Annotated[tuple[Authorisation, ...], Meta(max_length=20)] = ()


def declared(
    desk: Desk, caller: Caller, wanted: AccessRequest, relation: Entered | None = None
) -> Access:
    """The access that *wanted* declares, under *relation* where it names one.

    Raises Problem with every fault at once.
    """
    faults: list[Fault] = []
    subject = _subject(wanted.subject, relation, faults)
    purpose = desk.purposes.get(wanted.purpose)
    if purpose is None or caller.audience not in purpose.audience:
        codes = [row.code for row in desk.purposes.purposes if caller.audience in row.audience]
        detail = f"not a purpose of yours; one of: {', '.join(codes) or 'none'}"
        faults.append(Fault(pointer="/purpose", detail=detail))
    official = _official(caller, wanted, purpose)
    if purpose is not None:
        faults += _missing(purpose, wanted, official)
    if faults or purpose is None or subject is None:
        raise Problem("invalid-request", errors=tuple(faults))
    supplied = purpose.supplies.consent if purpose.supplies else None
    return begin_access(
        caller,
        purpose,
        subject,
        desk.clock,
        case_file=wanted.case_file,
        official=official,
        consent=supplied or wanted.consent,
        authorisations={b: one.evidence for one in wanted.authorisations for b in one.blocks},
        automated=caller.audience == "system" and official is not None,
        representation=wanted.representation,
    )


def read_declaration(body: bytes) -> AccessRequest:
    """The declaration in *body*; raises Problem for what is none."""
    return read_body(body, AccessRequest)


def _subject(
    wanted: SubjectRequest | None, relation: Entered | None, faults: list[Fault]
) -> Subject | None:
    """Who is asked about: the person of the relation, or the one who is stated."""
    if wanted is None:
        if relation is None:
            faults.append(Fault(pointer="/subject", detail="missing"))
        return None if relation is None else Subject(document=relation.about)
    return _stated_subject(wanted, faults)


def _stated_subject(wanted: SubjectRequest, faults: list[Fault]) -> Subject | None:
    document: Document | None = None
    try:
        document = parse_document(wanted.document)
    except InvalidDocument as error:
        faults.append(Fault(pointer="/subject/document", detail=str(error)))
    try:
        birth_date = birth_date_of(wanted.birth_date)
    except InvalidDocument as error:
        faults.append(Fault(pointer="/subject/birthDate", detail=str(error)))
        return None
    if document is None:
        return None
    return Subject(
        document=document,
        given_name=wanted.given_name,
        first_surname=wanted.first_surname,
        second_surname=wanted.second_surname,
        birth_date=birth_date,
    )


def _official(caller: Caller, wanted: AccessRequest, purpose: Purpose | None) -> Official | None:
    """The public employee behind the token; a citizen is never passed off as one.

    Where a system asks, the one whom the purpose's row names for automated acts.
    """
    if caller.audience == "system" and purpose is not None and (by := purpose.automated_by):
        return Official(
            full_name=by.full_name,
            document=parse_document(by.nif),
            processing_unit=by.processing_unit,
            unit_code=by.unit_code,
        )
    supplied = (purpose.supplies if purpose else None) or Supplied()
    unit = caller.processing_unit or supplied.processing_unit or wanted.processing_unit
    if caller.audience != "official" or not (caller.document and caller.given_name and unit):
        return None
    names = (caller.given_name, caller.first_surname, caller.second_surname)
    return Official(
        full_name=" ".join(name for name in names if name),
        document=caller.document,
        processing_unit=unit,
        unit_code=supplied.unit_code or wanted.unit_code,
    )


def _missing(purpose: Purpose, wanted: AccessRequest, official: Official | None) -> list[Fault]:
    """What the purpose asks to be stated and is not."""
    faults = []
    if "case_file" in purpose.states and wanted.case_file is None:
        faults.append(Fault(pointer="/caseFile", detail="this purpose needs the case file"))
    if "consent" in purpose.states and wanted.consent is None:
        detail = "this purpose needs it: given, law or no_opposition"
        faults.append(Fault(pointer="/consent", detail=detail))
    if "names" in purpose.states and wanted.subject is not None:
        faults += _names_missing(wanted.subject)
    if {"official", "processing_unit"} & set(purpose.states) and official is None:
        detail = "needs your processing unit here or in your token, and your name and NIF in it"
        faults.append(Fault(pointer="/processingUnit", detail=detail))
    if "unit_code" in purpose.states and (official is None or official.unit_code is None):
        detail = "this purpose needs the DIR3 code of your processing unit"
        faults.append(Fault(pointer="/unitCode", detail=detail))
    return faults


def _names_missing(subject: SubjectRequest) -> Iterator[Fault]:
    """The names that a provider demands, and those that it cannot take."""
    needed = {"givenName": subject.given_name, "firstSurname": subject.first_surname}
    for name, value in {**needed, "secondSurname": subject.second_surname}.items():
        length = len(" ".join((value or "").split()))
        if name in needed and not length:
            detail = "a provider asked under this purpose needs it"
            yield Fault(pointer=f"/subject/{name}", detail=detail)
        if length > NAME_LENGTH:
            detail = f"a provider asked under this purpose takes {NAME_LENGTH} characters at most"
            yield Fault(pointer=f"/subject/{name}", detail=detail)
