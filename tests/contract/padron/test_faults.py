from __future__ import annotations

import pytest

from connectors.padron.simulator import FAULTS
from hub.core.errors import (
    SourceError,
    SourceInsecure,
    SourceMalformed,
    SourceRefused,
    SourceUnavailable,
)
from hub.core.exchange import SourceRecord
from hub.sandbox import magic
from hub.sandbox.population import Population
from tests.contract.padron.conftest import PASSWORD, Play
from tests.support.builders import a_query

OPERATIONS = ["inhabitant", "household"]
PEOPLE = Population()


async def attempt(play: Play, operation: str) -> SourceRecord | SourceError:
    """What comes of asking about the default citizen, failure included."""
    try:
        return await play.ask(operation, a_query())
    except SourceError as error:
        return error


def outcome(error: SourceError) -> tuple[type[SourceError], str, str]:
    return type(error), error.reason, error.detail


FINE = None
BOTH: dict[str, tuple[type[SourceError], str, str] | None] = {
    "bad_digest_refusal": (SourceRefused, "hub_credentials", "FailedAuthentication"),
    "more_than_one": (SourceRefused, "backend_fault", "0232"),
    "more_than_one_fault": (SourceRefused, "backend_fault", "0232"),
    "not_adhered": (SourceRefused, "backend_fault", "resultado.4"),
    "error_without_code": (SourceUnavailable, "backend_fault", "resultado.3"),
    "technical_fault": (SourceUnavailable, "backend_fault", "0904"),
    "soap_fault_200": (SourceUnavailable, "backend_fault", "0502"),
    "unknown_fault": (SourceUnavailable, "backend_fault", "7777"),
    "empty_fault": (SourceUnavailable, "backend_fault", "no fault code"),
    "huge_fault_detail": (SourceMalformed, "too_large", "more than 262144 bytes"),
    "result_contradicts": (SourceMalformed, "schema", "Resultado contradicts outcome 2"),
    "two_bodies": (SourceMalformed, "schema", "not a SOAP envelope with one Body"),
    "doctype": (SourceInsecure, "forbidden_xml", "a document type declaration"),
    "xxe": (SourceInsecure, "forbidden_xml", "a document type declaration"),
    "comment_in_identifier": FINE,
    "extra_elements": FINE,
    "latin1_declared": FINE,
}
"""Modes with one outcome for both operations."""

PER_OPERATION: dict[tuple[str, str], tuple[type[SourceError], str, str] | None] = {
    ("short_household", "inhabitant"): FINE,
    ("short_household", "household"): (
        SourceMalformed, "schema", "NumeroPersonas is not the number of Persona",
    ),
    ("answers_other_citizen", "inhabitant"): (
        SourceInsecure, "identity_mismatch",
        "inhabitant: the echo at Solicitud/Titular/Documentacion/Valor is not what was asked",
    ),
    ("other_citizen_inside", "inhabitant"): (
        SourceInsecure, "identity_mismatch",
        "inhabitant: the echo at Resultado/Habitante/Documentacion/Valor is not what was asked",
    ),
    ("answers_other_citizen", "household"): (
        SourceInsecure, "identity_mismatch", "a household without the person",
    ),
    ("other_citizen_inside", "household"): (
        SourceInsecure, "identity_mismatch", "a household without the person",
    ),
    **{
        ("stale_answer", operation): (
            SourceInsecure, "identity_mismatch",
            f"{operation}: the echo at IdPeticion is not what was asked",
        )
        for operation in OPERATIONS
    },
}  # fmt: skip

ROOTS = {"inhabitant": "ConsultaHabitanteRespuesta", "household": "ConsultaConvivenciaRespuesta"}
PEOPLE_AT = {"inhabitant": "Resultado/Habitante", "household": "Resultado/Personas/Persona[0]"}
for _operation, _root in ROOTS.items():
    _person = f"{_root}/{PEOPLE_AT[_operation]}"
    PER_OPERATION |= {
        ("no_echo", _operation): (SourceMalformed, "schema", f"{_root}/IdPeticion: missing"),
        ("missing_required", _operation): (
            SourceMalformed, "schema", f"{_person}/Apellido1: missing",
        ),
        ("element_for_text", _operation): (
            SourceMalformed, "schema", f"{_person}/NIA: elements where the contract has text",
        ),
        ("repeated_identifier", _operation): (
            SourceMalformed, "schema",
            f"{_root}/Solicitud/Titular/Documentacion/Valor: more than once",
        ),
        ("wrong_namespace", _operation): (SourceMalformed, "schema", f"Body: not a {_root}"),
    }  # fmt: skip

EXPECTED = {
    **{(mode, op): value for mode, value in BOTH.items() for op in OPERATIONS},
    **PER_OPERATION,
}


@pytest.mark.parametrize("case", EXPECTED, ids="-".join)
async def test_every_fault_of_the_register_has_its_outcome(play: Play, case: tuple[str, str]):
    """Each fault mode ends in the declared class, reason and detail, or in the genuine data."""
    mode, operation = case
    genuine = (await play.ask(operation, a_query())).payload["Resultado"]
    play.break_with(mode)
    found = await attempt(play, operation)
    if isinstance(found, SourceError):
        assert outcome(found) == EXPECTED[case]
    else:
        assert EXPECTED[case] is FINE
        assert found.payload["Resultado"] == genuine


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_latin_1_under_a_wrong_name_is_refused(play: Play, operation: str):
    """Bytes that are not what they are declared to be are never guessed at."""
    play.break_with("wrong_charset")
    with pytest.raises(SourceMalformed) as caught:
        await play.ask(operation, a_query())
    assert caught.value.reason == "charset"


def test_every_fault_mode_is_in_the_table():
    """A mode that no test expects something of would be a fault that nobody judged."""
    assert {mode for mode, _ in EXPECTED} | {"wrong_charset"} == FAULTS


@pytest.mark.parametrize("mode", sorted(FAULTS))
@pytest.mark.parametrize("operation", OPERATIONS)
async def test_no_error_quotes_the_person(play: Play, mode: str, operation: str):
    """Neither number nor names get into an error, whatever the source answers."""
    play.break_with(mode)
    members = PEOPLE.household_of(magic.DEFAULT_CITIZEN).members
    secrets = {PEOPLE.number(magic.DEFAULT_CITIZEN), PASSWORD}
    secrets |= {name for who in members for name in (who.given_name, who.first_surname)}
    found = await attempt(play, operation)
    quoted = str(found) if isinstance(found, SourceError) else repr(found.exchanges)
    assert not [secret for secret in secrets if secret in quoted]
