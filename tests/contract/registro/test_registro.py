from __future__ import annotations

import json

import httpx
import pytest
from lxml import etree

from connectors.registro.connector import FAULTS as DECLARED
from connectors.registro.connector import WSDL
from connectors.registro.simulator import FAULTS
from hub.core.errors import (
    MappingError,
    SourceError,
    SourceInsecure,
    SourceMalformed,
    SourceRefused,
    SourceUnavailable,
)
from hub.sandbox import magic
from hub.wire.client import Answer
from hub.wire.soap import SoapService
from tests.support.builders import CITIZEN, a_query
from tests.support.slices import Slice, ask

ENTRIES = Slice(system="registro", operation="entries", block="registryEntries")
INSECURE, MALFORMED = (SourceInsecure, "identity_mismatch"), (SourceMalformed, "schema")
STRUCK = {
    "answers_other_citizen": INSECURE,
    "rows_of_other_citizen": INSECURE,
    "answers_other_request": INSECURE,
    "no_echo": MALFORMED,
    "wrong_total": MALFORMED,
    "missing_required": MALFORMED,
    "wrong_namespace": MALFORMED,
    "doctype": (SourceInsecure, "forbidden_xml"),
    "closed": (SourceUnavailable, "maintenance"),
}


async def test_the_folder_shows_twenty_entries():
    """The default citizen's entries, over a socket, received and sent told apart."""
    async with ENTRIES.playing() as playing:
        record = await playing.ask(magic.DEFAULT_CITIZEN)
    ENTRIES.check(record.payload)
    items = ENTRIES.block_of(record.payload).items
    assert len(items) == 20
    assert {item.kind for item in items} == {"received", "sent"}
    for item in items:
        assert (item.presented_at is not None) == (item.kind == "received")
        assert item.presented_at is None or item.presented_at < item.registered_at
        assert (item.destination or item.origin).name


async def test_nothing_is_an_answer():
    """Who never handed anything in holds nothing, and that is not an error."""
    async with ENTRIES.playing() as playing:
        record = await playing.ask(magic.NOTHING_ANYWHERE)
    ENTRIES.check(record.payload)
    assert record.holds is False


@pytest.mark.parametrize("mode", STRUCK)
async def test_each_fault_has_its_class_and_reason(mode):
    """A fault is told from an empty answer, and nothing of it is quoted."""
    async with ENTRIES.playing(mode) as playing:
        with pytest.raises(SourceError) as caught:
            await playing.ask(magic.DEFAULT_CITIZEN)
    assert (type(caught.value), caught.value.reason) == STRUCK[mode]
    assert CITIZEN not in str(caught.value)


async def test_an_unknown_kind_never_becomes_a_block():
    """An entry that is neither received nor sent is not shown as one of them."""
    async with ENTRIES.playing("unknown_kind") as playing:
        record = await playing.ask(magic.DEFAULT_CITIZEN)
    with pytest.raises(MappingError, match="kind"):
        ENTRIES.block_of(record.payload)


@pytest.mark.parametrize("changes", [{"Numero_Asientos": "3 "}, {"Numero_Asientos": "x"}])
async def test_a_number_is_read_or_refused(changes):
    """Blanks around it do no harm; what is no number is refused."""
    text = (ENTRIES.contract / "samples" / "entries-several.xml").read_text("utf-8")
    text = text.replace("<Numero_Asientos>3<", f"<Numero_Asientos>{changes['Numero_Asientos']}<")
    connector = ENTRIES.answering(lambda _: httpx.Response(200, content=text.encode()))
    if changes["Numero_Asientos"] == "x":
        with pytest.raises(SourceMalformed):
            await connector.fetch("entries", a_query())
    else:
        assert (await connector.fetch("entries", a_query())).holds


@pytest.mark.parametrize(
    ("text", "kind", "reason"),
    [
        ("[cerrado] x", SourceUnavailable, "maintenance"),
        ("[esquema] x", SourceRefused, "schema"),
        ("[9999] x", SourceUnavailable, "backend_fault"),
    ],
)
async def test_faults_are_classified_by_their_code(text, kind, reason):
    """A declared code has its meaning, an unknown one is unavailable."""
    body = (
        '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault>'
        f"<faultcode>s:Server</faultcode><faultstring>{text}</faultstring></s:Fault></s:Body>"
        "</s:Envelope>"
    )
    connector = ENTRIES.answering(lambda _: httpx.Response(500, content=body.encode()))
    with pytest.raises(SourceError) as caught:
        await ask(ENTRIES, connector, a_query())
    assert (type(caught.value), caught.value.reason) == (kind, reason)


async def test_the_simulator_refuses_what_the_contract_excludes():
    """It checks credentials, envelope and schema, as the real one would."""
    async with ENTRIES.playing() as playing, httpx.AsyncClient(trust_env=False) as http:
        url = f"{playing.url}servicios/ConsultaRegistro"
        proof = ("hub", "the secret")
        action = {"soapaction": '"urn:posicion-integral:registro:1:ConsultaAsientos"'}
        nobody = await http.post(url, content=b"<a/>", auth=("hub", "guess"))
        answers = [
            await http.post(url, content=content, headers=action, auth=proof)
            for content in (b"<a/>", b"no xml", b" " * 100_000)
        ]
        listed = await http.get(f"{url}?wsdl", auth=proof)
    assert nobody.status_code == 401
    assert [answer.status_code for answer in answers] == [500, 500, 413]
    assert b"[ilegible]" in answers[0].content
    assert listed.content == WSDL.read_bytes()


@pytest.mark.parametrize("sample", ENTRIES.samples, ids=lambda path: path.stem)
def test_a_sample_becomes_its_golden_block(sample):
    """Each envelope on file decodes to the payload beside it, which becomes the golden block."""
    ENTRIES.check_sample(sample)
    body = sample.with_suffix(".xml").read_bytes()
    answer = Answer(source="registro", status=200, headers={}, body=body, exchange="1")
    decoded = SoapService(WSDL, "registro", DECLARED).answer("ConsultaAsientos", answer)
    assert decoded == json.loads(sample.read_text("utf-8"))


def test_mapping_contract_and_page_are_complete():
    """Every leaf is read or left alone for a reason, and every fault mode has its promise."""
    ENTRIES.check_mapping()
    ENTRIES.check_page(FAULTS, STRUCK.keys() | {"unknown_kind"})


def test_the_samples_are_by_the_schema():
    """What stands on file validates against the XSD, with libxml2 and without the hub."""
    schema = etree.XMLSchema(file=str(ENTRIES.contract / "registro.xsd"))
    for sample in sorted((ENTRIES.contract / "samples").glob("entries-*.xml")):
        body = etree.parse(str(sample)).getroot()[0]
        schema.assertValid(body[0])
