"""The simulated platform, asked without the connector: what it refuses, and with which code."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable

import httpx
import pytest
from lxml import etree

from connectors.age import simulator
from connectors.age.simulator.platform import MAX_REQUEST, Platform
from connectors.age.simulator.register import Moment, entry
from connectors.age.simulator.services import PublishedService, published
from hub.core.moment import utc_now
from hub.sandbox import magic
from hub.sandbox.certificates import CertificateFiles
from hub.sandbox.stage import FaultBoard, Stage
from hub.wire.signature import BodySigner
from tests.contract.age.test_requests import FORM
from tests.contract.age.world import PATH, PEOPLE, asking
from tests.support.certificates import a_certificate, a_key, pem_of_key

SERVICES = published()
ADDRESS = f"http://platform.test/{PATH}SEPE.InscritoDemandanteEmpleo"
HEADERS = {"content-type": "text/xml; charset=UTF-8", "soapaction": '"peticionSincrona"'}
NS = "{http://intermediacion.redsara.es/scsp/esquemas/V3/peticion}"
Change = Callable[[etree._Element], None]


async def post(
    files: CertificateFiles, body: bytes, headers: dict[str, str] | None = None
) -> httpx.Response:
    """What the platform answers to *body*."""
    stage = Stage(
        source="age",
        population=PEOPLE,
        faults=FaultBoard(),
        settings={},
        keys=files.ca.parent,
    )
    app = simulator.simulate(stage)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as client:
        return await client.post(ADDRESS, content=body, headers=headers or HEADERS)


async def a_request(files: CertificateFiles, change: Change | None = None) -> bytes:
    """A signed request, changed before it was signed."""
    petition = FORM.filled(asking(), "MAD00000000000000000000001", utc_now())
    if change:
        change(petition)
    signer = BodySigner("test", files.hub.read_text(), files.hub_key.read_text(), utc_now)
    return signer.sign(petition, "Body-1", "rsa-sha256")


def code_of(response: httpx.Response) -> str | None:
    """The SCSP code in a fault."""
    return etree.fromstring(response.content).findtext(".//{*}CodigoEstado")


def setting(name: str, text: str) -> Change:
    """Write *text* into every element called *name*."""

    def change(petition: etree._Element) -> None:
        for node in petition.iter(f"{NS}{name}"):
            node.text = text

    return change


def _twice(petition: etree._Element) -> None:
    item = petition.find(f".//{NS}SolicitudTransmision")
    assert item is not None
    parent = item.getparent()
    assert parent is not None
    parent.append(etree.fromstring(etree.tostring(item)))


def _twice_and_counted(petition: etree._Element) -> None:
    _twice(petition)
    setting("NumElementos", "2")(petition)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        pytest.param(setting("NumElementos", "2"), "0414", id="counted-wrong"),
        pytest.param(_twice, "0414", id="more-than-counted"),
        pytest.param(_twice_and_counted, "0415", id="two-at-once"),
        pytest.param(setting("TimeStamp", "ayer"), "0230", id="no-time"),
        pytest.param(setting("TimeStamp", "2020-01-01T00:00:00.000"), "0230", id="long-ago"),
        pytest.param(setting("IdentificadorSolicitante", "P2800000A"), "0235", id="another-body"),
        pytest.param(setting("CodProcedimiento", "OTRO"), "0314", id="not-authorised"),
        pytest.param(setting("Consentimiento", "NoOpo"), "0401", id="not-by-the-schema"),
        pytest.param(setting("NifEmisor", "Q2826000H"), "0401", id="another-provider"),
        pytest.param(setting("Nombre", ""), "0401", id="nameless"),
    ],
)
async def test_what_the_platform_would_refuse_it_refuses(
    files: CertificateFiles, change: Change, code: str
):
    """Each objection has its official code, in an unsigned fault."""
    response = await post(files, await a_request(files, change))
    assert (response.status_code, code_of(response)) == (500, code)
    assert b"Signature" not in response.content


def _without(name: str) -> Change:
    def change(envelope: etree._Element) -> None:
        node = envelope.find(f".//{{*}}{name}")
        assert node is not None
        parent = node.getparent()
        assert parent is not None
        parent.remove(node)

    return change


def _tampered(envelope: etree._Element) -> None:
    setting("Finalidad", "OTRA")(envelope)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        pytest.param(_without("Signature"), "0307", id="no-signature"),
        pytest.param(_without("BinarySecurityToken"), "0311", id="no-token"),
        pytest.param(_tampered, "0305", id="tampered"),
    ],
)
async def test_a_seal_that_does_not_hold_is_refused(
    files: CertificateFiles, change: Change, code: str
):
    """The platform believes no message that was changed on its way."""
    envelope = etree.fromstring(await a_request(files))
    change(envelope)
    assert code_of(await post(files, etree.tostring(envelope))) == code


async def test_a_certificate_of_no_known_authority_is_refused(files: CertificateFiles):
    """A self-made certificate signs well and is not believed (0310)."""
    stranger = a_key("stranger")
    petition = FORM.filled(asking(), "MAD00000000000000000000002", utc_now())
    later = utc_now() + dt.timedelta(days=9)
    certificate = a_certificate(stranger, begins=utc_now() - dt.timedelta(days=1), ends=later)
    signer = BodySigner("test", certificate, pem_of_key(stranger), utc_now)
    assert code_of(await post(files, signer.sign(petition, "Body-1", "rsa-sha256"))) == "0310"


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"", {}, 500),
        (b"<a", {}, 500),
        (b"x" * (MAX_REQUEST + 10), {}, 413),
        (b"{}", {"content-type": "application/json"}, 415),
        (b"<a/>", {"soapaction": "otra"}, 500),
    ],
    ids=["empty", "cut", "huge", "json", "another-action"],
)
async def test_nonsense_is_refused(
    files: CertificateFiles, body: bytes, headers: dict[str, str], status: int
):
    """The platform answers nonsense with an error and goes on."""
    response = await post(files, body, {**HEADERS, **headers})
    assert response.status_code == status


@pytest.mark.parametrize("service", SERVICES.values(), ids=lambda service: service.code)
def test_an_entry_is_a_function_of_the_person(service: PublishedService):
    """The same person has the same entry, in whichever order people are asked about."""
    moment = Moment(today=dt.date(2026, 11, 22))
    indexes = range(200)
    once = {i: entry(service, PEOPLE, PEOPLE.person(i), moment) for i in indexes}
    again = {i: entry(service, PEOPLE, PEOPLE.person(i), moment) for i in reversed(indexes)}
    assert once == again
    for name, case in service.played.citizens.items():
        assert once[getattr(magic, name)].case == case
    lots = {name for name, case in service.played.cases.items() if case.share}
    assert len({found.case for found in once.values()} & lots) >= 2


@pytest.mark.parametrize("service", SERVICES.values(), ids=lambda service: service.code)
def test_shares_make_up_a_whole_population(service: PublishedService):
    """Everybody falls into one of the cases."""
    assert sum(case.share for case in service.played.cases.values()) == pytest.approx(1)


async def test_nobody_is_remembered(files: CertificateFiles):
    """Three million people cost the simulator nothing: it keeps request numbers alone."""
    stage = Stage(
        source="age", population=PEOPLE, faults=FaultBoard(), settings={}, keys=files.ca.parent
    )
    platform = Platform(stage)
    body = await a_request(files)
    transport = httpx.ASGITransport(platform)
    async with httpx.AsyncClient(transport=transport) as client:
        await asyncio.gather(*(client.post(ADDRESS, content=body, headers=HEADERS) for _ in "ab"))
    assert list(platform._inspector._seen) == ["MAD00000000000000000000001"]
