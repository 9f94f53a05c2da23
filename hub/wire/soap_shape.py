"""What a WSDL says of its messages, as plain shapes, and a message written from plain data.

For the kit, which writes a connector's first draft: the payload schema is made of the same types
by which `hub.wire.soap` reads answers, so that draft and reader agree.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lxml import etree
from msgspec import Struct
from zeep.exceptions import Error as ZeepError
from zeep.xsd import ComplexType, Element
from zeep.xsd.types.simple import AnySimpleType

from hub.core.errors import SettingsError, SourceError
from hub.wire.fault import SOAP11
from hub.wire.soap import UNUSABLE, elements_of, load_wsdl, soap_operations

Shape = dict[str, Any]
"""A JSON Schema of plain data."""
_DEEPEST = 8
"""Types that contain themselves end here."""
_FORMATS = {"date": "date", "dateTime": "date-time"}


class MessageShape(Struct, frozen=True, kw_only=True):
    """One operation: what it asks with, what its answer becomes, and a writer of answers."""

    name: str
    request: Shape
    answer: Shape
    element: Any

    def written(self, plain: dict[str, Any]) -> bytes:
        """An envelope with the answer element made of *plain*."""
        envelope = etree.Element(f"{{{SOAP11}}}Envelope", nsmap={"soap": SOAP11})
        body = etree.SubElement(envelope, f"{{{SOAP11}}}Body")
        self.element.render(body, self.element(**plain))
        etree.cleanup_namespaces(envelope, keep_ns_prefixes=["soap"])
        return etree.tostring(envelope, xml_declaration=True, encoding="UTF-8", pretty_print=True)


def message_shapes(wsdl: Path, source: str) -> dict[str, MessageShape]:
    """Every document/literal operation of *wsdl* by its name.

    Raises SettingsError for a file that cannot be understood; RPC operations are left out.
    """
    try:
        found = soap_operations(load_wsdl(wsdl))
        return {
            name: MessageShape(
                name=name,
                request=_shape(_element(operation.input).type, 0),
                answer=_shape(_element(operation.output).type, 0),
                element=_element(operation.output),
            )
            for name, operation in found.items()
            if operation.style == "document"
        }
    except (ZeepError, SourceError, *UNUSABLE) as error:
        raise SettingsError(
            [f"{source}: {wsdl.name}: cannot be read ({type(error).__name__})"]
        ) from error


def _element(message: Any) -> Any:
    parts = message.abstract.parts
    return parts[next(iter(parts))].element


def _shape(xsd_type: Any, depth: int) -> Shape:
    if isinstance(xsd_type, AnySimpleType):
        return _text(xsd_type)
    if not isinstance(xsd_type, ComplexType) or depth > _DEEPEST:
        return {"type": "object"}
    content = xsd_type._element  # noqa: SLF001 - zeep offers no public model group
    if content is None or isinstance(content, Element):
        return {"type": "object"}
    properties: dict[str, Shape] = {}
    required: list[str] = []
    for element, repeats in elements_of(content, repeats=False):
        shape = _shape(element.type, depth + 1)
        if element.nillable and not repeats:
            shape = {**shape, "type": [shape["type"], "null"]}
        properties[element.name] = {"type": "array", "items": shape} if repeats else shape
        if repeats or int(element.min_occurs) > 0:
            required.append(element.name)
    return {"type": "object", "required": required, "properties": properties}


def _text(xsd_type: Any) -> Shape:
    """Every value is text, as it was written; the format says what is written."""
    shape: Shape = {"type": "string"}
    for name in _names(xsd_type):
        if name in _FORMATS:
            shape["format"] = _FORMATS[name]
        elif name in ("boolean", "integer", "int", "long", "nonNegativeInteger", "decimal"):
            shape["x-xsd"] = name
    return shape


def _names(xsd_type: Any) -> list[str]:
    return [str(getattr(kind, "_default_qname", None) or "").rpartition("}")[2]
            for kind in type(xsd_type).__mro__]  # fmt: skip
