"""Every code leads to one outcome, by the tables that are shipped, in each layer it stands in."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from typing import Any

import pytest

from connectors.age.answer import Asked, Reading, raise_fault, read_body
from connectors.age.outcomes import OutcomeName, Verdict
from connectors.age.service import CONTRACT, Service, load_outcomes, load_services
from connectors.age.simulator.messages import fault
from hub.core.errors import (
    REFUSAL_REASONS,
    SourceError,
    SourceMalformed,
    SourceProtected,
    SourceRefused,
    SourceUnavailable,
)
from hub.core.model import BLOCKS
from hub.mapping import as_json, load_mapping
from hub.sandbox.certificates import CertificateFiles
from hub.wire.client import Answer
from hub.wire.xml import parse_xml
from tests.contract.age.world import World, a_world, asking

SERVICES = load_services(CONTRACT / "services")
BY_CODE = {service.code: service for service in SERVICES}
PLATFORM = load_outcomes(CONTRACT)
MAPPINGS = CONTRACT.parents[1] / "mappings" / "age"
UNKNOWN = ("0413", "0503", "9999", "XYZ")
"""Codes that stand in no table; 0413 and 0503 are gaps of the catalogue."""

TEXT = "CODIGO DE PRUEBAS"
HEAD = """<Body><r:Respuesta xmlns:r="http://intermediacion.redsara.es/scsp/esquemas/V3/respuesta">
<r:Atributos><r:IdPeticion>ID1</r:IdPeticion><r:Estado><r:CodigoEstado>{code}</r:CodigoEstado>
<r:LiteralError>CODIGO DE PRUEBAS</r:LiteralError></r:Estado></r:Atributos>
</r:Respuesta></Body>"""


def in_a_fault(code: str) -> SourceError:
    """What becomes of a fault with *code*, which nobody signed."""
    content = fault("official", code, TEXT, "SVDSEPEDEMWS01", "2026-11-26T12:00:00.000+01:00")
    answer = Answer(source="age", status=500, headers={}, body=b"", exchange="1")
    with pytest.raises(SourceError) as caught:
        raise_fault(answer, parse_xml("test", content.encode()), PLATFORM)
    return caught.value


def in_an_answer(code: str) -> Reading | SourceError:
    """What becomes of *code* where the platform signed it, without any transmission."""
    asked = Asked(service=SERVICES[0], request_id="ID1", document="99000002K")
    try:
        return read_body(parse_xml("test", HEAD.format(code=code).encode()), asked, PLATFORM)
    except SourceError as error:
        return error


def outcomes_of(end: Reading | SourceError) -> list[OutcomeName]:
    """Every outcome whose mark *end* bears: there must be one."""
    marks: Mapping[OutcomeName, bool] = {
        "found": isinstance(end, Reading) and end.holds,
        "empty": isinstance(end, Reading) and not end.holds,
        "protected": isinstance(end, SourceProtected),
        "our_fault": isinstance(end, SourceRefused),
        "unavailable": isinstance(end, SourceUnavailable | SourceMalformed),
    }
    return [name for name, holds in marks.items() if holds]


def shown(verdict: Verdict) -> OutcomeName:
    """What a synchronous question makes of *verdict*: it cannot wait."""
    return "unavailable" if verdict.outcome == "pending" else verdict.outcome


def test_the_table_has_all_codes_of_the_catalogue():
    """81 codes and the state of an answer that is not ready; which ones, test_services says."""
    assert len(PLATFORM.codes) == 81 + 1
    assert {verdict.outcome for verdict in PLATFORM.codes.values()} == {
        "empty",
        "pending",
        "unavailable",
        "our_fault",
    }


@pytest.mark.parametrize("code", PLATFORM.codes)
def test_each_code_of_the_catalogue_leads_to_exactly_one_outcome(code: str):
    """Signed, it means what the table says; unsigned, it is an error whatever it says."""
    verdict = PLATFORM.codes[code]
    said, claimed = in_an_answer(code), in_a_fault(code)
    assert outcomes_of(said) == [shown(verdict)]
    believed = verdict.outcome == "our_fault"
    assert outcomes_of(claimed) == ["our_fault" if believed else "unavailable"]
    for end, layer in ((said, "platform"), (claimed, "fault")):
        if isinstance(end, SourceError):
            assert f"{layer} code {code}" in end.detail
            assert TEXT not in str(end)


@pytest.mark.parametrize("code", UNKNOWN)
def test_a_code_that_nobody_knows_is_the_sources_fault(code: str):
    """`backend_fault` with the code and never the text, signed or not."""
    for end in (in_an_answer(code), in_a_fault(code)):
        assert isinstance(end, SourceUnavailable)
        assert end.reason == "backend_fault"
        assert code in end.detail
        assert TEXT not in str(end)


async def _ended(world: World, service: Service, code: str) -> Reading | SourceError:
    world.spoil("business_code", code=code)
    try:
        record = await world.age.fetch(service.operation, asking())
    except SourceError as error:
        return error
    return Reading(payload=record.payload, holds=record.holds)


def _expected(service: Service, code: str) -> OutcomeName:
    """By the service's own table; "found" without any data is no answer, but where it says so."""
    rule = service.outcome
    outcome = shown(rule.table.verdict(code))
    if outcome != "found" or rule.content is None:
        return outcome
    return "empty" if code in rule.empty_without_content else "unavailable"


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.code)
async def test_each_business_code_leads_to_exactly_one_outcome(
    files: CertificateFiles, service: Service
):
    """Signed, sent and read as real ones are: those of the service's table, and unknown ones."""
    async with a_world(files) as world:
        ends = {c: await _ended(world, service, c) for c in (*service.outcome.codes, *UNKNOWN)}
    assert {code: outcomes_of(end) for code, end in ends.items()} == {
        code: [_expected(service, code)] for code in ends
    }
    for code, end in ends.items():
        if isinstance(end, SourceError) and not isinstance(end, SourceMalformed):
            assert f"business code {code}" in end.detail
            assert TEXT not in str(end)
    assert all(getattr(ends[code], "reason", "") == "backend_fault" for code in UNKNOWN)


def test_every_business_code_that_is_published_is_listed():
    """The codes that the providers publish, each in its service's table, and no others."""
    published = {
        "SVDSEPEDEMWS01": "0003 0226 0231 0232 0233 0238 07",
        "SVDTGSSVIDALABORALWS01": "0000 0001 0002 0005 0502 0251 0252 0253",
        "NIVRENTI": "1000 1002 1009 1010 1011 1024",
        "SVDSCTFNWS01": "0 1 2 3 4 5 6 7 8 9",
        "SVDSCDDWS01": "0 1 2 3 4 5 6 8 9",
    }
    for code, listed in published.items():
        assert set(BY_CODE[code].outcome.codes) == set(listed.split())


SPECIFIC = """<Body><Respuesta
xmlns="http://intermediacion.redsara.es/scsp/esquemas/V3/respuesta"><Atributos>
<IdPeticion>ID1</IdPeticion><Estado><CodigoEstado>0003</CodigoEstado></Estado></Atributos>
<Transmisiones><TransmisionDatos><DatosGenericos>
<Titular><Documentacion>99000002K</Documentacion></Titular>
<Transmision><IdSolicitud>ID1</IdSolicitud></Transmision></DatosGenericos>
<DatosEspecificos>{}</DatosEspecificos></TransmisionDatos></Transmisiones></Respuesta></Body>"""
STATE = "<Retorno><Estado><CodigoEstado>{}</CodigoEstado></Estado>{}</Retorno>"
SAID = [
    ("SVDSCTFNWS01", STATE.format("0", ""), "unavailable"),
    ("SVDSCTFNWS01", STATE.format("6", ""), "empty"),
    (
        "SVDSCTFNWS01",
        STATE.format(
            "0",
            "<TituloFamiliaNumerosaRetorno><Categoria>G</Categoria></TituloFamiliaNumerosaRetorno>",
        ),
        "found",
    ),
    ("SVDSCDDWS01", STATE.format("0", ""), "unavailable"),
    ("SVDSCDDWS01", STATE.format("0", "<CertificadoDatosDiscapacidad/>"), "unavailable"),
    ("SVDSCDDWS01", STATE.format("2", ""), "empty"),
    (
        "SVDSEPESITWS02",
        "<EstadoResultado><LiteralError>ERROR DE SISTEMA</LiteralError></EstadoResultado>",
        "unavailable",
    ),
    (
        "SVDSEPESITWS02",
        "<EstadoResultado><CodigoEstadoSecundario>0502</CodigoEstadoSecundario></EstadoResultado>",
        "unavailable",
    ),
    (
        "SVDSEPESITWS02",
        "<EstadoResultado><LiteralError>E</LiteralError></EstadoResultado><DatosDesempleo/>",
        "unavailable",
    ),
    ("SVDSEPESITWS02", "", "unavailable"),
    ("SVDSEPESITWS02", "<DatosDesempleo/>", "unavailable"),
    (
        "SVDSEPESITWS02",
        "<EstadoResultado><CodigoEstado>0003</CodigoEstado></EstadoResultado>",
        "empty",
    ),
    (
        "SVDSEPESITWS02",
        "<DatosDesempleo><situacion>ALTA</situacion></DatosDesempleo>",
        "found",
    ),
]


@pytest.mark.parametrize(("code", "said", "outcome"), SAID)
def test_that_nothing_is_held_is_never_read_out_of_a_failure(
    code: str, said: str, outcome: OutcomeName
):
    """A code that promises data without any, and an error's text without a code, are no answer."""
    asked = Asked(service=BY_CODE[code], request_id="ID1", document="99000002K")
    end: Reading | SourceError
    try:
        end = read_body(parse_xml("test", SPECIFIC.format(said).encode()), asked, PLATFORM)
    except SourceError as error:
        end = error
    assert outcomes_of(end) == [outcome]
    if outcome == "unavailable":
        assert isinstance(end, SourceMalformed)
        assert end.reason == "schema"


async def test_0253_is_our_fault_to_the_platform_and_a_persons_state_to_the_treasury(
    files: CertificateFiles,
):
    """The platform: the requesters of one request differ. The TGSS: several principal numbers.

    The same digits in the three places where they can stand, each as its layer means them.
    """
    treasury = BY_CODE["SVDTGSSVIDALABORALWS01"]
    assert "0253" in treasury.outcome.codes
    async with a_world(files) as world:
        business = await _ended(world, treasury, "0253")
        world.spoil("fault_official", code="0253")
        with pytest.raises(SourceError) as caught:
            await world.age.fetch(treasury.operation, asking())
    ends = {"business": business, "fault": caught.value, "platform": in_an_answer("0253")}
    assert {layer: (type(end), str(end)) for layer, end in ends.items()} == {
        "business": (SourceUnavailable, "age: backend_fault: SCSP business code 0253"),
        "fault": (SourceRefused, "age: hub_credentials: SCSP fault code 0253"),
        "platform": (SourceRefused, "age: hub_credentials: SCSP platform code 0253"),
    }


def _region(block: str, code: str) -> Any:
    """What the shipped mapping of *block* makes of *code* in an answer that it can read."""
    mapping = load_mapping(MAPPINGS, block, BLOCKS[block].type)
    [service] = [service for service in SERVICES if service.block == block]
    examples = json.loads((MAPPINGS / f"{service.operation}.examples.json").read_text("utf-8"))
    payloads = examples[0]["payloads"]
    node = payloads[service.operation]["TransmisionDatos"]["DatosEspecificos"]["Retorno"]
    part = node.get("TituloFamiliaNumerosaRetorno") or node["CertificadoDatosDiscapacidad"]
    part["CodigoComunidadAutonoma"] = code
    return as_json(mapping.apply(payloads))["region"]


@pytest.mark.parametrize("block", ["largeFamily", "disability"])
@pytest.mark.parametrize(
    ("code", "as_annotated", "by_the_ine"),
    [("07", "ES-CM", "ES-CL"), ("08", "ES-CL", "ES-CM"), ("13", "ES-MD", "ES-MD")],
)
def test_two_regions_have_each_others_code_in_the_other_list(
    block: str, code: str, as_annotated: str, by_the_ine: str
):
    """Which list a source follows is stated; what the hub says is ISO 3166-2 either way."""
    lists = tomllib.loads((MAPPINGS / "codes.toml").read_text("utf-8"))
    assert lists["region_as_annotated"]["codes"][code]["word"] == as_annotated
    assert lists["region_ine"]["codes"][code]["word"] == by_the_ine
    assert _region(block, code) == as_annotated


def test_the_two_lists_of_regions_differ_in_nothing_else():
    """Seventeen regions and two cities, each once in either list."""
    lists = tomllib.loads((MAPPINGS / "codes.toml").read_text("utf-8"))
    annotated, ine = (lists[name]["codes"] for name in ("region_as_annotated", "region_ine"))
    assert {code for code in annotated if annotated[code] != ine.get(code)} == {"07", "08"}
    for codes in (annotated, ine):
        assert len({row["word"] for row in codes.values()}) == len(codes) == 19


def test_requests_name_madrid_by_the_code_that_all_lists_agree_on():
    """13, whichever list the region at the other end follows."""
    lists = tomllib.loads((MAPPINGS / "codes.toml").read_text("utf-8"))
    for code in ("SVDSCTFNWS01", "SVDSCDDWS01"):
        rows = {row.path.rpartition("/")[2]: row.text for row in BY_CODE[code].request.specific}
        assert rows["CodigoComunidadAutonoma"] == "13"
    assert {lists[n]["codes"]["13"]["word"] for n in ("region_as_annotated", "region_ine")} == {
        "ES-MD"
    }


def test_what_the_tables_call_our_fault_has_a_reason_of_a_refusal():
    """Those have their figure before anything happens, so that the first one is an alert."""
    tables = [PLATFORM, *(service.outcome.table for service in SERVICES)]
    ours = {v.reason for t in tables for v in t.codes.values() if v.outcome == "our_fault"}
    assert ours >= {"hub_credentials", "schema"}
    assert ours <= REFUSAL_REASONS
