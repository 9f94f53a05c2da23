"""What every simulated SOAP service refuses and writes."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from lxml import etree

from hub.sandbox.soap_service import (
    SOAP,
    Refused,
    Reply,
    SoapService,
    envelope,
    fault,
    xml_of,
)
from tests.support.serving import a_stage, serving

XSD = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:t">
<xs:element name="ask" type="xs:string"/></xs:schema>"""
ASK = envelope('<t:ask xmlns:t="urn:t">x</t:ask>')
DOCTYPE = "<!DOCTYPE a [<!ENTITY x 'y'>]>"


@pytest.fixture
def service(tmp_path):
    """A service that says what it was asked."""
    (tmp_path / "t.xsd").write_text(XSD, "utf-8")
    (tmp_path / "t.wsdl").write_text("<wsdl/>", "utf-8")
    stage = a_stage("tiny", Path("unused"), {"user": "hub"}, password="the secret")

    def answer(operation, request):
        text = request.element.text
        if text == "broken":
            raise Refused("soap:Server", "9", "a < b")
        return Reply(xml_of("said", {"operation": operation, "text": text}), {"x-of": "t"})

    return SoapService(
        stage, tmp_path / "t.wsdl", tmp_path / "t.xsd", {"urn:ask": "asking"}, answer
    )


async def post(service, content, action="urn:ask", auth=("hub", "the secret"), method="POST", q=""):
    """The answer to *content*."""
    async with serving(service) as url, httpx.AsyncClient(trust_env=False) as http:
        headers = {"soapaction": f'"{action}"'}
        return await http.request(method, url + q, content=content, headers=headers, auth=auth)


async def test_an_admitted_request_is_answered_in_an_envelope(service):
    """With its headers, and labelled for the counters."""
    answer = await post(service, ASK)
    body = etree.fromstring(answer.content)[0]
    assert body.tag == f"{{{SOAP}}}Body"
    assert [child.text for child in body[0]] == ["asking", "x"]
    assert (answer.headers["x-of"], answer.headers["x-sandbox-operation"]) == ("t", "asking")


@pytest.mark.parametrize(
    ("content", "changes", "status", "code"),
    [
        (ASK, {"auth": ("hub", "guess")}, 401, ""),
        (ASK, {"method": "PUT"}, 405, ""),
        (" " * 100_000, {}, 413, ""),
        ("no xml", {}, 500, "[ilegible]"),
        (DOCTYPE + ASK.partition("?>")[2], {}, 500, "[ilegible]"),
        (envelope(""), {}, 500, "[ilegible]"),
        (envelope("<other/>"), {}, 500, "[esquema]"),
        (ASK, {"action": "urn:other"}, 500, "[accion]"),
        (ASK.replace(">x<", ">broken<"), {}, 500, "[9] a &lt; b"),
    ],
)
async def test_what_is_no_request_is_refused(service, content, changes, status, code):
    """Credentials, size, XML, envelope, schema and action, each by its own fault."""
    answer = await post(service, content, **changes)
    assert answer.status_code == status
    assert code in answer.text


async def test_the_description_is_given_to_who_may_ask(service):
    """The ping of every connector."""
    assert (await post(service, b"", method="GET", q="?wsdl")).text == "<wsdl/>"


def test_plain_data_becomes_elements():
    """Lists repeat, None is absent or nil, texts are escaped, attributes stay in the start tag."""
    made = xml_of('n:a xmlns:n="urn:n"', {"b": ["1", "2"], "c": None, "d": {"e": "<&"}})
    assert made == '<n:a xmlns:n="urn:n"><b>1</b><b>2</b><d><e>&lt;&amp;</e></d></n:a>'
    assert 'xsi:nil="true"' in xml_of("c", None, nil=True)
    assert "[9] x" in fault(Refused("soap:Client", "9", "x"))
