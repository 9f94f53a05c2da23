from __future__ import annotations

import json
import tomllib
from itertools import islice
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from openapi_spec_validator import validate

from connectors.civis import SPEC, Settings
from connectors.civis.scope import BENEFITS, PROTECTED, SERVICES
from connectors.civis.simulator.app import FAULTS, ROUTES
from connectors.civis.simulator.faults import SPOILERS
from connectors.civis.simulator.records import Archive
from hub.mapping import (
    as_json,
    check_paths,
    coverage,
    examples_path,
    load_codes,
    load_schemas,
    run_examples,
)
from hub.sandbox import magic
from hub.sandbox.population import Population
from tests.contract.civis.asking import (
    BLOCKS,
    CONTRACT,
    MAPPINGS,
    OPERATIONS,
    ROOT,
    STRUCK,
    SURVIVED,
    Civis,
    meaning,
    settings,
)
from tests.support.builders import NOW

OPENAPI: dict[str, Any] = json.loads((CONTRACT / "openapi.json").read_text("utf-8"))
SCHEMAS = load_schemas(CONTRACT)
SAMPLES = sorted(
    path for path in (CONTRACT / "samples").glob("*.json") if ".golden." not in path.name
)
ITEMS = {"services": "servicio", "benefits": "prestacion"}


def operation_of(sample: Path) -> str:
    return sample.name.split("-")[0]


def check(operation: str, payload: object) -> None:
    jsonschema.Draft202012Validator(SCHEMAS[operation]).validate(payload)


def test_the_interface_is_a_valid_openapi_document() -> None:
    """The contract conforms to OpenAPI 3.1, the payload schemas that it refers to included."""
    assert OPENAPI["openapi"].startswith("3.1")
    validate(OPENAPI, base_uri=(CONTRACT / "openapi.json").as_uri())


def test_the_contract_and_the_simulator_have_the_same_routes() -> None:
    """What is written is played, and what is played is written."""
    written = {path: next(iter(methods)).upper() for path, methods in OPENAPI["paths"].items()}
    assert written == {path: method for path, (method, _) in ROUTES.items()}


def test_no_identifier_can_travel_in_an_address() -> None:
    """The contract has no parameter in a path or a query string."""
    for path, methods in OPENAPI["paths"].items():
        assert "{" not in path
        assert all("parameters" not in operation for operation in methods.values())


@pytest.mark.parametrize("operation", OPERATIONS)
def test_payload_schemas_are_valid(operation: str) -> None:
    """Each operation's payload has a schema of JSON Schema 2020-12."""
    jsonschema.Draft202012Validator.check_schema(SCHEMAS[operation])
    assert SCHEMAS.keys() == {each.name for each in SPEC.operations}


@pytest.mark.parametrize(("operation", "allowed"), [("services", SERVICES), ("benefits", BENEFITS)])
def test_code_lists_allow_list_and_contract_name_the_same_codes(
    operation: str, allowed: dict[str, str]
) -> None:
    """A code that one of the three lacks would be refused, shown without a name, or let through."""
    row = SCHEMAS[operation]["$defs"][ITEMS[operation]]["properties"]
    codes = load_codes(MAPPINGS).lists["service" if operation == "services" else "benefit"]
    assert set(row["codigo"]["enum"]) == set(allowed) == set(codes.codes)
    assert set(row["familia"]["enum"]) == set(allowed.values())
    assert not PROTECTED & set(allowed.values())


@pytest.mark.parametrize(
    ("operation", "place", "name"),
    [
        ("services", ("servicio", "estado"), "service_state"),
        ("services", ("cita", "modalidad"), "channel"),
        ("benefits", ("prestacion", "estado"), "benefit_state"),
        ("benefits", ("prestacion", "periodicidad"), "frequency"),
        ("benefits", ("abono", "medio"), "payment_method"),
    ],
)
def test_each_value_of_the_contract_has_a_word(
    operation: str, place: tuple[str, str], name: str
) -> None:
    """A state that the contract allows must not be refused by the mapping, nor the reverse."""
    shape, member = place
    values = SCHEMAS[operation]["$defs"][shape]["properties"][member]["enum"]
    assert {value for value in values if value} == set(load_codes(MAPPINGS).lists[name].codes)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_mappings_read_what_the_contract_has(operation: str) -> None:
    """Every source path exists, and every leaf is read or left alone with a written reason."""
    assert check_paths(meaning(operation), SCHEMAS) == ()
    found = coverage(meaning(operation), {operation: SCHEMAS[operation]})
    assert found.never_read == ()
    assert found.read


@pytest.mark.parametrize("operation", OPERATIONS)
def test_examples_come_out_as_they_say(operation: str) -> None:
    """The examples beside a mapping are its documentation, so they are run."""
    assert run_examples(meaning(operation), examples_path(MAPPINGS, BLOCKS[operation])) == ()


def test_there_are_samples_of_every_operation() -> None:
    """Each operation has a full answer and one about a person who is unknown."""
    names = {sample.name for sample in SAMPLES}
    for operation in OPERATIONS:
        assert {f"{operation}-several.json", f"{operation}-unknown-person.json"} <= names


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.stem)
def test_a_sample_becomes_its_golden_block(sample: Path) -> None:
    """Each sample on file is valid by the contract and means what stands beside it."""
    payload, operation = json.loads(sample.read_text("utf-8")), operation_of(sample)
    check(operation, payload)
    golden = json.loads(sample.with_suffix(".golden.json").read_text("utf-8"))
    assert as_json(meaning(operation).apply({operation: payload})) == golden


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("fault", [None, "sentinel_dates"])
async def test_what_the_simulator_sends_is_what_the_contract_says(
    civis: Civis, operation: str, fault: str | None
) -> None:
    """Decoded answers about many different people fit the schema and the mapping."""
    if fault:
        civis.break_with(fault)
    seen: set[str] = set()
    for index in holders(civis.stage.population, operation):
        record = await civis.ask(operation, index)
        check(operation, record.payload)
        block = meaning_of[operation].apply({operation: record.payload})
        assert len(block.items) == record.payload["total"] > 0
        assert record.holds
        seen |= {item.state for item in block.items}
    assert len(seen) > 1


def holders(population: Population, operation: str) -> list[int]:
    """Twenty people who hold something, the magic ones among them."""
    archive = Archive(population)
    held = archive.services if operation == "services" else archive.benefits
    hidden = {magic.SEALED_SOCIAL_RECORD}
    people = (index for index in range(3_000) if index not in hidden)
    found = (index for index in people if held(population.person(index), NOW.date()))
    return list(islice(found, 20))


meaning_of = {operation: meaning(operation) for operation in OPERATIONS}


@pytest.mark.asyncio(loop_scope="module")
async def test_the_bytes_that_leave_fit_the_contract(civis: Civis) -> None:
    """Each question is valid by the request schema; the token's form has its two members."""
    schemas = OPENAPI["components"]["schemas"]
    for operation in OPERATIONS:
        await civis.ask(operation, magic.DEFAULT_CITIZEN)
    questions = [sent for sent in civis.recorder.sent if sent.origin.subject]
    assert len(questions) == len(OPERATIONS)
    for sent in questions:
        body = json.loads(sent.message.body)
        jsonschema.Draft202012Validator(schemas["Consulta"]).validate(body)
        assert dict(sent.message.headers)["content-type"] == "application/json"


def test_the_page_about_the_connector_is_complete() -> None:
    """README and CONTRACT name every operation, echo, setting and fault mode."""
    readme = (ROOT / "connectors" / "civis" / "README.md").read_text("utf-8")
    contract = (CONTRACT / "CONTRACT.md").read_text("utf-8")
    echoes = {echo.path for operation in SPEC.operations for echo in operation.echoes}
    for word in {*OPERATIONS, *echoes, *Settings.__struct_fields__, *FAULTS}:
        assert f"`{word}`" in readme, word
    for word in {*SERVICES, *BENEFITS, *PROTECTED, *ROUTES}:
        assert f"`{word}`" in contract, word


def test_the_quality_list_says_done_or_why_not() -> None:
    """Each rule of the list is done, or exempt with a reason."""
    path = ROOT / "connectors" / "civis" / "quality.toml"
    rules = tomllib.loads(path.read_text("utf-8"))["rules"]
    for name, state in rules.items():
        assert state == "done" or state.get("exempt"), name


def test_every_fault_mode_has_its_promise() -> None:
    """A mode that the simulator gains must be given what the connector does about it."""
    assert isinstance(FAULTS, frozenset)
    assert STRUCK.keys() | SURVIVED == FAULTS
    assert SPOILERS.keys() <= FAULTS


def test_the_declaration_is_printable_without_running_anything() -> None:
    """The Spec is data: both operations feed a block and say how their answer is bound."""
    assert {operation.name for operation in SPEC.operations} == set(OPERATIONS)
    assert dict(SPEC.blocks) == {"socialServices": ("services",), "socialBenefits": ("benefits",)}
    assert all(operation.echoes and not operation.legal_effect for operation in SPEC.operations)


def test_settings_never_print_the_secret() -> None:
    """A configuration that is printed keeps its secret."""
    assert "the secret" not in repr(settings())
