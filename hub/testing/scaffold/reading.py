"""Read what a source publishes of itself: OpenAPI, WSDL, `$metadata`, the head of a CSV file."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from hub.core.errors import SettingsError, SourceError
from hub.testing.scaffold.interface import Interface, Kind, Shape, is_person, leaves
from hub.wire.soap_shape import message_shapes
from hub.wire.xml import parse_xml

JSON = "application/json; charset=utf-8"
_EDM = {"Edm.Boolean": "boolean", "Edm.Int16": "integer", "Edm.Int32": "integer"}


def read_interface(kind: Kind, file: Path | None, wanted: str | None) -> Interface:
    """The operation called *wanted* in *file*, or the first about a person.

    Raises SettingsError: what was found, and what to say instead.
    """
    if kind == "open311":
        return _open311()
    if file is None:
        raise SettingsError([f"a connector of kind {kind} begins with the source's own file"])
    try:
        found = _READERS[kind](file)
    except (OSError, UnicodeDecodeError, msgspec.DecodeError, csv.Error) as error:
        raise SettingsError([f"{file.name}: cannot be read ({type(error).__name__})"]) from error
    if wanted:
        found = {name: each for name, each in found.items() if name == wanted}
    for interface in found.values():
        asks = any(is_person(leaf) and not leaf.listed for leaf in leaves(interface.request))
        if interface.person or asks:
            return interface
    called = f"operation {wanted}" if wanted else "operation"
    raise SettingsError(
        [f"{file.name}: no {called} whose question names a person by a document number"]
    )


def _wsdl(file: Path) -> Mapping[str, Interface]:
    shapes = message_shapes(file, file.stem)
    if not shapes:
        raise SettingsError(
            [f"{file.name}: binds no document/literal operation; see connectors/notifica for RPC"]
        )
    return {
        name: Interface(
            message=name,
            address="servicio",
            request=shape.request,
            answer=shape.answer,
            written=shape.written,
            suffix="xml",
            content_type="text/xml; charset=utf-8",
        )
        for name, shape in shapes.items()
    }


def _openapi(file: Path) -> Mapping[str, Interface]:
    document = msgspec.json.decode(file.read_bytes(), type=dict[str, Any])
    found = {}
    for path, methods in document.get("paths", {}).items():
        post = methods.get("post", {})
        request = _json_of(document, post.get("requestBody", {}))
        answer = _json_of(document, post.get("responses", {}).get("200", {}))
        if request and answer:
            name = str(post.get("operationId", path))
            found[name] = _json_interface(name, path.lstrip("/"), request, answer)
    return found


def _json_of(document: Mapping[str, Any], node: Mapping[str, Any]) -> Shape:
    content = _resolved(document, node).get("content", {})
    return _inlined(document, content.get("application/json", {}).get("schema", {}), ())


def _resolved(document: Mapping[str, Any], node: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = str(node.get("$ref", ""))
    if not reference.startswith("#/"):
        return node
    found: Any = document
    for step in reference[2:].split("/"):
        found = found.get(step, {}) if isinstance(found, dict) else {}
    return found if isinstance(found, dict) else {}


def _inlined(document: Mapping[str, Any], node: Mapping[str, Any], above: tuple[str, ...]) -> Shape:
    """*node* without references; a shape that contains itself ends at its second turn."""
    reference = str(node.get("$ref", ""))
    if reference in above:
        return {"type": "object"}
    trail = (*above, reference) if reference else above
    node = dict(_resolved(document, node))
    if "properties" in node:
        node["properties"] = {
            name: _inlined(document, inner, trail) for name, inner in node["properties"].items()
        }
        node.setdefault("type", "object")
    if node.pop("nullable", False):  # OpenAPI 3.0
        node["type"] = [node.get("type", "object"), "null"]
    if "items" in node:
        node["items"] = _inlined(document, node["items"], trail)
    return node


def _json_interface(message: str, address: str, request: Shape, answer: Shape) -> Interface:
    return Interface(
        message=message,
        address=address,
        request=request,
        answer=answer,
        written=_json,
        suffix="json",
        content_type=JSON,
    )


def _json(plain: Any) -> bytes:
    return json.dumps(plain, ensure_ascii=False, indent=2).encode() + b"\n"


def _metadata(file: Path) -> Mapping[str, Interface]:
    try:
        root = parse_xml("metadata", file.read_bytes())
    except SourceError as error:
        raise SettingsError([f"{file.name}: {error}"]) from None
    types = {
        str(entity.get("Name")): {
            str(p.get("Name")): {"type": [_EDM.get(str(p.get("Type")), "string"), "null"]}
            for p in entity.iterfind("{*}Property")
        }
        for entity in root.iter("{*}EntityType")
    }
    found = {}
    for entity_set in root.iter("{*}EntitySet"):
        properties = types.get(str(entity_set.get("EntityType")).rpartition(".")[2], {})
        row: Shape = {"type": "object", "properties": properties, "required": list(properties)}
        person = next((leaf.name for leaf in leaves(row) if is_person(leaf)), "")
        name = str(entity_set.get("Name"))
        found[name] = Interface(
            message=name,
            address=name,
            request={},
            answer=_rows(row),
            written=lambda plain: _json(
                {"d": {"results": plain["rows"], "__count": str(len(plain["rows"]))}}
            ),
            suffix="json",
            content_type=JSON,
            person=person,
        )
    return found


def _rows(row: Shape, **more: Shape) -> Shape:
    properties = {**more, "rows": {"type": "array", "items": row}}
    return {"type": "object", "required": list(properties), "properties": properties}


def _csv(file: Path) -> Mapping[str, Interface]:
    text = file.read_text("utf-8-sig")
    delimiter = ";" if text.partition("\n")[0].count(";") else ","
    columns = [name.strip() for name in next(csv.reader(text.splitlines(), delimiter=delimiter))]
    cell: Shape = {"type": ["string", "null"]}
    row: Shape = {"type": "object", "properties": dict.fromkeys(columns, cell), "required": columns}
    text_or_null: Shape = {"type": ["string", "null"]}
    asked: Shape = {
        "type": "object",
        "required": ["value", "reference"],
        "properties": {"value": text_or_null, "reference": {"type": "string"}},
    }
    answer = _rows(
        row,
        asked=asked,
        asOf={"type": "string", "format": "date"},
        delivery=text_or_null,
        refused={"type": "object", "properties": {}},
        truncated={"type": "boolean"},
        count={"type": "integer"},
    )
    person = next((leaf.name for leaf in leaves(row) if is_person(leaf)), "")
    one = _json_interface(file.stem, file.stem, {}, answer)
    return {file.stem: msgspec.structs.replace(one, person=person, written=_table_answer)}


def _table_answer(plain: dict[str, Any]) -> bytes:
    from hub.sandbox.played import NUMBER, REFERENCE

    asked = {"value": NUMBER, "reference": REFERENCE}
    return _json({**plain, "asked": asked, "truncated": False, "refused": {}})


def _open311() -> Interface:
    """GeoReport v2: a list of requests, each naming whose it is, as the question does."""
    names = ("service_request_id", "status", "service_name", "requested_datetime", "address")
    properties: dict[str, Shape] = {name: {"type": ["string", "null"]} for name in names}
    properties["id_document"] = {"type": "string"}
    row: Shape = {"type": "object", "properties": properties, "required": ["id_document"]}
    return Interface(
        message="requests",
        address="requests.json",
        request={},
        answer=_rows(row),
        written=lambda plain: _json(plain["rows"]),
        suffix="json",
        content_type=JSON,
        person="id_document",
    )


_READERS = {"soap": _wsdl, "rest": _openapi, "odata": _metadata, "table": _csv}
