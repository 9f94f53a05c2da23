from __future__ import annotations

import pytest
from lxml import etree

from hub.core.errors import SourceProtected, SourceRefused, SourceUnavailable
from hub.wire.fault import SOAP11, SOAP12, FaultTable, Verdict, find_fault

CANARY = "99000002K"

TABLE = FaultTable(
    "source",
    {
        "0232": Verdict(SourceRefused),
        "0901": Verdict(SourceUnavailable, "maintenance"),
        "07": Verdict(SourceProtected),
    },
    detail_elements=("CodigoEstado",),
)


def fault11(code: str = "", text: str = "", detail: str = "") -> etree._Element:
    parts = [f"<faultcode>{code}</faultcode>" if code else ""]
    parts += [f"<faultstring>{text}</faultstring>", f"<detail>{detail}</detail>"]
    return etree.fromstring(f'<s:Fault xmlns:s="{SOAP11}">{"".join(parts)}</s:Fault>')


def fault12(value: str, subvalue: str = "") -> etree._Element:
    sub = f"<s:Subcode><s:Value>{subvalue}</s:Value></s:Subcode>" if subvalue else ""
    code = f"<s:Code><s:Value>{value}</s:Value>{sub}</s:Code>"
    detail = "<s:Detail><Value>9</Value></s:Detail>"
    return etree.fromstring(f'<s:Fault xmlns:s="{SOAP12}">{code}{detail}</s:Fault>')


CASES = {
    "detail-first": (
        fault11("soap:Server", "[0901] x", "<e><CodigoEstado>0232</CodigoEstado></e>"),
        SourceRefused, "backend_fault", "0232",
    ),
    "brackets-next": (fault11("soap:Server", "[0901] x"), SourceUnavailable, "maintenance", "0901"),
    "code-as-faultcode": (fault11("0232"), SourceRefused, "backend_fault", "0232"),
    "protected": (
        fault11("soap:Server", "", "<CodigoEstado>07</CodigoEstado>"),
        SourceProtected, "backend_fault", "07",
    ),
    "unknown-in-detail-beats-client": (
        fault11("soap:Client", "", "<CodigoEstado>8888</CodigoEstado>"),
        SourceUnavailable, "backend_fault", "8888",
    ),
    "client": (fault11("soap:Client", "no"), SourceRefused, "backend_fault", "Client"),
    "server": (fault11("soap:Server", "no"), SourceUnavailable, "backend_fault", "Server"),
    "authentication": (
        fault11("wsse:FailedAuthentication"), SourceRefused, "hub_credentials", "FailedAuthentication",
    ),
    "clock": (fault11("wsu:MessageExpired"), SourceRefused, "clock_skew", "MessageExpired"),
    "missing-faultcode": (fault11(), SourceUnavailable, "backend_fault", "no fault code"),
    "soap12": (fault12("env:Sender"), SourceRefused, "backend_fault", "Sender"),
    "soap12-subcode": (
        fault12("env:Sender", "wsse:InvalidSecurity"), SourceRefused, "hub_credentials",
        "InvalidSecurity",
    ),
    "prose": (fault11(f"no {CANARY} here"), SourceUnavailable, "backend_fault", "an unreadable code"),
    "number": (fault11(CANARY), SourceUnavailable, "backend_fault", "an unreadable code"),
    "endless": (fault11("x" * 65), SourceUnavailable, "backend_fault", "an unreadable code"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_fault_is_its_code_and_never_its_text(case):
    """The service's own code decides, then the standard's; an unknown one may pass later."""
    fault, error, reason, detail = case
    found = TABLE.judge(fault)
    assert (type(found), found.reason, found.detail) == (error, reason, detail)


@pytest.mark.parametrize("fault", [case[0] for case in CASES.values()], ids=CASES)
def test_no_document_number_reaches_the_error(fault):
    """Whatever a source puts in a fault, no document number gets into the message."""
    assert CANARY not in str(TABLE.judge(fault))


@pytest.mark.parametrize("version", [SOAP11, SOAP12], ids=["1.1", "1.2"])
def test_a_fault_is_found_directly_under_the_body(version):
    """A Fault deeper down is data of the service, not the outcome of the call."""
    body = etree.fromstring(f'<s:Body xmlns:s="{version}"><s:Fault/></s:Body>')
    deep = etree.fromstring(f'<s:Body xmlns:s="{version}"><x><s:Fault/></x></s:Body>')
    assert find_fault(body) is not None
    assert find_fault(deep) is None
