"""What a SOAP fault means: its code, looked up in a declared table; its text, never."""

from __future__ import annotations

import re
from collections.abc import Mapping

from lxml import etree
from msgspec import Struct

from hub.core.errors import (
    SourceError,
    SourceProtected,
    SourceRefused,
    SourceUnavailable,
    TechnicalReason,
)

SOAP11 = "http://schemas.xmlsoap.org/soap/envelope/"
SOAP12 = "http://www.w3.org/2003/05/soap-envelope"

_BRACKETED = re.compile(r"\s*\[([A-Za-z0-9_.:\-]{1,64})\]")
_CODE = re.compile(r"[A-Za-z0-9_.:\-]{1,64}")
_NUMBER = re.compile(r"\d{7}")


class Verdict(Struct, frozen=True):
    """What a fault code means for the hub: the class of error and its technical reason."""

    error: type[SourceUnavailable | SourceRefused | SourceProtected]
    reason: TechnicalReason = "backend_fault"

    def of(self, source: str, code: str) -> SourceError:
        """The error of *source* with the detail *code*."""
        if issubclass(self.error, SourceProtected):
            return SourceProtected(source, code)
        return self.error(source, self.reason, code)


_CREDENTIALS = Verdict(SourceRefused, "hub_credentials")

STANDARD: Mapping[str, Verdict] = {
    # SOAP 1.1 section 4.4.1, SOAP 1.2 part 1 section 5.4.6
    "Client": Verdict(SourceRefused),
    "Sender": Verdict(SourceRefused),
    "MustUnderstand": Verdict(SourceRefused),
    "VersionMismatch": Verdict(SourceRefused),
    "Server": Verdict(SourceUnavailable),
    "Receiver": Verdict(SourceUnavailable),
    # OASIS WSS SOAP Message Security 1.1 section 12
    "FailedAuthentication": _CREDENTIALS,
    "FailedCheck": _CREDENTIALS,
    "InvalidSecurity": _CREDENTIALS,
    "InvalidSecurityToken": _CREDENTIALS,
    "SecurityTokenUnavailable": _CREDENTIALS,
    "UnsupportedAlgorithm": _CREDENTIALS,
    "UnsupportedSecurityToken": _CREDENTIALS,
    "MessageExpired": Verdict(SourceRefused, "clock_skew"),
}
"""Codes of the standards, by local name; a service's own table comes before it."""


class FaultTable:
    """The codes that one service may answer with, and what each means."""

    def __init__(
        self,
        source: str,
        codes: Mapping[str, Verdict],
        detail_elements: tuple[str, ...] = (),
    ) -> None:
        """*detail_elements*: local names of detail elements that hold the service's own code."""
        self._source, self._codes, self._names = source, codes, detail_elements

    def error(self, code: str) -> SourceError:
        """The error behind *code*; an unknown code is SourceUnavailable, `backend_fault`."""
        found = self._codes.get(code) or STANDARD.get(code)
        return (found or Verdict(SourceUnavailable)).of(self._source, _safe(code))

    def judge(self, fault: etree._Element) -> SourceError:
        """The error behind a SOAP 1.1 or 1.2 Fault element.

        The service's own code comes first: in the detail, then in brackets before the fault
        text, then as the fault code itself. Faults are not trusted with anything else.
        """
        own = self._in_detail(fault) or self._in_brackets(fault)
        return self.error(own or _standard_code(fault))

    def _in_detail(self, fault: etree._Element) -> str:
        for element in fault.iter():
            if _local(element) in self._names and (element.text or "").strip():
                return str(element.text).strip()
        return ""

    def _in_brackets(self, fault: etree._Element) -> str:
        if not self._names:
            return ""
        found = _BRACKETED.match(_text(fault, "faultstring"))
        return found.group(1) if found else ""


def find_fault(body: etree._Element) -> etree._Element | None:
    """The Fault directly under a SOAP Body, if there is one."""
    for version in (SOAP11, SOAP12):
        fault = body.find(f"{{{version}}}Fault")
        if fault is not None:
            return fault
    return None


def _standard_code(fault: etree._Element) -> str:
    """`faultcode`, or in SOAP 1.2 the innermost Value of Code, without its prefix."""
    values = [_text(fault, "faultcode")]
    for code in _children(fault, "Code"):
        values += [(e.text or "").strip() for e in code.iter() if _local(e) == "Value"]
    return next((value for value in reversed(values) if value), "").rpartition(":")[2]


def _text(fault: etree._Element, name: str) -> str:
    return next(((child.text or "").strip() for child in _children(fault, name)), "")


def _children(parent: etree._Element, name: str) -> list[etree._Element]:
    """By local name: some stacks qualify SOAP 1.1's children although they must not."""
    return [child for child in parent if _local(child) == name]


def _local(element: etree._Element) -> str:
    return etree.QName(element).localname


def _safe(code: str) -> str:
    """*code* where it is one; prose, and digits enough for a document number, are not shown."""
    if not code:
        return "no fault code"
    return code if _CODE.fullmatch(code) and not _NUMBER.search(code) else "an unreadable code"
