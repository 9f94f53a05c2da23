from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from lxml import etree

from hub.core.errors import (
    SettingsError,
    SourceError,
    SourceInsecure,
    SourceMalformed,
    SourceRefused,
    SourceUnavailable,
)
from hub.wire.client import Answer
from hub.wire.fault import FaultTable, Verdict
from hub.wire.soap import SoapService, envelope_bytes

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
NS = "urn:test:library"

XSD = f"""<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns="{NS}"
  xmlns:o="urn:test:other" targetNamespace="{NS}" elementFormDefault="qualified">
 <xs:import namespace="urn:test:other" schemaLocation="other.xsd"/>
 <xs:element name="Ask"><xs:complexType><xs:sequence>
  <xs:element name="Reader" type="xs:string"/>
  <xs:element name="Limit" type="xs:int" minOccurs="0"/>
 </xs:sequence></xs:complexType></xs:element>
 <xs:complexType name="Item"><xs:sequence>
  <xs:element name="Title" type="xs:string"/>
  <xs:element name="Due" type="xs:date" minOccurs="0" nillable="true"/>
 </xs:sequence><xs:attribute name="shelf" type="xs:string"/></xs:complexType>
 <xs:complexType name="Volume"><xs:complexContent><xs:extension base="Item"><xs:sequence>
  <xs:element name="Number" type="xs:int"/>
 </xs:sequence></xs:extension></xs:complexContent></xs:complexType>
 <xs:complexType name="Tree"><xs:sequence>
  <xs:element name="Name" type="xs:string"/>
  <xs:element name="Tree" type="Tree" minOccurs="0" maxOccurs="unbounded"/>
 </xs:sequence></xs:complexType>
 <xs:complexType name="Price"><xs:simpleContent><xs:extension base="xs:decimal">
  <xs:attribute name="currency" type="xs:string"/>
 </xs:extension></xs:simpleContent></xs:complexType>
 <xs:element name="Told"><xs:complexType><xs:sequence>
  <xs:element name="Reader" type="xs:string"/>
  <xs:element name="Item" type="Item" minOccurs="0" maxOccurs="5"/>
  <xs:element name="Volume" type="Volume" minOccurs="0"/>
  <xs:choice minOccurs="0"><xs:element name="Card" type="xs:string"/>
   <xs:sequence><xs:element name="Name" type="xs:string"/><xs:element name="Born" type="xs:date"/>
   </xs:sequence></xs:choice>
  <xs:choice minOccurs="0" maxOccurs="unbounded"><xs:element name="Loan" type="xs:string"/>
   <xs:element name="Fine" type="Price"/></xs:choice>
  <xs:element name="Tree" type="Tree" minOccurs="0"/>
  <xs:element name="Note" type="xs:string" minOccurs="0"/>
  <xs:element ref="o:Note" minOccurs="0"/>
  <xs:any processContents="skip" minOccurs="0"/>
 </xs:sequence></xs:complexType></xs:element>
</xs:schema>"""

OTHER = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"
  targetNamespace="urn:test:other"><xs:element name="Note" type="xs:string"/></xs:schema>"""

WSDL = f"""<w:definitions xmlns:w="http://schemas.xmlsoap.org/wsdl/" xmlns:t="{NS}"
  xmlns:s="http://schemas.xmlsoap.org/wsdl/soap/" targetNamespace="{NS}">
 <w:types><xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">
  <xs:import namespace="{NS}" schemaLocation="library.xsd"/></xs:schema></w:types>
 <w:message name="In"><w:part name="p" element="t:Ask"/></w:message>
 <w:message name="Out"><w:part name="p" element="t:Told"/></w:message>
 <w:portType name="P"><w:operation name="Lend">
  <w:input message="t:In"/><w:output message="t:Out"/></w:operation></w:portType>
 <w:binding name="B" type="t:P"><s:binding style="document"
   transport="http://schemas.xmlsoap.org/soap/http"/>
  <w:operation name="Lend"><s:operation soapAction="urn:lend"/>
   <w:input><s:body use="literal"/></w:input><w:output><s:body use="literal"/></w:output>
  </w:operation></w:binding>
 <w:service name="S"><w:port name="Q" binding="t:B">
  <s:address location="http://nowhere.invalid/"/></w:port></w:service>
</w:definitions>"""


def write_contract(folder: Path, **texts: str) -> Path:
    files = {"library_wsdl": WSDL, "library_xsd": XSD, "other_xsd": OTHER, **texts}
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text)
    return folder / "library.wsdl"


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    faults = FaultTable("library", {"0232": Verdict(SourceRefused)}, ("Codigo",))
    return SoapService(write_contract(tmp_path_factory.mktemp("contract")), "library", faults)


def an_answer(body: str | bytes, status: int = 200, content_type: str = "text/xml") -> Answer:
    return Answer(
        source="library",
        status=status,
        headers={"content-type": content_type},
        body=body if isinstance(body, bytes) else body.encode(),
        exchange="1",
    )


def enveloped(body: str) -> str:
    return f'<s:Envelope xmlns:s="{SOAP}"><s:Body>{body}</s:Body></s:Envelope>'


def told(inner: str, extra: str = "") -> str:
    return enveloped(f'<Told xmlns="{NS}" {extra}><Reader>r</Reader>{inner}</Told>')


EMPTY = {"Reader": "r", "Item": [], "Loan": [], "Fine": []}
XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'


@pytest.mark.parametrize(
    ("inner", "expected"),
    [
        ("", {}),
        ("<Item><Title>t</Title></Item>", {"Item": [{"Title": "t"}]}),
        ('<Item shelf="b" x="y"><Title/></Item>', {"Item": [{"Title": "", "@shelf": "b"}]}),
        (
            f'<Item {XSI}><Title>t</Title><Due xsi:nil="true"/></Item>',
            {"Item": [{"Title": "t", "Due": None}]},
        ),
        (
            "<Volume><Title>t</Title><Number>007</Number></Volume>",
            {"Volume": {"Title": "t", "Number": "007"}},
        ),
        ("<Card>c</Card>", {"Card": "c"}),
        ("<Name>n</Name><Born>2000</Born>", {"Name": "n", "Born": "2000"}),
        (
            '<Loan>1</Loan><Fine currency="EUR">2.50</Fine><Loan>3</Loan>',
            {"Loan": ["1", "3"], "Fine": [{"@currency": "EUR", "#text": "2.50"}]},
        ),
        (
            "<Tree><Name>a</Name><Tree><Name>b</Name></Tree></Tree>",
            {"Tree": {"Name": "a", "Tree": [{"Name": "b", "Tree": []}]}},
        ),
        (
            '<Note>1</Note><o:Note xmlns:o="urn:test:other">2</o:Note>',
            {f"{{{NS}}}Note": "1", "{urn:test:other}Note": "2"},
        ),
        ('<New>1</New><Card xmlns="urn:x">c</Card>', {}),
        (
            f'<Item {XSI} xsi:type="Volume"><Title>t</Title><Number>1</Number></Item>',
            {"Item": [{"Title": "t"}]},
        ),
    ],
    ids=[
        "minimal", "one-of-five", "attribute", "nil", "extension", "choice", "choice-of-sequence",
        "repeated-choice", "recursion", "same-name", "unknown", "xsi-type-is-not-followed",
    ],
)  # fmt: skip
def test_an_answer_becomes_plain_data_by_its_types(service, inner, expected):
    """The WSDL's types decide the shape: bounded and unbounded repeats are lists, even of none."""
    assert service.answer("Lend", an_answer(told(inner))) == {**EMPTY, **expected}


@pytest.mark.parametrize(
    ("inner", "path"),
    [
        ("<Item/>", "Told/Item[0]/Title: missing"),
        ("<Volume><Title>t</Title></Volume>", "Told/Volume/Number: missing"),
        ("<Name>n</Name>", "Told/Born: missing"),
        ("<Card>c</Card><Card>d</Card>", "Told/Card: more than once"),
        ("<Tree><Name>a</Name><Tree/></Tree>", "Told/Tree/Tree[0]/Name: missing"),
    ],
)
def test_what_misfits_the_types_is_named(service, inner, path):
    """A required element that lacks, or one too many, is a schema error with its path."""
    with pytest.raises(SourceMalformed) as caught:
        service.answer("Lend", an_answer(told(inner)))
    assert (caught.value.reason, caught.value.detail) == ("schema", path)


FAULT = (
    "<s:Fault><faultcode>s:Server</faultcode><faultstring>Juan Canario</faultstring>"
    "<detail><Codigo>{}</Codigo></detail></s:Fault>"
)
HTML = "<html><body>Juan Canario</body></html>"
HOSTILE = {
    "empty": (an_answer(""), SourceMalformed, "malformed"),
    "html": (an_answer(HTML, content_type="text/html"), SourceUnavailable, "maintenance"),
    "html-500": (an_answer(HTML, 500), SourceUnavailable, "backend_fault"),
    "text-500": (an_answer("Juan Canario", 500), SourceUnavailable, "backend_fault"),
    "json": (an_answer('{"x": 1}'), SourceMalformed, "malformed"),
    "garbage": (an_answer(b"\x80\x81"), SourceMalformed, "charset"),
    "truncated": (an_answer(told("<Card>c")[:-40]), SourceMalformed, "malformed"),
    "latin1-as-utf8": (an_answer("<?xml version='1.0'?><ñ/>".encode("latin-1")), SourceMalformed, "charset"),
    "other-answer": (an_answer(enveloped("<Other/>")), SourceMalformed, "schema"),
    "other-namespace": (an_answer(enveloped("<Told xmlns='urn:x'/>")), SourceMalformed, "schema"),
    "no-envelope": (an_answer(f"<Told xmlns='{NS}'/>"), SourceMalformed, "schema"),
    "empty-body": (an_answer(enveloped("")), SourceMalformed, "schema"),
    "two-answers": (
        an_answer(enveloped(f"<Told xmlns='{NS}'><Reader/></Told>" * 2)), SourceMalformed, "schema",
    ),
    "two-bodies": (
        an_answer(told("").replace("</s:Body>", "</s:Body><s:Body/>")), SourceMalformed, "schema",
    ),
    "body-in-header": (
        an_answer(f'<s:Envelope xmlns:s="{SOAP}"><s:Header><s:Body/></s:Header></s:Envelope>'),
        SourceMalformed, "schema",
    ),
    "doctype": (an_answer("<!DOCTYPE x>" + told("")), SourceInsecure, "forbidden_xml"),
    "doctype-500": (an_answer("<!DOCTYPE x>" + told(""), 500), SourceInsecure, "forbidden_xml"),
    "fault-200": (an_answer(enveloped(FAULT.format("0232"))), SourceRefused, "backend_fault"),
    "fault-500": (an_answer(enveloped(FAULT.format("0232")), 500), SourceRefused, "backend_fault"),
    "fault-400": (an_answer(enveloped(FAULT.format("9")), 400), SourceUnavailable, "backend_fault"),
    "answer-500": (an_answer(told(""), 500), SourceUnavailable, "backend_fault"),
    "401": (an_answer("", 401), SourceRefused, "hub_credentials"),
    "404": (an_answer("", 404), SourceRefused, "backend_fault"),
    "429": (an_answer("", 429), SourceUnavailable, "throttled"),
    "503": (an_answer(enveloped(FAULT.format("0232")), 503), SourceUnavailable, "maintenance"),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE.values(), ids=HOSTILE)
def test_every_way_of_being_wrong_has_its_error(service, case):
    """A broken answer is a SourceError of the right class and reason, and quotes nothing."""
    answer, error, reason = case
    with pytest.raises(SourceError) as caught:
        service.answer("Lend", answer)
    assert (type(caught.value), caught.value.reason) == (error, reason)
    assert "Canario" not in str(caught.value)


def test_a_comment_does_not_cut_a_value_in_two(service):
    """A value reads the same with a comment inside it, so that nobody can shorten an identifier."""
    answer = an_answer(told("<Card>12345<!-- -->678Z</Card>"))
    assert service.answer("Lend", answer)["Card"] == "12345678Z"


def test_a_request_is_written_by_the_types(service):
    """Values become the request element, numbers as text, in a SOAP 1.1 envelope."""
    sent = envelope_bytes(service.request("Lend", Reader="ñ <&>", Limit=3))
    body = etree.fromstring(sent).find(f"{{{SOAP}}}Body/{{{NS}}}Ask")
    assert body is not None
    assert [(etree.QName(part).localname, part.text) for part in body] == [
        ("Reader", "ñ <&>"),
        ("Limit", "3"),
    ]
    assert sent.startswith(b"<?xml")
    assert service.headers("Lend") == {
        "content-type": "text/xml; charset=utf-8",
        "soapaction": '"urn:lend"',
    }


def test_libraries_log_nothing_of_a_message(service, caplog):
    """Whatever level somebody sets, no value that is written or read gets into a log."""
    caplog.set_level("DEBUG")
    service.request("Lend", Reader="Canario")
    service.answer("Lend", an_answer(told("<Card>Canario</Card>")))
    assert "Canario" not in caplog.text


@pytest.mark.parametrize(
    "values", [{}, {"Reader": None}, {"Reader": "r", "Other": "99000002K"}], ids=str
)
def test_a_request_that_the_contract_does_not_allow_is_not_written(service, values):
    """A missing or unknown value is refused before anything is sent, without quoting it."""
    with pytest.raises(SourceRefused) as caught:
        service.request("Lend", **values)
    assert caught.value.reason == "schema"
    assert "99000002K" not in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        {"library_wsdl": "<!DOCTYPE x>" + WSDL},
        {"library_xsd": '<!DOCTYPE x [<!ENTITY e "1">]>' + XSD},
        {"library_wsdl": WSDL.replace("library.xsd", "http://127.0.0.1:9/library.xsd")},
        {"library_wsdl": WSDL.replace("library.xsd", "../outside.xsd")},
        {"library_wsdl": WSDL.replace("library.xsd", "file:///etc/hostname")},
        {"library_wsdl": WSDL.replace("library.xsd", "lacks.xsd")},
        {"library_wsdl": WSDL.replace('style="document"', 'style="rpc"')},
        {"library_wsdl": WSDL.replace("t:Out", "t:Lacks")},
        {"library_wsdl": "no xml"},
    ],
    ids=[
        "dtd", "dtd-in-xsd", "network", "outside", "file-url", "lacks", "rpc", "dangling", "garbage",
    ],
)  # fmt: skip
def test_a_contract_that_cannot_be_trusted_stops_the_start(tmp_path, change):
    """Only well-formed files of the WSDL's own folder are read, never the network or a DTD."""
    folder = tmp_path / "contract"
    folder.mkdir()
    (tmp_path / "outside.xsd").write_text(XSD)
    shutil.copy(tmp_path / "outside.xsd", folder / "kept.xsd")
    with pytest.raises(SettingsError, match=r"library: library\.wsdl"):
        SoapService(write_contract(folder, **change), "library")
