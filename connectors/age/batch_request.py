"""Build the messages of an asynchronous exchange: many people in one `Peticion`, and the
`SolicitudRespuesta` that asks for its answer.

Each person's part is the one that a synchronous request would hold, built and checked by the
same form, so that one person whose data do not fit is found before anybody is asked about.
"""

from __future__ import annotations

import copy
import datetime as dt
import re
from collections.abc import Mapping

from lxml import etree

from connectors.age.outcomes import SOURCE
from connectors.age.request import RequestForm
from connectors.age.service import CONTRACT, Service
from hub.core.errors import SourceMalformed, SourceRefused
from hub.wire.bulk import Bulk
from hub.wire.xml import parse_xml

MOST = 1000
"""Most people in one request, by the interface (NumElementos)."""

_ELEMENT = re.compile(r"Element '(?:\{[^}]*\})?(\w+)'")


def petition(
    form: RequestForm, schema: etree.XMLSchema, bulk: Bulk, now: dt.datetime
) -> etree._Element:
    """The `Peticion` for everybody in *bulk*, valid against the service's *schema*.

    Raises SourceRefused (`schema`) naming the element, never its value.
    """
    if not 0 < len(bulk.items) <= MOST:
        raise _refusal(f"a request is about 1 to {MOST} people")
    root: etree._Element | None = None
    for item in bulk.items:
        single = form.filled(item.query, bulk.request_id, now)
        part = _one(single, "Solicitudes/{*}SolicitudTransmision")
        _one(part, "DatosGenericos/{*}Transmision/{*}IdSolicitud").text = item.id
        if root is None:
            root = single
        else:
            _one(root, "Solicitudes").append(part)
    assert root is not None  # noqa: S101 - there is at least one item
    _one(root, "Atributos/{*}NumElementos").text = str(len(bulk.items))
    _check(schema, root, "Peticion")
    return root


def answer_request(service: Service, bulk: Bulk, now: dt.datetime) -> etree._Element:
    """The `SolicitudRespuesta` for *bulk*, valid against its schema."""
    namespace = service.namespace("solicitudRespuesta")
    root = etree.Element(f"{{{namespace}}}SolicitudRespuesta", nsmap={"scsp": namespace})
    attributes = etree.SubElement(root, f"{{{namespace}}}Atributos")
    texts = {
        "IdPeticion": bulk.request_id,
        "NumElementos": str(bulk.size),
        "TimeStamp": now.astimezone(dt.UTC).isoformat(timespec="milliseconds"),
        "CodigoCertificado": service.code,
    }
    for name, text in texts.items():
        etree.SubElement(attributes, f"{{{namespace}}}{name}").text = text
    _check(ANSWER_REQUEST, root, "SolicitudRespuesta")
    return root


def requested_parts(body: bytes) -> Mapping[str, bytes]:
    """Per IdSolicitud that person's part of a request that was sent, in canonical form."""
    envelope = parse_xml(SOURCE, body)
    return {
        item.findtext("./{*}DatosGenericos/{*}Transmision/{*}IdSolicitud", ""): fragment_of(item)
        for item in envelope.iterfind(".//{*}Solicitudes/{*}SolicitudTransmision")
    }


def fragment_of(element: etree._Element) -> bytes:
    """*element* alone, in exclusive canonical form: what is kept of a message for one person.

    SourceMalformed where it has none: with a relative namespace, say, which parses.
    """
    try:
        return etree.tostring(copy.deepcopy(element), method="c14n", exclusive=True)
    except etree.LxmlError:
        raise SourceMalformed(SOURCE, "malformed", "a part without a canonical form") from None


def load_schema(name: str) -> etree.XMLSchema:
    """A schema that all asynchronous services share."""
    return etree.XMLSchema(file=str(CONTRACT / "asynchronous" / f"{name}.xsd"))


ANSWER_REQUEST = load_schema("solicitud-respuesta")


def _one(element: etree._Element, path: str) -> etree._Element:
    found = element.find(f"./{{*}}{path}")
    if found is None:
        raise _refusal(f"the form lacks {path.rpartition('}')[2]}")
    return found


def _check(schema: etree.XMLSchema, root: etree._Element, name: str) -> None:
    """The schema's own words quote values, so that only the element's name is kept."""
    try:
        schema.assertValid(root)
    except etree.DocumentInvalid as error:
        found = _ELEMENT.search(str(error))
        element = found.group(1) if found else name
        raise _refusal(f"{element} does not fit its schema") from None


def _refusal(detail: str) -> SourceRefused:
    return SourceRefused(SOURCE, "schema", f"request: {detail}")
