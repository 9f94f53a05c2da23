"""Read what the platform sent back: a fault, or a `Respuesta` whose signature holds."""

from __future__ import annotations

import re
from typing import Any, Literal

from lxml import etree
from msgspec import Struct

from connectors.age.outcomes import SOURCE, UNDEFINED, OutcomeTable, failure, holds, of_fault
from connectors.age.service import Service
from hub.core.binding import same_form
from hub.core.errors import SourceInsecure, SourceMalformed, SourceUnavailable
from hub.wire.client import Answer
from hub.wire.decode import check_status, refuse_html
from hub.wire.xml import parse_xml

MAX_DEPTH = 40
PROCESSED = "0003"
"""State of a request that was dealt with. It never means that something was found."""

_FAULT_CODE = re.compile(r"\s*\[?(\d{4})\]?(?!\d)")


class Asked(Struct, frozen=True, kw_only=True):
    """What a signed answer must repeat, before anything that it says is looked at."""

    service: Service
    request_id: str
    document: str
    item_id: str | None = None
    """The person's IdSolicitud, where it is not the IdPeticion: among many in one request."""


class Reading(Struct, frozen=True, kw_only=True):
    """What a signed answer says: plain data, and whether the provider holds anything."""

    payload: dict[str, Any]
    holds: bool


def envelope_of(answer: Answer) -> etree._Element:
    """The SOAP envelope in *answer*, whatever its HTTP status."""
    try:
        refuse_html(answer)
        root = parse_xml(SOURCE, answer.body)
    except (SourceMalformed, SourceUnavailable):
        check_status(answer)  # where the body cannot be read, the status says more
        raise
    if etree.QName(root).localname != "Envelope":
        check_status(answer)
        raise SourceMalformed(SOURCE, "malformed", "not a SOAP envelope")
    return root


def raise_fault(answer: Answer, envelope: etree._Element, table: OutcomeTable) -> None:
    """Raise what a SOAP fault in *envelope* stands for, or what the HTTP status says.

    Faults are unsigned by rule, so that a fault leads to an error whatever it claims. All
    dialects seen are read: the code in the detail, in faultcode or in faultstring, or none.
    """
    code = fault_code(envelope)
    if code is not None:
        raise failure(of_fault(table.verdict(code)), code, "fault")
    check_status(answer)


def fault_code(envelope: etree._Element) -> str | None:
    """The platform's code in a SOAP fault; None where there is no fault."""
    fault = envelope.find("./{*}Body/{*}Fault")
    return None if fault is None else _fault_code(fault)


def _fault_code(fault: etree._Element) -> str:
    texts = {etree.QName(node).localname: (node.text or "").strip() for node in fault.iter("{*}*")}
    if texts.get("CodigoEstado"):
        return texts["CodigoEstado"]
    name = texts.get("faultcode", "").rpartition(":")[2]  # a QName: its prefix is anybody's
    for text in (name, texts.get("faultstring", "")):
        if found := _FAULT_CODE.match(text):
            return found.group(1)
    return UNDEFINED


def read_body(body: etree._Element, asked: Asked, table: OutcomeTable) -> Reading:
    """What the verified *body* says, as plain data.

    Lenient about elements that the schema lacks, strict about what the hub relies on.
    Raises SourceInsecure for an answer to another request (`replay`) or about another person
    (`identity_mismatch`), SourceMalformed (`schema`) for a missing part, and the error of
    the outcome where nothing was found. An outcome is judged last: that somebody else is
    protected is nobody's business.
    """
    service = asked.service
    message = _the_answer(body, service)
    payload = {"Atributos": _part(message, "Atributos", service)}
    _repeats(payload, "Atributos/IdPeticion", asked.request_id, "replay")
    state = _value(payload, "Atributos/Estado/CodigoEstado")
    items = message.findall("./{*}Transmisiones/{*}TransmisionDatos")
    if state != PROCESSED:
        if items:
            raise SourceMalformed(SOURCE, "schema", "transmissions of an unprocessed request")
        return Reading(payload=payload, holds=holds(table.verdict(state), state, "platform"))
    if len(items) != 1:
        raise SourceMalformed(SOURCE, "schema", f"{len(items)} transmissions instead of one")
    payload["TransmisionDatos"] = _plain(items[0], service)
    generic = "TransmisionDatos/DatosGenericos"
    _repeats(
        payload, f"{generic}/Transmision/IdSolicitud", asked.item_id or asked.request_id, "replay"
    )
    _repeats(payload, f"{generic}/Titular/Documentacion", asked.document, "identity_mismatch")
    return Reading(payload=payload, holds=_business(payload["TransmisionDatos"], service))


def _business(item: Any, service: Service) -> bool:
    """Whether the service's own part of the answer holds anything, by its own code.

    That nothing is held is never read out of a failure: a code that promises data without any,
    or a text of an error without a code, is no answer.
    """
    rule, specific = service.outcome, item.get("DatosEspecificos")
    code = _value_or_none(specific, rule.path)
    if code is not None:
        found = holds(rule.table.verdict(code), code, "business")
    elif rule.absent is None or _node(specific, rule.state) or not isinstance(specific, dict | str):
        raise _missing(f"TransmisionDatos/DatosEspecificos/{rule.path}")
    else:
        found = holds(rule.absent, "(none)", "business")
    if not found or rule.content is None or _node(specific, rule.content) not in (None, ""):
        return found
    if code not in rule.empty_without_content:
        raise _missing(f"TransmisionDatos/DatosEspecificos/{rule.content}")
    return False


def _the_answer(body: etree._Element, service: Service) -> etree._Element:
    expected = f"{{{service.namespace('respuesta')}}}Respuesta"
    if [child.tag for child in body] != [expected]:
        raise SourceMalformed(SOURCE, "schema", "the Body does not hold one Respuesta")
    return body[0]


def _part(message: etree._Element, name: str, service: Service) -> Any:
    parts = message.findall(f"./{{*}}{name}")
    if len(parts) != 1:
        raise _missing(name)
    return _plain(parts[0], service)


def _plain(element: etree._Element, service: Service, depth: int = 0) -> Any:
    """Text of a leaf, or children by local name; what the service withholds is left out.

    What the contract lets repeat is always a list; anything else that comes twice becomes
    one too, and then fits no scalar that is read from it.
    """
    if depth > MAX_DEPTH:
        raise SourceMalformed(SOURCE, "malformed", "nested too deeply")
    if len(element) == 0:
        return (element.text or "").strip()
    values: dict[str, list[Any]] = {}
    for child in element:
        name = child.tag.rpartition("}")[2]
        if name not in service.withheld:
            values.setdefault(name, []).append(_plain(child, service, depth + 1))
    return {
        name: found if name in service.repeatable or len(found) > 1 else found[0]
        for name, found in values.items()
    }


def _value(payload: dict[str, Any], path: str) -> str:
    """The one text at *path*."""
    value = _value_or_none(payload, path)
    if value is None:
        raise _missing(path)
    return value


def _value_or_none(payload: Any, path: str) -> str | None:
    """The one text at *path*; None where there is none or nothing in it."""
    node = _node(payload, path)
    if isinstance(node, list | dict):
        raise _missing(path)
    return node or None


def _node(payload: Any, path: str) -> Any:
    node = payload
    for step in path.split("/"):
        node = node.get(step) if isinstance(node, dict) else None
    return node


def _repeats(
    payload: dict[str, Any],
    path: str,
    expected: str,
    reason: Literal["replay", "identity_mismatch"],
) -> None:
    if same_form(_value(payload, path)) != same_form(expected):
        raise SourceInsecure(SOURCE, reason, f"{path} is not what was asked")


def _missing(path: str) -> SourceMalformed:
    return SourceMalformed(SOURCE, "schema", f"{path} is missing")
