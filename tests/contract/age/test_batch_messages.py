"""The asynchronous messages: ours against the schemas, the platform's against a hostile one."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from lxml import etree

from connectors.age.batch import BATCH_SERVICES, AgeBatch
from connectors.age.batch_answer import Reader
from connectors.age.batch_request import answer_request, load_schema, petition, requested_parts
from connectors.age.batch_service import batch_services
from connectors.age.outcomes import SOURCE
from connectors.age.request import Requester, RequestForm
from connectors.age.service import CONTRACT, load_outcomes, load_services
from hub.core.errors import SettingsError, SourceError, SourceInsecure, SourceMalformed
from hub.core.errors import SourceRefused as Refused
from hub.core.exchange import SourceRecord
from hub.sandbox.certificates import CertificateFiles
from hub.wire.bulk import Accepted, Bulk, BulkItem, Delivered, Gone
from hub.wire.client import Answer, open_client
from hub.wire.signature import BodySigner
from tests.contract.age.world import PEOPLE, asking, real_data, settings
from tests.support.builders import NOW, MemoryRecorder

SERVICE = load_services(CONTRACT / "services")[0]
OPERATION = "job_seeker"
CODE = BATCH_SERVICES[OPERATION].service.code
FORM = RequestForm(
    BATCH_SERVICES[OPERATION].service, Requester(identifier="P2807900B", name="Ayuntamiento")
)
SCHEMA = BATCH_SERVICES[OPERATION].service.request_schema()
READER = Reader(
    service=BATCH_SERVICES[OPERATION].service, table=load_outcomes(CONTRACT), clock=lambda: NOW
)
V3 = "http://intermediacion.redsara.es/scsp/esquemas/V3"
REQUEST_ID = "MAD00000000000000000000001"


def a_bulk(*indexes: int, **changes: Any) -> Bulk:
    """A request about the synthetic people at *indexes*."""
    items = tuple(
        BulkItem(id=f"{number:06d}", query=asking(index)) for number, index in enumerate(indexes, 1)
    )
    values: dict[str, Any] = {
        "id": "01M81NA0FF58PJA14E1H3Z80MV",
        "operation": OPERATION,
        "request_id": REQUEST_ID,
        "retention": "procedure",
        "items": items,
        "size": len(items),
    }
    return Bulk(**{**values, **changes})


async def test_a_request_holds_everybody_under_a_number_of_their_own():
    """One IdPeticion, one IdSolicitud a person, and NumElementos says how many."""
    root = petition(FORM, SCHEMA, a_bulk(2, 6, 8), NOW)
    assert [node.text for node in root.iter("{*}IdSolicitud")] == ["000001", "000002", "000003"]
    assert [node.text for node in root.iter("{*}Documentacion")] == [
        PEOPLE.number(index) for index in (2, 6, 8)
    ]
    assert root.findtext("{*}Atributos/{*}NumElementos") == "3"
    assert root.findtext("{*}Atributos/{*}IdPeticion") == REQUEST_ID


async def test_a_request_is_about_somebody_and_about_no_more_than_a_thousand():
    """The interface counts to 1000; an empty request asks nothing."""
    everybody = a_bulk(2)
    for many in ((), everybody.items * 1001):
        with pytest.raises(Refused, match="1 to 1000"):
            petition(FORM, SCHEMA, a_bulk(2, items=many), NOW)


@pytest.mark.parametrize("message", ["peticion", "solicitud-respuesta"])
async def test_what_is_sent_fits_the_official_schemas(message):
    """The published schemas of the service take both messages."""
    path = real_data("xsd", f"{CODE}v3", f"{message}.xsd")
    schema = etree.XMLSchema(file=str(path))
    bulk = a_bulk(2, 6, 8)
    root = (
        petition(FORM, SCHEMA, bulk, NOW)
        if message == "peticion"
        else answer_request(BATCH_SERVICES[OPERATION].service, bulk, NOW)
    )
    schema.assertValid(etree.fromstring(etree.tostring(root)))


async def test_a_request_s_record_gives_back_each_person_s_part():
    """What is cut out of the recorded bytes is that person's SolicitudTransmision, whole."""
    root = petition(FORM, SCHEMA, a_bulk(2, 6), NOW)
    parts = requested_parts(etree.tostring(root))
    assert set(parts) == {"000001", "000002"}
    assert PEOPLE.number(6).encode() in parts["000002"]
    assert PEOPLE.number(2).encode() not in parts["000002"]
    assert etree.QName(etree.fromstring(parts["000001"])).localname == "SolicitudTransmision"


def attributes(**changes: str) -> str:
    """The Atributos of an answer."""
    values = {
        "IdPeticion": REQUEST_ID,
        "NumElementos": "2",
        "TimeStamp": "2026-11-22T12:00:00.000+01:00",
        "CodigoCertificado": CODE,
    }
    state = {"CodigoEstado": "0002", "LiteralError": "x", "TiempoEstimadoRespuesta": "2"}
    inner = {n: changes.get(n, v) for n, v in state.items()}
    estado = "".join(f"<{n}>{v}</{n}>" for n, v in inner.items() if v)
    outer = "".join(f"<{n}>{changes.get(n, v)}</{n}>" for n, v in values.items())
    return f"<Atributos>{outer}<Estado>{estado}</Estado></Atributos>"


def body_with(name: str, inner: str) -> etree._Element:
    """A verified Body with one message."""
    space = {"Respuesta": "respuesta", "ConfirmacionPeticion": "confirmacionPeticion"}[name]
    text = f'<Body><{name} xmlns="{V3}/{space}">{inner}</{name}></Body>'
    return etree.fromstring(text)


async def test_a_confirmation_fits_its_schema_and_names_the_hours():
    """TiempoEstimadoRespuesta counts in hours."""
    body = body_with("ConfirmacionPeticion", attributes())
    load_schema("confirmacion-peticion").assertValid(etree.ElementTree(body[0]))
    assert READER.confirmation(body, a_bulk(2, 6)) == Accepted(wait_s=7200)


@pytest.mark.parametrize("hours", ["", "-3", "soon", "1e3", "99999", "1.5", "²"])
async def test_an_estimate_that_is_none_counts_as_none(hours):
    """Nonsense for hours does not stop a run; the official client's waits hold instead."""
    body = body_with("ConfirmacionPeticion", attributes(TiempoEstimadoRespuesta=hours))
    assert READER.confirmation(body, a_bulk(2, 6)) == Accepted(wait_s=0)


HOSTILE = [
    ("another request", attributes(IdPeticion="MAD00000000000000000000002"), "replay"),
    ("another service", attributes(CodigoCertificado="SVDSEPESITWS02"), "replay"),
    ("no state", attributes(CodigoEstado=""), "schema"),
    ("no attributes", "", "replay"),
    ("an unheard-of state", attributes(CodigoEstado="0777"), "backend_fault"),
]


@pytest.mark.parametrize("name", ["Respuesta", "ConfirmacionPeticion"])
@pytest.mark.parametrize(("inner", "reason"), [r[1:] for r in HOSTILE], ids=[r[0] for r in HOSTILE])
async def test_a_message_that_does_not_repeat_its_request_is_refused(name, inner, reason):
    """Before anything else that it says is looked at."""
    body = body_with(name, inner)
    bulk = a_bulk(2, 6)
    reads = {"Respuesta": lambda: READER.answer(body, bulk, "x")}
    read = reads.get(name, lambda: READER.confirmation(body, bulk))
    with pytest.raises(SourceError) as caught:
        read()
    assert caught.value.reason == reason


async def test_the_wrong_message_is_refused():
    """A Respuesta confirms nothing, and a confirmation answers nothing."""
    with pytest.raises(SourceMalformed):
        READER.confirmation(body_with("Respuesta", attributes()), a_bulk(2))
    with pytest.raises(SourceMalformed):
        READER.answer(body_with("ConfirmacionPeticion", attributes()), a_bulk(2), "x")


def part(item_id: str, document: str, code: str = "0233") -> str:
    """One TransmisionDatos."""
    return (
        f"<TransmisionDatos><DatosGenericos><Titular><Documentacion>{document}</Documentacion>"
        f"</Titular><Transmision><CodigoCertificado>{CODE}</CodigoCertificado>"
        f"<IdSolicitud>{item_id}</IdSolicitud></Transmision></DatosGenericos>"
        f"<DatosEspecificos><Estado><CodigoEstado>{code}</CodigoEstado></Estado>"
        f"</DatosEspecificos></TransmisionDatos>"
    )


def answer_with(*parts: str) -> etree._Element:
    """A processed answer."""
    inner = attributes(CodigoEstado="0003") + f"<Transmisiones>{''.join(parts)}</Transmisiones>"
    return body_with("Respuesta", inner)


@pytest.mark.parametrize("code", ["0208", "0225", "0241", "0244"])
async def test_that_an_answer_is_gone_is_final_where_it_is_signed(code):
    """What the platform signs is its own word; in a fault it is anybody's."""
    inner = attributes(CodigoEstado=code)
    got = READER.answer(body_with("Respuesta", inner), a_bulk(2), "x")
    assert got == Gone(signed=True)


async def test_parts_belong_to_their_numbers_in_any_order():
    """The platform may answer in another order than it was asked."""
    one, two = PEOPLE.number(2), PEOPLE.number(6)
    body = answer_with(part("000002", two), part("000001", one, "0003"))
    got = READER.answer(body, a_bulk(2, 6), "x")
    assert isinstance(got, Delivered)
    first, second = (got.items[id_].outcome for id_ in ("000001", "000002"))
    assert isinstance(first, SourceRecord)
    assert isinstance(second, SourceRecord)
    assert (first.holds, second.holds, got.surplus) == (True, False, 0)


async def test_parts_that_were_exchanged_are_refused_both():
    """Each under the other's number: neither is shown, and neither is kept."""
    one, two = PEOPLE.number(2), PEOPLE.number(6)
    got = READER.answer(answer_with(part("000001", two), part("000002", one)), a_bulk(2, 6), "x")
    assert isinstance(got, Delivered)
    for item in got.items.values():
        assert isinstance(item.outcome, SourceInsecure)
        assert item.outcome.reason == "identity_mismatch"
        assert item.fragment is None


async def test_transmissions_of_an_unprocessed_request_are_refused():
    """Not ready, and yet with data: not to be read."""
    inner = attributes() + f"<Transmisiones>{part('000001', PEOPLE.number(2))}</Transmisiones>"
    with pytest.raises(SourceMalformed, match="unprocessed"):
        READER.answer(body_with("Respuesta", inner), a_bulk(2), "x")


async def test_an_error_code_of_one_person_is_that_person_s_alone():
    """Per-item errors stand in each person's own part."""
    one, two = PEOPLE.number(2), PEOPLE.number(6)
    body = answer_with(part("000001", one, "0226"), part("000002", two))
    got = READER.answer(body, a_bulk(2, 6), "x")
    assert isinstance(got, Delivered)
    assert isinstance(got.items["000001"].outcome, Refused)
    assert isinstance(got.items["000002"].outcome, SourceRecord)


async def test_a_part_without_a_canonical_form_is_that_person_s_misfortune_alone():
    """A relative namespace parses and cannot be canonicalised: no crash, which would recur."""
    one, two = PEOPLE.number(2), PEOPLE.number(6)
    odd = part("000001", one).replace("<Estado>", '<x:y xmlns:x="rel/uri"/><Estado>')
    got = READER.answer(answer_with(odd, part("000002", two)), a_bulk(2, 6), "x")
    assert isinstance(got, Delivered)
    outcome = got.items["000001"].outcome
    assert isinstance(outcome, SourceMalformed)
    assert (outcome.reason, got.items["000001"].fragment) == ("malformed", None)
    assert isinstance(got.items["000002"].outcome, SourceRecord)


ANSWERS = [
    (b"not xml", "malformed"),
    (b"", "malformed"),
    (b"<html><body>closed</body></html>", "maintenance"),
    (b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "forbidden_xml"),
    (b"\xff\xfe", "malformed"),
    (b"<a" * 50_000, "malformed"),
]


@pytest.mark.parametrize(
    ("content", "reason"), ANSWERS, ids=[r[1] + str(len(r[0])) for r in ANSWERS]
)
async def test_bytes_that_are_no_answer_are_refused(files, content, reason):
    """Whatever arrives, it is a SourceError, and never somebody's data."""
    async with _opened(files) as batch:
        answer = Answer(source=SOURCE, status=200, headers={}, body=content, exchange="x")
        for read in (batch.confirmed, batch.delivered):
            with pytest.raises(SourceError) as caught:
                read(a_bulk(2), answer)
            assert caught.value.reason == reason


async def test_a_confirmation_signed_by_another_is_refused(files):
    """The hub's own signature, say: nobody but the platform confirms."""
    async with _opened(files) as batch:
        message = body_with("ConfirmacionPeticion", attributes())[0]
        signer = BodySigner(SOURCE, files.hub.read_text(), files.hub_key.read_text(), lambda: NOW)
        content = signer.sign(message, "Body", "rsa-sha256")
        answer = Answer(source=SOURCE, status=200, headers={}, body=content, exchange="x")
        with pytest.raises(SourceInsecure, match="signature"):
            batch.confirmed(a_bulk(2), answer)


@asynccontextmanager
async def _opened(files: CertificateFiles) -> AsyncIterator[AgeBatch]:
    client = open_client("age", "http://127.0.0.1:1/", MemoryRecorder())
    try:
        yield AgeBatch(client, settings(files))
    finally:
        await client.aclose()


def test_a_faulty_declaration_is_named(tmp_path):
    """An unknown key or a missing one stops the start, with the service's name."""
    own = tmp_path / CODE
    own.mkdir()
    (own / "asynchronous.toml").write_text("endpoint = 'x'\nunheard = 1\n", "utf-8")
    service = msgspec.structs.replace(SERVICE, code=CODE, folder=str(own))
    with pytest.raises(SettingsError, match=re.escape(f"{CODE}/asynchronous.toml")):
        batch_services([service])


def test_a_service_without_an_asynchronous_side_is_none(tmp_path):
    """What has no file of its own cannot be asked in bulk."""
    assert not batch_services([msgspec.structs.replace(SERVICE, folder=str(tmp_path))])
