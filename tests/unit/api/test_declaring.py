"""In whose name a provider is asked: from the token, or from the purpose's row."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct, structs

from hub.api.declaring import AccessRequest, SubjectRequest, declared
from hub.api.problems import Problem
from hub.core.automated import AutomatedBy
from hub.core.document import parse_document
from hub.core.model import BLOCKS
from hub.core.moment import Clock
from hub.core.policy import Access, Caller, Purpose, PurposeTable, Supplied
from hub.position.purposes import load_purposes
from tests.support.builders import CITIZEN, NOW
from tests.support.officials import OFFICIAL

ROOT = Path(__file__).resolve().parents[3]
TABLE = load_purposes(ROOT / "contracts" / "hub" / "purposes.toml", BLOCKS)
NURSERY = TABLE.get("nursery_admission")
SUBJECT = SubjectRequest(document=CITIZEN, given_name="ANA", first_surname="PRUEBA")
WANTED = AccessRequest(
    subject=SUBJECT, purpose="nursery_admission", case_file="EI/1", consent="given"
)
FUNCTIONARY = AutomatedBy(
    full_name="JEFA DE SERVICIO DE PRUEBAS",
    nif="99000100G",
    processing_unit="Departamento de Escuelas Infantiles",
    unit_code="L01280796",
)
SYSTEM = Caller(
    issuer="i", subject_id="s", audience="system", assurance="high", processing_unit="X"
)
AS_A_CITIZEN = structs.replace(OFFICIAL, audience="citizen", document=parse_document(CITIZEN))


class _Desk(Struct, frozen=True):
    """What of a desk a declaration looks at."""

    purposes: PurposeTable
    clock: Clock


def the_access(caller: Caller, wanted: AccessRequest = WANTED, **row: Any) -> Access:
    """What *caller* declares under the shipped row of the nursery schools, changed by *row*."""
    assert isinstance(NURSERY, Purpose)
    changed = structs.replace(NURSERY, **row)
    table = structs.replace(TABLE, purposes=(changed,))
    desk = _Desk(table, lambda: NOW + dt.timedelta(0))
    return declared(desk, caller, wanted)  # type: ignore[arg-type]  # these two parts suffice


def the_faults(caller: Caller, wanted: AccessRequest = WANTED, **row: Any) -> set[str | None]:
    """Where the declaration is at fault."""
    with pytest.raises(Problem) as caught:
        the_access(caller, wanted, **row)
    assert caught.value.slug == "invalid-request"
    return {fault.pointer for fault in caught.value.errors}


def test_an_official_is_named_from_their_token():
    """Name, document and unit are the token's: the body of the request cannot name another."""
    access = the_access(OFFICIAL, structs.replace(WANTED, processing_unit="Another"))
    assert access.official is not None
    assert access.official.full_name == "Funcionaria"
    assert access.official.document.number == "99000100G"
    assert access.official.processing_unit == "L01280796"
    assert not access.automated


def test_an_automated_act_names_the_bodys_own_functionary():
    """A system asks in the name of the one whom the row names, and says that a machine asks."""
    access = the_access(SYSTEM, audience=("system",), automated_by=FUNCTIONARY)
    assert access.automated
    assert access.official is not None
    assert access.official.full_name == FUNCTIONARY.full_name
    assert access.official.document.number == FUNCTIONARY.nif
    assert access.official.unit_code == "L01280796"


def test_where_no_row_names_one_a_system_cannot_ask():
    """400 at the declaration: no provider hears of it."""
    assert the_faults(SYSTEM, audience=("system",)) == {"/processingUnit"}


def test_a_citizen_is_never_passed_off_as_a_functionary():
    """Not even with a unit in the token, and not as the machine's functionary either."""
    for by in (None, FUNCTIONARY):
        faults = the_faults(AS_A_CITIZEN, audience=("citizen",), automated_by=by)
        assert faults == {"/processingUnit"}


@pytest.mark.parametrize("lacking", ["document", "given_name", "processing_unit"])
def test_an_official_whose_token_lacks_something_is_told_so(lacking: str):
    """A functionary without name, document or unit cannot be named to a provider."""
    assert the_faults(structs.replace(OFFICIAL, **{lacking: None})) == {"/processingUnit"}


def test_everything_that_is_missing_is_named_at_once():
    """Case file, consent, names and unit: 400 before any call, with a pointer each."""
    bare = AccessRequest(subject=SubjectRequest(document=CITIZEN), purpose="nursery_admission")
    caller = structs.replace(OFFICIAL, processing_unit=None)
    assert the_faults(caller, bare) == {
        "/caseFile",
        "/consent",
        "/subject/givenName",
        "/subject/firstSurname",
        "/processingUnit",
    }


@pytest.mark.parametrize("name", ["given_name", "first_surname", "second_surname"])
def test_a_name_that_no_provider_takes_is_a_fault_of_the_declaration(name: str):
    """41 characters: 400 before any call, and only where the purpose demands names."""
    pointer = {
        "given_name": "/subject/givenName",
        "first_surname": "/subject/firstSurname",
        "second_surname": "/subject/secondSurname",
    }[name]
    long, fits = (
        structs.replace(WANTED, subject=structs.replace(SUBJECT, **{name: "N" * length}))
        for length in (41, 40)
    )
    assert the_faults(OFFICIAL, long) == {pointer}
    assert the_access(OFFICIAL, fits).subject_names[name] == "N" * 40
    assert the_access(OFFICIAL, long, states=("case_file", "official", "processing_unit"))


def test_a_name_of_blanks_is_none():
    """A provider's schema reads it as empty."""
    blank = structs.replace(WANTED, subject=structs.replace(SUBJECT, given_name="  "))
    assert the_faults(OFFICIAL, blank) == {"/subject/givenName"}


UNIT_CODE = ("case_file", "official", "processing_unit", "unit_code", "consent", "names")


def test_the_code_of_the_unit_can_be_demanded():
    """What the newer template of the State needs is missed when the access is declared."""
    assert the_faults(OFFICIAL, states=UNIT_CODE) == {"/unitCode"}
    stated = structs.replace(WANTED, unit_code="L01280796")
    supplies = Supplied(unit_code="L01280796")
    for access in (
        the_access(OFFICIAL, stated, states=UNIT_CODE),
        the_access(OFFICIAL, states=UNIT_CODE, supplies=supplies),
        the_access(SYSTEM, states=UNIT_CODE, audience=("system",), automated_by=FUNCTIONARY),
    ):
        assert access.official is not None
        assert access.official.unit_code == "L01280796"


def test_whom_nobody_names_has_no_code_either():
    """Both are said at once."""
    nameless = structs.replace(OFFICIAL, given_name=None)
    assert the_faults(nameless, states=UNIT_CODE) == {"/processingUnit", "/unitCode"}
