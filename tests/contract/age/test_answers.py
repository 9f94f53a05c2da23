"""Everything that can come back, at the seam below the client."""

from __future__ import annotations

import datetime as dt
from typing import Any

import httpx
import msgspec
import pytest

from connectors.age.answer import Asked, raise_fault, read_body
from connectors.age.connector import SPEC, Age
from connectors.age.outcomes import OutcomeTable, Verdict
from connectors.age.service import CONTRACT, load_outcomes, load_services
from connectors.age.simulator.messages import fault
from hub.core.errors import (
    SourceError,
    SourceInsecure,
    SourceMalformed,
    SourceProtected,
    SourceRefused,
    SourceUnavailable,
)
from hub.sandbox.certificates import CertificateFiles
from hub.wire.client import Answer, open_client
from hub.wire.xml import parse_xml
from tests.contract.age.world import asking, settings
from tests.support.builders import MemoryRecorder

SERVICE = {s.code: s for s in load_services(CONTRACT / "services")}["SVDSEPEDEMWS01"]
TABLE = load_outcomes(CONTRACT)
ENVELOPE = '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/">{}</s:Envelope>'


async def outcome_of(files: CertificateFiles, **answer: Any) -> SourceError:
    """The error that a fetch ends with when this answer comes back."""

    def handler(request: httpx.Request) -> httpx.Response:
        return httpx.Response(**{"status_code": 200, **answer})

    client = open_client(
        "age", "http://platform.test/", MemoryRecorder(), transport=httpx.MockTransport(handler)
    )
    age = Age(client, settings(files), lambda prefix: f"{prefix}{'1' * 23}")
    query = asking()
    with pytest.raises(SourceError) as caught:
        await age.fetch("job_seeker", query)
    await client.aclose()
    assert query.subject.document.number not in str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    ("answer", "kind", "reason"),
    [
        pytest.param({"content": b""}, SourceMalformed, "malformed", id="empty"),
        pytest.param({"content": b"\x00\xff\x10"}, SourceMalformed, "charset", id="garbage"),
        pytest.param({"html": "<html>closed</html>"}, SourceUnavailable, "maintenance", id="html"),
        pytest.param(
            {"html": "<!DOCTYPE html><html></html>"}, SourceUnavailable, "maintenance", id="html-5"
        ),
        pytest.param(
            {"html": "<html/>", "status_code": 403}, SourceRefused, "hub_credentials", id="html-403"
        ),
        pytest.param(
            {"content": "<a>Muñoz</a>".encode("latin-1")}, SourceMalformed, "charset", id="latin-1"
        ),
        pytest.param({"content": b"<a"}, SourceMalformed, "malformed", id="cut"),
        pytest.param({"content": b"<a/>"}, SourceMalformed, "malformed", id="other-xml"),
        pytest.param({"json": {"error": 1}}, SourceMalformed, "malformed", id="json"),
        pytest.param({"content": b"x" * 300_000}, SourceMalformed, "too_large", id="huge"),
        pytest.param(
            {"content": b"<a>" * 300 + b"</a>" * 300}, SourceInsecure, "forbidden_xml", id="deep"
        ),
        pytest.param(
            {"content": b'<!DOCTYPE a SYSTEM "http://127.0.0.1:9/x"><a/>'},
            SourceInsecure,
            "forbidden_xml",
            id="doctype",
        ),
        pytest.param(
            {"content": '<!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>'.encode("utf-16")},
            SourceInsecure,
            "forbidden_xml",
            id="entity-in-utf-16",
        ),
        pytest.param(
            {"content": ENVELOPE.format("")}, SourceInsecure, "signature", id="empty-envelope"
        ),
        pytest.param(
            {"content": ENVELOPE.format("<s:Header/><s:Body/>")},
            SourceInsecure,
            "signature",
            id="unsigned-envelope",
        ),
        pytest.param({"status_code": 401}, SourceRefused, "hub_credentials", id="401"),
        pytest.param({"status_code": 404}, SourceRefused, "backend_fault", id="404"),
        pytest.param({"status_code": 429}, SourceUnavailable, "throttled", id="429"),
        pytest.param({"status_code": 500}, SourceUnavailable, "backend_fault", id="500"),
        pytest.param({"status_code": 503}, SourceUnavailable, "maintenance", id="503"),
        pytest.param(
            {"status_code": 500, "content": ENVELOPE.format("<s:Body/>")},
            SourceUnavailable,
            "backend_fault",
            id="500-without-fault",
        ),
        pytest.param(
            {"status_code": 302, "headers": {"location": "http://169.254.169.254/"}},
            SourceMalformed,
            "redirect",
            id="redirect",
        ),
    ],
)
async def test_a_hostile_answer_is_an_error_of_its_kind(
    files: CertificateFiles, answer: dict[str, Any], kind: type[SourceError], reason: str
):
    """Nonsense is never an answer, and each kind of nonsense has its name."""
    error = await outcome_of(files, **answer)
    assert (type(error), error.reason) == (kind, reason)


def _official(code: str) -> str:
    return fault("official", code, "texto", "SVDSEPEDEMWS01", "2026-11-22T12:00:00.000+01:00")


def _bare(code: str, text: str) -> str:
    inner = f"<faultcode>{code}</faultcode><faultstring>{text}</faultstring>"
    return ENVELOPE.format(f"<s:Body><s:Fault>{inner}</s:Fault></s:Body>")


@pytest.mark.parametrize(
    ("content", "kind", "reason", "code"),
    [
        pytest.param(_official("0301"), SourceRefused, "hub_credentials", "0301", id="official"),
        pytest.param(_official("0101"), SourceUnavailable, "connect_failed", "0101", id="provider"),
        pytest.param(_official("0901"), SourceUnavailable, "maintenance", "0901", id="closed"),
        pytest.param(_official("0230"), SourceRefused, "clock_skew", "0230", id="clock"),
        pytest.param(_official("0401"), SourceRefused, "schema", "0401", id="our-form"),
        pytest.param(
            fault("emiserv", "0502", "x", "S", "t"),
            SourceUnavailable,
            "backend_fault",
            "0502",
            id="emiserv",
        ),
        pytest.param(
            _bare("Server", "[0101] x"), SourceUnavailable, "connect_failed", "0101", id="string"
        ),
        pytest.param(
            _bare("s:Server", "0901 x"), SourceUnavailable, "maintenance", "0901", id="no-brackets"
        ),
        pytest.param(
            _bare("Server", "[0309] Error general al verificar el certificado :CN=x"),
            SourceRefused,
            "hub_credentials",
            "0309",
            id="colon",
        ),
        pytest.param(
            _bare("s:Server", "[0502] Error de sistema: 0301"),
            SourceUnavailable,
            "backend_fault",
            "0502",
            id="colon-and-another-code",
        ),
        pytest.param(
            _bare("Server", "[0901] Servicio no disponible desde las 10:3000"),
            SourceUnavailable,
            "maintenance",
            "0901",
            id="colon-and-digits",
        ),
        pytest.param(
            _bare("s:0301", "x: 0502"), SourceRefused, "hub_credentials", "0301", id="prefix"
        ),
        pytest.param(_bare("0301", "x"), SourceRefused, "hub_credentials", "0301", id="faultcode"),
        pytest.param(_bare("", ""), SourceUnavailable, "backend_fault", "0904", id="bare"),
        pytest.param(
            _bare("Server", "12345 x"), SourceUnavailable, "backend_fault", "0904", id="no-code"
        ),
        pytest.param(
            _bare("0777", "x"), SourceUnavailable, "backend_fault", "0777", id="unknown-code"
        ),
        pytest.param(
            _official("0233"), SourceUnavailable, "backend_fault", "0233", id="claims-no-data"
        ),
        pytest.param(
            _official("07"), SourceUnavailable, "backend_fault", "07", id="claims-protection"
        ),
        pytest.param(_official("0003"), SourceUnavailable, "backend_fault", "0003", id="claims-ok"),
    ],
)
async def test_a_fault_is_an_error_whatever_it_claims(
    files: CertificateFiles,
    content: str,
    kind: type[SourceError],
    reason: str,
    code: str,
):
    """Nobody signed it: it can say neither that nothing is held nor that one is protected."""
    for status in (200, 500):
        error = await outcome_of(files, content=content.encode(), status_code=status)
        assert (type(error), error.reason) == (kind, reason)
        assert f"code {code}" in error.detail
        assert "texto" not in str(error)


@pytest.mark.parametrize("outcome", ["found", "empty", "pending", "protected"])
def test_no_table_can_make_a_fault_say_something_about_a_person(outcome: Any):
    """Were a code listed as protected or empty, a forged fault would still not say so."""
    table = OutcomeTable(codes={"0301": Verdict(outcome=outcome)})
    answer = Answer(source="age", status=500, headers={}, body=b"", exchange="1")
    with pytest.raises(SourceUnavailable) as caught:
        raise_fault(answer, parse_xml("test", _official("0301").encode()), table)
    assert caught.value.reason == "backend_fault"


async def test_a_code_that_is_text_is_not_repeated(files: CertificateFiles):
    """Free text where a code should stand could name somebody."""
    error = await outcome_of(files, content=_official("JUANA GARCIA 99000002K").encode())
    assert "JUANA" not in str(error)


async def test_a_fault_of_soap_1_2_is_read_too(files: CertificateFiles):
    """The dialect of a fault does not matter, since it is an error in any case."""
    content = _official("0301").replace(
        "http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope"
    )
    assert (await outcome_of(files, content=content.encode())).reason == "hub_credentials"


RESPONSE = """<Body><r:Respuesta xmlns:r="{ns}/V3/respuesta" xmlns:e="{ns}/datosespecificos">
<r:Atributos><r:IdPeticion>ID1</r:IdPeticion><r:Estado><r:CodigoEstado>{state}</r:CodigoEstado>
</r:Estado><r:CodigoCertificado>SVDSEPEDEMWS01</r:CodigoCertificado></r:Atributos>{items}
</r:Respuesta></Body>"""
ITEMS = "<r:Transmisiones>{}</r:Transmisiones>"
ITEM = """<r:TransmisionDatos><r:DatosGenericos><r:Titular><r:Documentacion>{document}
</r:Documentacion></r:Titular><r:Transmision><r:IdSolicitud>{item}</r:IdSolicitud></r:Transmision>
</r:DatosGenericos><e:DatosEspecificos>{specific}</e:DatosEspecificos></r:TransmisionDatos>"""
CODE = "<e:Estado><e:CodigoEstado>{}</e:CodigoEstado></e:Estado>"


def reading(items: str, state: str = "0003") -> Any:
    """What is read from a verified Body with *items*."""
    text = RESPONSE.format(
        ns="http://intermediacion.redsara.es/scsp/esquemas", state=state, items=items
    )
    asked = Asked(service=SERVICE, request_id="ID1", document="99000002K")
    return read_body(parse_xml("test", text.encode()), asked, TABLE)


def item(
    code: str = "0003", *, document: str = "99000002K", item_id: str = "ID1", more: str = ""
) -> str:
    """A transmission with the business code *code*."""
    return ITEM.format(document=document, item=item_id, specific=CODE.format(code) + more)


@pytest.mark.parametrize(("code", "holds"), [("0003", True), ("0233", False), ("0238", False)])
def test_the_business_code_decides_whether_anything_is_held(code: str, *, holds: bool):
    """The platform's 0003 says that the request was processed, whatever came of it."""
    assert reading(ITEMS.format(item(code))).holds is holds


@pytest.mark.parametrize(
    ("code", "kind", "reason"),
    [
        ("07", SourceProtected, "backend_fault"),
        ("0226", SourceRefused, "schema"),
        ("0231", SourceRefused, "schema"),
        ("0232", SourceUnavailable, "backend_fault"),
        ("0301", SourceUnavailable, "backend_fault"),
        ("7", SourceUnavailable, "backend_fault"),
    ],
)
def test_every_other_business_code_is_its_error(code: str, kind: type[SourceError], reason: str):
    """0301 means something to the platform and nothing to this service."""
    with pytest.raises(kind, match=f"business code {code}") as caught:
        reading(ITEMS.format(item(code)))
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("items", "state", "kind", "reason"),
    [
        pytest.param("", "0003", SourceMalformed, "schema", id="processed-without-data"),
        pytest.param(ITEMS.format(""), "0003", SourceMalformed, "schema", id="no-item"),
        pytest.param(ITEMS.format(item() * 2), "0003", SourceMalformed, "schema", id="two-items"),
        pytest.param(ITEMS.format(item()) * 2, "0003", SourceMalformed, "schema", id="two-lists"),
        pytest.param(
            ITEMS.format(item()), "0002", SourceMalformed, "schema", id="data-before-it-is-ready"
        ),
        pytest.param("", "0002", SourceUnavailable, "backend_fault", id="not-ready"),
        pytest.param("", "0901", SourceUnavailable, "maintenance", id="closed"),
        pytest.param("", "", SourceMalformed, "schema", id="no-state"),
        pytest.param(
            ITEMS.format(item(item_id="ID2")), "0003", SourceInsecure, "replay", id="other-item"
        ),
        pytest.param(
            ITEMS.format(item("07", document="99000100G")),
            "0003",
            SourceInsecure,
            "identity_mismatch",
            id="somebody-else-who-is-protected",
        ),
        pytest.param(
            ITEMS.format(item(document="")), "0003", SourceMalformed, "schema", id="nobody"
        ),
        pytest.param(
            ITEMS.format(item("")), "0003", SourceMalformed, "schema", id="no-business-code"
        ),
        pytest.param(
            ITEMS.format(item("0003", more=CODE.format("07"))),
            "0003",
            SourceMalformed,
            "schema",
            id="two-business-codes",
        ),
    ],
)
def test_a_signed_answer_must_still_be_the_one_that_was_asked_for(
    items: str, state: str, kind: type[SourceError], reason: str
):
    """A signature says who spoke, not that it was about this."""
    with pytest.raises(kind) as caught:
        reading(items, state)
    assert caught.value.reason == reason


def test_an_unprocessed_answer_can_say_that_nothing_is_held():
    """The platform's own 0233, signed and without a transmission, is an empty answer."""
    assert not reading("", "0233").holds


def test_an_answer_to_another_request_is_a_replay():
    """The number of the request is the first thing that is looked at."""
    with pytest.raises(SourceInsecure) as caught:
        read_body(
            parse_xml(
                "t",
                RESPONSE.format(
                    ns="http://intermediacion.redsara.es/scsp/esquemas", state="0003", items=""
                ).encode(),
            ),
            Asked(service=SERVICE, request_id="ID2", document="99000002K"),
            TABLE,
        )
    assert caught.value.reason == "replay"


@pytest.mark.parametrize(
    "body",
    ["<Body/>", "<Body><Respuesta/></Body>", "<Body>text</Body>", "<Body><a/><b/></Body>"],
)
def test_a_body_without_a_response_is_refused(body: str):
    """Signed nonsense is nonsense."""
    asked = Asked(service=SERVICE, request_id="ID1", document="99000002K")
    with pytest.raises(SourceMalformed) as caught:
        read_body(parse_xml("t", body.encode()), asked, TABLE)
    assert caught.value.reason == "schema"


def test_what_the_contract_lets_repeat_is_always_a_list():
    """One row or several: the mapping sees the same shape."""
    service = msgspec.structs.replace(SERVICE, repeatable=("Fila",))
    row = "<e:Fila><e:N>1</e:N></e:Fila>"
    for count in (1, 2):
        text = RESPONSE.format(
            ns="http://intermediacion.redsara.es/scsp/esquemas",
            state="0003",
            items=ITEMS.format(item(more=row * count)),
        )
        asked = Asked(service=service, request_id="ID1", document="99000002K")
        payload = read_body(parse_xml("t", text.encode()), asked, TABLE).payload
        assert payload["TransmisionDatos"]["DatosEspecificos"]["Fila"] == [{"N": "1"}] * count


async def test_a_call_ends_at_its_deadline(files: CertificateFiles):
    """A platform that never answers costs the time that was given, and one request."""

    async def handler(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("never")

    recorder = MemoryRecorder()
    client = open_client(
        "age", "http://platform.test/", recorder, transport=httpx.MockTransport(handler)
    )
    age = Age(client, settings(files), lambda prefix: prefix)
    query = asking()
    with pytest.raises(SourceUnavailable) as caught:
        await age.fetch("job_seeker", query)
    await client.aclose()
    assert caught.value.reason == "timeout"
    assert len(recorder.sent) == 1
    assert not SPEC.operation("job_seeker").repeatable
    assert query.as_of.tzinfo is dt.UTC
