from __future__ import annotations

import datetime as dt

import msgspec
import pytest

from hub.core.document import parse_document
from hub.core.model.evidence import JobSeekerEvidence, PublicOrganisation

EVIDENCE = JobSeekerEvidence(
    identifier="SEPE0000000001",
    is_issued_by=PublicOrganisation(identifier="Q2819009H"),
    is_about=parse_document("99000002K"),
    issued_on=dt.date(2026, 11, 22),
    registered=False,
)


def test_an_evidence_is_written_in_the_words_of_the_vocabulary():
    """The JSON names are CCCEV's in lowerCamelCase, and dates are ISO 8601."""
    written = msgspec.to_builtins(EVIDENCE)
    assert written["isIssuedBy"] == {"identifier": "Q2819009H", "preferredLabel": None}
    assert written["issuedOn"] == "2026-11-22"
    assert written["lastRegistration"] is None
    assert msgspec.convert(written, JobSeekerEvidence) == EVIDENCE


def test_an_evidence_prints_no_document():
    """What is printed ends in logs."""
    assert "99000002K" not in repr(EVIDENCE)


@pytest.mark.parametrize(
    "missing", ["identifier", "isIssuedBy", "isAbout", "issuedOn", "registered"]
)
def test_an_evidence_without_its_origin_is_none(missing: str):
    """Who vouches, about whom, for which day, and what: nothing of it is optional."""
    written = msgspec.to_builtins(EVIDENCE)
    del written[missing]
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(written, JobSeekerEvidence)
