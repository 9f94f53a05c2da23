from __future__ import annotations

import json
import os
from pathlib import Path

import httpx
import msgspec
import pytest
from lxml import etree

from connectors.notifica import SPEC, Settings
from connectors.notifica.connector import WSDL
from connectors.notifica.pages import MAX_PAGES, Pages
from connectors.notifica.simulator import FAULTS, MANY, NAMESPACE, PAGE
from hub.core.connector import Connector
from hub.core.errors import (
    MappingError,
    SettingsError,
    SourceError,
    SourceInsecure,
    SourceMalformed,
    SourceRefused,
    SourceUnavailable,
)
from hub.core.model.canonical import highlight
from hub.core.secret import Secret
from hub.sandbox import magic
from hub.tables import convert_table
from hub.wire.client import Answer
from hub.wire.soap import SoapService
from tests.support.builders import CITIZEN, NOW, a_query
from tests.support.slices import ROOT, Slice, ask

DELIVERIES = Slice(system="notifica", operation="deliveries", block="notifications")
SHARED = Path(os.environ.get("HUB_SHARED_DATA") or ROOT.parent / "shared" / "data")
OFFICIAL = SHARED / "notifica" / "SedeWs.wsdl"
LEGAL_EFFECT = (
    "comunicacionSede",
    "certificacionSede",
    "getCertificacion",
    "infoEnvio",
    "infoEnvio2",
    "peticionAcceso",
)
INSECURE, MALFORMED = (SourceInsecure, "identity_mismatch"), (SourceMalformed, "schema")
STRUCK = {
    "no_echo": INSECURE,
    "stray_answer": INSECURE,
    "endless_pages": (SourceMalformed, "too_large"),
    "stuck_page": MALFORMED,
    "no_ids": MALFORMED,
    "wrong_flag": MALFORMED,
    "wrong_moments": MALFORMED,
    "error_code": (SourceUnavailable, "backend_fault"),
    "closed": (SourceUnavailable, "backend_fault"),
    "doctype": (SourceInsecure, "forbidden_xml"),
}


async def test_the_folder_shows_what_waits_and_what_was_read():
    """The default citizen's list, over a socket: one waits, and is counted as such."""
    async with DELIVERIES.playing() as playing:
        record = await playing.ask(magic.DEFAULT_CITIZEN)
    DELIVERIES.check(record.payload)
    block = DELIVERIES.block_of(record.payload)
    assert [item.needs_action for item in block.items] == [True, False, False, False]
    assert (block.items[0].kind, block.items[0].stage.code) == ("notification", "pendiente_sede")
    assert all(item.stage.known and item.sender.name for item in block.items)
    shown = highlight(block, NOW.date())
    assert (shown.count, shown.needs_action, shown.next_date) == (4, 1, None)


async def test_nothing_is_an_answer():
    """Who was never sent anything holds nothing, and that is not an error."""
    async with DELIVERIES.playing() as playing:
        record = await playing.ask(magic.NOTHING_ANYWHERE)
    DELIVERIES.check(record.payload)
    assert record.holds is False


async def test_pages_are_gathered_whole_and_each_row_once():
    """45 rows in pages of 20: a row at the border stands on two pages and counts once."""
    async with DELIVERIES.playing() as playing:
        record = await playing.ask(magic.MANY_BILLS)
    DELIVERIES.check(record.payload)
    names = [row["envio_destinatario"] for row in record.payload["envios"]]
    created = [row["fecha_creacion"] for row in record.payload["envios"]]
    assert len(names) == len(set(names)) == MANY
    assert created == sorted(created, reverse=True)
    pages = record.payload["paginas"]
    assert [page["hayMasResultados"] for page in pages] == [True, True, False]
    assert sum(page["filas"] for page in pages) == MANY + len(pages) - 1
    assert len(record.exchanges) == len(set(record.exchanges)) == len(pages)
    assert len({page["peticion"] for page in pages}) == len(pages)


@pytest.mark.parametrize("mode", STRUCK)
async def test_each_fault_has_its_class_and_reason(mode):
    """A list that cannot be had whole is no list, and nothing of it is quoted."""
    async with DELIVERIES.playing(mode) as playing:
        with pytest.raises(SourceError) as caught:
            await playing.ask(magic.DEFAULT_CITIZEN)
    assert (type(caught.value), caught.value.reason) == STRUCK[mode]
    assert CITIZEN not in str(caught.value)
    assert len(playing.recorder.sent) <= MAX_PAGES


async def test_an_unknown_state_never_becomes_a_block():
    """It could be one in which a deadline runs."""
    async with DELIVERIES.playing("unknown_state") as playing:
        record = await playing.ask(magic.DEFAULT_CITIZEN)
    with pytest.raises(MappingError, match="state"):
        DELIVERIES.block_of(record.payload)


@pytest.mark.parametrize("name", LEGAL_EFFECT)
def test_what_has_effect_in_law_cannot_be_configured(name, tmp_path):
    """No operation, message or setting of it exists; the start-up refuses a key that names one."""
    assert name not in {operation.name for operation in SPEC.operations}
    with pytest.raises(KeyError):
        SPEC.operation(name)
    service = SoapService(WSDL, "notifica")
    assert service.operations == {"getEnvios2"}
    with pytest.raises(KeyError):
        service.request(name)
    (tmp_path / "s").write_text("secret", "ascii")
    table = {"user": "u", "password": {"file": "s"}, "operation": name}
    with pytest.raises(SettingsError, match="operation"):
        convert_table(table, Settings, tmp_path, "sources.notifica.settings")


@pytest.mark.parametrize("name", LEGAL_EFFECT)
async def test_what_has_effect_in_law_cannot_be_asked(name):
    """The connector knows no such operation, and nothing leaves."""
    asked: list[httpx.Request] = []

    def keep(request):
        asked.append(request)
        return httpx.Response(200)

    connector: Connector = DELIVERIES.answering(keep)
    with pytest.raises(KeyError):
        await connector.fetch(name, a_query())
    assert asked == []


async def test_every_message_that_leaves_is_the_list():
    """Three pages and a ping: one SOAP action, and no credential in what is kept."""
    async with DELIVERIES.playing() as playing:
        await playing.ask(magic.MANY_BILLS)
        await playing.connector.ping()
    questions = [sent for sent in playing.recorder.sent if sent.method == "POST"]
    assert {dict(sent.message.headers)["soapaction"] for sent in questions} == {
        f'"{NAMESPACE}getEnvios2"'
    }
    bodies = [etree.fromstring(sent.message.body) for sent in questions]
    assert {etree.QName(body[0][0]).localname for body in bodies} == {"getEnvios2"}
    assert all("Header" not in child.tag for body in bodies for child in body)
    assert "the secret" not in repr(playing.recorder.sent)


def a_page(*created, more="true", code="000"):
    """An answer with one row per moment."""
    rows = [{"envio_destinatario": f"E{n}{c}", "fecha_creacion": c} for n, c in enumerate(created)]
    found = {"item": rows}
    return {
        "return": {
            "resultadoGetEnvios2": found,
            "hayMasResultados": more,
            "codigo_respuesta": code,
            "descripcion_respuesta": "",
        }
    }


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(a_page(), id="more, and no rows"),
        pytest.param(a_page(None), id="more, and no moment to go on from"),
        pytest.param(a_page("2026-01-01T00:00:00", "2026-01-01T00:00:00Z"), id="two clocks"),
        pytest.param(a_page("2026-13-01T00:00:00"), id="a month too many"),
        pytest.param(a_page("2026-01-01T00:00:00", more="TRUE"), id="another boolean"),
    ],
)
def test_pages_that_cannot_go_on_are_refused(answer):
    """Never a part of a list, and never the same question for ever."""
    with pytest.raises(SourceMalformed):
        Pages("notifica").add(answer, "1")


def test_a_page_may_come_in_any_order():
    """The oldest row decides where the next page begins, wherever it stands."""
    pages = Pages("notifica")
    until = pages.add(
        a_page("2026-02-01T00:00:00", "2026-01-01T00:00:00", "2026-03-01T00:00:00"), "1"
    )
    assert until is not None
    assert until.isoformat() == "2026-01-01T00:00:00"
    assert pages.add(a_page(more="0"), "2") is None
    assert len(pages.payload()["envios"]) == 3


@pytest.mark.skipif(not OFFICIAL.exists(), reason="the State's WSDL is not beside this checkout")
def test_our_message_is_the_states_own():
    """Our document/literal Body and the RPC original's, made by zeep, are the same bytes."""
    from zeep import Client

    values = {
        "nif": CITIZEN,
        "nif_representante": None,
        "estado": None,
        "organismo_remisor": None,
        "codigos_sia": None,
        "fecha_desde": None,
        "fecha_hasta": NOW,
        "tipo_envio": None,
        "rea": False,
    }
    ours = SoapService(WSDL, "notifica").request("getEnvios2", get_envios2=values)
    client = Client(str(OFFICIAL))
    theirs = client.create_message(client.service, "getEnvios2", get_envios2=values)
    bodies = [next(message.iter("{*}getEnvios2")) for message in (ours, theirs)]
    assert etree.tostring(bodies[0], method="c14n") == etree.tostring(bodies[1], method="c14n")


@pytest.mark.skipif(not OFFICIAL.exists(), reason="the State's WSDL is not beside this checkout")
def test_our_samples_are_read_by_the_states_own_contract():
    """zeep, with the original WSDL, finds in our samples what our reader finds."""
    from zeep import Client

    client = Client(str(OFFICIAL))
    operation = client.service._binding._operations["getEnvios2"]
    for sample in DELIVERIES.samples:
        found = operation.process_reply(etree.fromstring(sample.with_suffix(".xml").read_bytes()))
        rows = json.loads(sample.read_text("utf-8"))["envios"]
        assert not found.hayMasResultados
        listed = found.resultadoGetEnvios2  # None of zeep for an element without children
        theirs = [item.envio_destinatario for item in listed.item] if listed else []
        assert theirs == [row["envio_destinatario"] for row in rows]


@pytest.mark.parametrize("sample", DELIVERIES.samples, ids=lambda path: path.stem)
def test_a_sample_becomes_its_golden_block(sample):
    """Each envelope on file is by the schema and becomes the payload and the block beside it."""
    DELIVERIES.check_sample(sample)
    body = sample.with_suffix(".xml").read_bytes()
    schema = etree.XMLSchema(file=str(DELIVERIES.contract / "sede.xsd"))
    schema.assertValid(etree.fromstring(body)[0][0])
    payload = json.loads(sample.read_text("utf-8"))
    answer = Answer(source="notifica", status=200, headers={}, body=body, exchange="1")
    pages = Pages("notifica")
    pages.add(
        SoapService(WSDL, "notifica").answer("getEnvios2", answer),
        payload["paginas"][0]["peticion"],
    )
    assert pages.payload() == payload


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_technical_user_is_the_hubs_own_fault(status):
    """The gateway's refusal is final."""
    with pytest.raises(SourceRefused) as caught:
        await ask(DELIVERIES, DELIVERIES.answering(lambda _: httpx.Response(status)), a_query())
    assert caught.value.reason == "hub_credentials"


def test_mapping_contract_and_page_are_complete():
    """Every leaf is read or left alone for a reason, and every fault mode has its promise."""
    DELIVERIES.check_mapping()
    DELIVERIES.check_page(FAULTS, STRUCK.keys() | {"unknown_state"})
    assert PAGE < MANY
    made = Settings(user="u", password=Secret("x"))
    assert msgspec.structs.asdict(made).keys() >= {"endpoint", "request_id_header"}
