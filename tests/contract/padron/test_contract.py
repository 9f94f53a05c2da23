from __future__ import annotations

import importlib
import re
import tomllib
from typing import Any

import httpx
import jsonschema
import msgspec
import pytest
from lxml import etree

from connectors.padron import SPEC, Settings, open_connector
from connectors.padron.connector import WSDL
from connectors.padron.simulator import FAULTS
from hub.core.binding import check_binding
from hub.core.connector import Query
from hub.core.errors import SourceError, SourceRefused
from hub.core.secret import Secret
from hub.sandbox import magic
from hub.sandbox.population import Population
from hub.wire.soap import SoapService
from tests.contract.padron.conftest import (
    CONTRACT,
    PASSWORD,
    ROOT,
    SAMPLES,
    Play,
    a_schema,
    answering,
    payload_schema,
)
from tests.support.builders import a_client, a_query

PEOPLE = Population()
ANSWERS = [
    ("family", "99000002K", "SAMPLE-0001", True),
    ("alone", "99000012P", "SAMPLE-0002", True),
    ("not_registered", "99000005R", "SAMPLE-0003", False),
]
OPERATIONS = ["inhabitant", "household"]


def a_sample_query(number: str, request: str) -> Query:
    """A query whose request the samples answer."""
    return msgspec.structs.replace(a_query(number), request=request)


def validate(operation: str, payload: dict[str, Any]) -> None:
    """The payload against the schema that mappings are checked against."""
    jsonschema.Draft202012Validator(payload_schema(operation)).validate(payload)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize(("name", "number", "request_id", "holds"), ANSWERS)
async def test_each_sample_is_read_and_bound(operation, name, number, request_id, holds):
    """A sample on file becomes a payload that keeps to its schema and answers its request."""
    query = a_sample_query(number, request_id)
    connector = answering((SAMPLES / f"{name}.{operation}.xml").read_bytes())
    record = await connector.fetch(operation, query)
    check_binding(SPEC.operation(operation), query, record)
    validate(operation, record.payload)
    assert record.holds is holds


@pytest.mark.parametrize(
    ("name", "reason", "detail"),
    [
        ("fault.more_than_one", "backend_fault", "0232"),
        ("fault.authentication", "hub_credentials", "FailedAuthentication"),
    ],
)
async def test_each_fault_on_file_is_classified(name, reason, detail):
    """A fault of the shape on file is refused for its declared reason."""
    with pytest.raises(SourceRefused) as caught:
        await answering((SAMPLES / f"{name}.xml").read_bytes(), 500).fetch("inhabitant", a_query())
    assert (caught.value.reason, caught.value.detail) == (reason, detail)


def test_every_sample_is_used_and_keeps_to_the_contract():
    """Libxml2 finds each answer on file valid; a sample that no test names is no evidence."""
    schema, names = a_schema(), {path.name for path in SAMPLES.glob("*.xml")}
    expected = {f"{name}.{op}.xml" for name, *_ in ANSWERS for op in OPERATIONS}
    assert names == expected | {"fault.more_than_one.xml", "fault.authentication.xml"}
    for name in expected:
        (answer,) = etree.parse(SAMPLES / name).getroot().findall("{*}Body/*")
        assert schema.validate(answer), (name, schema.error_log)


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_requests_keep_to_the_contract(operation):
    """What is sent is valid against the XSD, in document/literal, with the operation's action."""
    seen: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(404)

    client = a_client("padron", "http://padron.test/", transport=httpx.MockTransport(handle))
    connector = open_connector(client, Settings(username="hub", password=Secret(PASSWORD)))
    with pytest.raises(SourceError):
        await connector.fetch(operation, a_query())
    (request,) = seen
    (body,) = etree.fromstring(request.content).findall("{*}Body/*")
    schema = a_schema()
    assert schema.validate(body), schema.error_log
    name = etree.QName(body).localname.removesuffix("Peticion")
    assert request.headers["soapaction"] == f'"urn:posicion-integral:padron:1:{name}"'
    assert request.headers["content-type"] == "text/xml; charset=utf-8"
    assert body.findtext("{*}Solicitud/{*}MunicipioSolicitud") == "079"


@pytest.mark.parametrize(
    "index",
    [
        magic.DEFAULT_CITIZEN,
        magic.NOT_REGISTERED,
        magic.ACCENTS,
        magic.HOUSEHOLD_OF_SIX,
        51,
        777_777,
    ],
)
async def test_what_the_register_answers_keeps_to_the_payload_schemas(play: Play, index: int):
    """Decoded answers of the simulated register are what the mappings are checked against."""
    for operation in OPERATIONS:
        record = await play.ask(operation, a_query(PEOPLE.number(index)))
        validate(operation, record.payload)


def test_the_contract_is_whole():
    """Each operation of the SPEC is on file: in the WSDL, with its payload schema and samples."""
    assert SoapService(WSDL, "padron").operations == {"ConsultaHabitante", "ConsultaConvivencia"}
    schemas = {path.name for path in (CONTRACT / "payloads").iterdir()}
    assert schemas == {f"{operation.name}.schema.json" for operation in SPEC.operations}
    for schema in OPERATIONS:
        jsonschema.Draft202012Validator.check_schema(payload_schema(schema))


def test_the_declaration_binds_every_operation_and_has_no_effect_in_law():
    """Each operation echoes the person and the request, may be repeated, and only reads."""
    assert set(SPEC.blocks) == {"identity", "residence"}
    assert SPEC.blocks["residence"][0] == "inhabitant"
    for operation in SPEC.operations:
        assert {echo.of for echo in operation.echoes if not echo.rows} == {"document", "request"}
        assert operation.repeatable
        assert not operation.legal_effect


def test_the_readme_says_how_to_configure_and_how_to_break_it():
    """The page's table for `hub.toml` names every setting, and its list every fault mode."""
    page = (ROOT / "connectors" / "padron" / "README.md").read_text()
    table = tomllib.loads(re.findall(r"```toml\n(.*?)```", page, re.DOTALL)[0])
    source = table["sources"]["padron"]
    assert set(source["settings"]) == set(Settings.__struct_fields__)
    assert importlib.import_module(source["module"]).SPEC is SPEC
    assert {mode for mode in FAULTS if f"`{mode}`" in page} == FAULTS
