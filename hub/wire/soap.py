"""SOAP document/literal: requests and answers by the types of a WSDL that the hub ships.

zeep reads the WSDL and its XSDs, once, at start-up, and serialises requests. It never
transports, never decodes an answer and never verifies a signature. Answers come through
the XML gate and are read by a plan made from the same types (`hub.wire.reader` says how).
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from lxml import etree
from zeep.exceptions import Error as ZeepError
from zeep.settings import Settings
from zeep.wsdl import Document
from zeep.wsdl.bindings.soap import SoapBinding
from zeep.xsd import Choice, ComplexType, Element
from zeep.xsd.elements.indicators import Indicator
from zeep.xsd.types.simple import AnySimpleType

from hub.core.errors import (
    SECURITY_REASONS,
    SettingsError,
    SourceError,
    SourceMalformed,
    SourceRefused,
)
from hub.wire.client import Answer
from hub.wire.decode import check_status, refuse_html
from hub.wire.fault import SOAP11, SOAP12, FaultTable, find_fault
from hub.wire.reader import (
    Field,
    Group,
    Plain,
    Reader,
    Record,
    read_nothing,
    read_text,
    read_with,
)
from hub.wire.xml import parse_trusted_file, parse_xml

_FAULT_STATUSES = frozenset({400, 500})
"""HTTP statuses that carry a SOAP fault (SOAP 1.1 section 6.2, 1.2 part 2 section 7.5)."""


UNUSABLE = (OSError, ValueError, LookupError, StopIteration, UserWarning)
"""What reading a WSDL raises beside zeep's own errors."""


class SoapService:
    """The operations of one WSDL. Loading costs tens of milliseconds: do it once per source."""

    def __init__(self, wsdl: Path, source: str, faults: FaultTable | None = None) -> None:
        """Raises SettingsError if *wsdl* cannot be understood, or points outside its folder."""
        self.source = source
        self.faults = faults or FaultTable(source, {})
        try:
            document = load_wsdl(wsdl)
            self._operations = soap_operations(document)
            plans = _Plans()
            self._answers = {
                name: (element.qname.text, plans.reader(element.type))
                for name, element in _outputs(self._operations)
            }
        except (ZeepError, SourceError, *UNUSABLE) as error:
            raise SettingsError([f"{source}: {wsdl.name}: {type(error).__name__}"]) from error

    @property
    def operations(self) -> frozenset[str]:
        """The names of the operations that the WSDL binds to SOAP."""
        return frozenset(self._operations)

    def headers(self, operation: str) -> dict[str, str]:
        """The HTTP headers of a SOAP 1.1 request for *operation*."""
        action = self._operations[operation].soapaction
        return {"content-type": "text/xml; charset=utf-8", "soapaction": f'"{action}"'}

    def request(self, operation: str, **values: Any) -> etree._Element:
        """The Envelope that asks for *operation*, without security.

        Values are those of the request element's children; a missing or unknown one raises
        SourceRefused (`schema`). Facets (lengths, patterns) are the caller's to keep.
        """
        try:
            envelope: etree._Element = self._operations[operation].create(**values).content
        except (ZeepError, TypeError, ValueError):
            raise SourceRefused(
                self.source, "schema", f"{operation}: values that the contract does not allow"
            ) from None
        return envelope

    def answer(self, operation: str, answer: Answer) -> dict[str, Plain]:
        """The plain data that *answer* holds for *operation*; every failure is a SourceError.

        A fault is judged by the declared table whatever the HTTP status says; an answer to
        another operation is SourceMalformed (`schema`).
        """
        return self.read(operation, self.payload(answer))

    def payload(self, answer: Answer) -> etree._Element:
        """The one element in the Body of *answer*, whatever it is called."""
        if answer.status in _FAULT_STATUSES:
            raise self._refusal(answer)
        check_status(answer)
        refuse_html(answer)
        body = self._body(answer)
        fault = find_fault(body)
        if fault is not None:
            raise self.faults.judge(fault)
        return self.only_child(body)

    def only_child(self, body: etree._Element) -> etree._Element:
        """The one element under *body*; raises SourceMalformed if there is another number."""
        if len(body) != 1:
            raise SourceMalformed(self.source, "schema", f"Body: {len(body)} elements")
        return body[0]

    def read(self, operation: str, element: etree._Element) -> dict[str, Plain]:
        """The plain data of *element*, which must be the answer element of *operation*."""
        tag, reader = self._answers[operation]
        name = tag.rpartition("}")[2]
        if element.tag != tag:
            raise SourceMalformed(self.source, "schema", f"Body: not a {name}")
        value = read_with(self.source, name, reader, element)
        if not isinstance(value, dict):
            raise SourceMalformed(self.source, "schema", f"{name}: no elements")
        return value

    def _body(self, answer: Answer) -> etree._Element:
        envelope = parse_xml(self.source, answer.body)
        for version in (SOAP11, SOAP12):
            bodies = list(envelope.iter(f"{{{version}}}Body"))
            if envelope.tag == f"{{{version}}}Envelope" and len(bodies) == 1:
                if bodies[0].getparent() is envelope:
                    return bodies[0]
                break
        raise SourceMalformed(self.source, "schema", "not a SOAP envelope with one Body")

    def _refusal(self, answer: Answer) -> SourceError:
        """The fault behind an error status; the status itself where there is no fault.

        What is no XML was never a SOAP answer. A forbidden document stays a security event.
        """
        fault = None
        if answer.body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
            try:
                refuse_html(answer)
                fault = find_fault(self._body(answer))
            except SourceError as error:
                if error.reason in SECURITY_REASONS:
                    return error
        if fault is not None:
            return self.faults.judge(fault)
        check_status(answer)
        raise AssertionError("statuses that carry faults are errors")  # pragma: no cover


def envelope_bytes(envelope: etree._Element) -> bytes:
    """*envelope* as it goes on the wire: UTF-8 with its XML declaration."""
    return etree.tostring(envelope, xml_declaration=True, encoding="UTF-8")


class _Folder:
    """All that zeep may load from: files of one folder, through the gate. No network."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()

    def load(self, url: str) -> bytes:
        path = Path(url).resolve()
        if not path.is_relative_to(self._folder):
            raise ValueError("a WSDL may import files of its own folder alone")
        return etree.tostring(parse_trusted_file(str(path)))


def load_wsdl(wsdl: Path) -> Document:
    """Zeep's reading of *wsdl*; what zeep would leave out with a warning is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        return Document(
            str(wsdl),
            _Folder(wsdl.parent),  # type: ignore[arg-type]  # zeep names the class, takes an instance
            settings=Settings(forbid_dtd=True, forbid_external=True),
        )


def soap_operations(document: Document) -> dict[str, Any]:
    """Every document/literal operation of the first SOAP port, by name."""
    ports = chain.from_iterable(service.ports.values() for service in document.services.values())
    binding = next(port.binding for port in ports if isinstance(port.binding, SoapBinding))
    return dict(binding._operations)  # noqa: SLF001 - zeep offers no public list


def _outputs(operations: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, operation in operations.items():
        if operation.style != "document":
            raise ValueError(f"{name} is not document/literal")
        yield (
            name,
            operation.output.abstract.parts[next(iter(operation.output.abstract.parts))].element,
        )


class _Plans:
    """Readers for zeep's types; each type is planned once, so that types may recurse."""

    def __init__(self) -> None:
        self._made: dict[int, Record] = {}

    def reader(self, xsd_type: Any) -> Reader:
        """A reader for elements of *xsd_type*."""
        if isinstance(xsd_type, AnySimpleType):
            return read_text
        if not isinstance(xsd_type, ComplexType):
            return read_nothing
        found = self._made.get(id(xsd_type))
        if found is None:
            found = self._made[id(xsd_type)] = Record()
            self._fill(found, xsd_type)
        return found

    def _fill(self, record: Record, xsd_type: Any) -> None:
        record.attributes = {
            attribute.qname.text: f"@{attribute.name}"
            for _, attribute in xsd_type.attributes
            if attribute.name
        }
        content = xsd_type._element  # noqa: SLF001 - zeep offers no public model group
        if isinstance(content, Element):
            record.has_text = True
            return
        if content is None:
            return
        found = list(elements_of(content, repeats=False))
        for element, repeats in found:
            self._add(record, element, repeats=repeats, among=[e for e, _ in found])
        record.group = _group(
            content, {e.qname.text: record.fields[e.qname.text].key for e, _ in found}
        )

    def _add(self, record: Record, element: Any, *, repeats: bool, among: list[Any]) -> None:
        tag = element.qname.text
        clash = any(e.name == element.name and e.qname.text != tag for e in among)
        known = record.fields.get(tag)
        record.fields[tag] = Field(
            key=tag if clash else element.name,
            read=self.reader(element.type),
            repeats=repeats or known is not None,
            nillable=bool(element.nillable),
        )


def elements_of(node: Any, *, repeats: bool) -> Iterator[tuple[Any, bool]]:
    """Every element of a model group, and whether it may stand more than once."""
    repeats = repeats or _is_many(node)
    if isinstance(node, Element):
        yield node, repeats
    elif isinstance(node, Indicator):
        for member in _members(node):
            yield from elements_of(member, repeats=repeats)


def _is_many(node: Any) -> bool:
    return node.max_occurs == "unbounded" or int(node.max_occurs) > 1


def _members(node: Any) -> list[Any]:
    """The particles of a model group; a reference to a named group has one child."""
    return list(node) if isinstance(node, list) else [node.child]


def _group(node: Any, keys: dict[str, str]) -> Group:
    """The requirements of a model group, in the keys of the plain data."""
    choice, required = isinstance(node, Choice), int(node.min_occurs) > 0
    members: list[Group | str] = []
    for member in _members(node):
        optional = int(member.min_occurs) == 0
        if isinstance(member, Indicator):
            members.append(_group(member, keys))
        elif isinstance(member, Element) and (choice or not optional):
            members.append(keys[member.qname.text])
        required = required and not (choice and optional)
    return Group(
        kind="choice" if choice else "all",
        required=required,
        members=tuple(members),
        keys=frozenset(keys[e.qname.text] for e, _ in elements_of(node, repeats=False)),
    )
