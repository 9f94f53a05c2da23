"""The OpenAPI 3.1 document: Litestar's, completed with what it cannot know.

Litestar documents routes and parameters; the schemas of blocks and positions come from the
canonical model. No property of a block's `data` is required, since a projection may lack any
of them; the strict JSON Schemas of the canonical types stand beside, in `contracts/hub/`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from hub.api.declaring import AccessRequest
from hub.api.oppositions import OppositionRequest
from hub.api.revealing import RevealRequest
from hub.api.views import PositionSummary
from hub.core.model import BlockType
from hub.core.position import (
    Denied,
    Empty,
    Fresh,
    Pending,
    Provenance,
    Stale,
    SubjectView,
    Unavailable,
)

JSON = dict[str, Any]

_STATES = {
    "fresh": Fresh,
    "stale": Stale,
    "empty": Empty,
    "pending": Pending,
    "unavailable": Unavailable,
    "denied": Denied,
}
_WITH_DATA = ("fresh", "stale")
_REF = "#/components/schemas/"


def encoded(document: JSON, blocks: Mapping[str, BlockType]) -> bytes:
    """The completed document, indented so that a change shows line by line in review."""
    plain = msgspec.json.encode(completed(document, blocks))
    return msgspec.json.format(plain, indent=2) + b"\n"


def completed(document: JSON, blocks: Mapping[str, BlockType]) -> JSON:
    """*document* with the schemas of positions, blocks and canonical types."""
    schemas = document["components"]["schemas"]
    schemas |= _message_schemas()
    schemas |= _canonical_schemas(blocks)
    for block in blocks.values():
        schemas |= _block_schemas(block)
    schemas["Position"] = _position_schema(blocks)
    schemas["PositionOrSummary"] = {
        "anyOf": [{"$ref": f"{_REF}Position"}, {"$ref": f"{_REF}PositionSummary"}]
    }
    schemas["AnyBlock"] = {"anyOf": [{"$ref": f"{_REF}{_upper(name)}Block"} for name in blocks]}
    _replace(document, "PositionShape", "PositionOrSummary")
    _replace(document, "BlockShape", "AnyBlock")
    for placeholder in ("PositionShape", "BlockShape"):
        schemas.pop(placeholder, None)
    _simplify_parameters(document)
    _add_body(document)
    document["components"]["schemas"] = dict(sorted(schemas.items()))
    return document


def _upper(name: str) -> str:
    return name[0].upper() + name[1:]


def _message_schemas() -> JSON:
    types = (
        AccessRequest,
        OppositionRequest,
        RevealRequest,
        PositionSummary,
        SubjectView,
        Provenance,
        Empty,
        Pending,
    )
    _, found = msgspec.json.schema_components(
        (*types, Unavailable, Denied), ref_template=_REF + "{name}"
    )
    return {name: _plain(schema) for name, schema in found.items()}


def _canonical_schemas(blocks: Mapping[str, BlockType]) -> JSON:
    """The canonical types with every property optional; pages add `count` and `next`."""
    types = [block.type for block in blocks.values()]
    _, found = msgspec.json.schema_components(types, ref_template=_REF + "{name}")
    loose = {name: _without_required(_plain(schema)) for name, schema in found.items()}
    for block in blocks.values():
        if block.is_collection:
            loose[block.type.__name__]["properties"] |= {
                "count": {"type": "integer", "minimum": 0},
                "next": {"type": "string"},
            }
    return loose


def _without_required(schema: JSON) -> JSON:
    """*schema* with no required property, and open to what later versions add."""
    return {k: v for k, v in schema.items() if k not in ("required", "additionalProperties")}


def _plain(schema: JSON) -> JSON:
    """Msgspec's schema without its Python titles."""
    return {key: value for key, value in schema.items() if key != "title"}


def _block_schemas(block: BlockType) -> JSON:
    """`ResidenceBlock`: one schema per state, told apart by `state`."""
    name = _upper(block.name)
    schemas: JSON = {}
    for state in _WITH_DATA:
        schemas[f"{name}{_upper(state)}"] = {
            "type": "object",
            "required": ["state", "data", "provenance"],
            "properties": {
                "state": {"const": state},
                "data": {"$ref": f"{_REF}{block.type.__name__}"},
                "provenance": {"$ref": f"{_REF}Provenance"},
                **({"reason": {"type": "string"}} if state == "stale" else {}),
            },
        }
    members = {state: _upper(state) for state in _STATES}
    members |= {state: f"{name}{_upper(state)}" for state in _WITH_DATA}
    schemas[f"{name}Block"] = {
        "oneOf": [{"$ref": _REF + member} for member in members.values()],
        "discriminator": {
            "propertyName": "state",
            "mapping": {state: _REF + member for state, member in members.items()},
        },
    }
    return schemas


def _position_schema(blocks: Mapping[str, BlockType]) -> JSON:
    return {
        "type": "object",
        "required": ["subject", "asOf", "purpose", "complete", "blocks"],
        "properties": {
            "subject": {"$ref": f"{_REF}SubjectView"},
            "asOf": {"type": "string", "format": "date-time"},
            "purpose": {"type": "string"},
            "complete": {
                "type": "boolean",
                "description": "No granted block is pending, stale or unavailable.",
            },
            "blocks": {
                "type": "object",
                "properties": {name: {"$ref": f"{_REF}{_upper(name)}Block"} for name in blocks},
            },
        },
    }


def _replace(node: Any, old: str, new: str) -> None:
    """Point every reference to *old* to *new*."""
    if isinstance(node, dict):
        if node.get("$ref") == _REF + old:
            node["$ref"] = _REF + new
        for value in node.values():
            _replace(value, old, new)
    elif isinstance(node, list):
        for value in node:
            _replace(value, old, new)


def _simplify_parameters(document: JSON) -> None:
    """An optional text is a text that may be absent, not one that may be null."""
    for operations in document["paths"].values():
        for operation in operations.values():
            for parameter in operation.get("parameters", ()):
                schema = parameter["schema"]
                if "oneOf" in schema:
                    parameter["schema"] = {"type": "string", **_SCHEMAS.get(parameter["name"], {})}


_SCHEMAS: Mapping[str, JSON] = {
    "view": {"enum": ["full", "summary"]},
    "Prefer": {"pattern": "^wait=[1-9][0-9]{0,3}$"},
    "Accept-Language": {"pattern": "^[A-Za-z*-]{1,8}$"},
    "cursor": {"pattern": "^[A-Za-z0-9_-]{1,64}$"},
}
"""What the parameters with a closed form look like."""


def _add_body(document: JSON) -> None:
    """The request bodies: handlers decode them themselves, to name faults without values."""
    for path, (type_, example) in _BODIES.items():
        document["paths"][path]["post"]["requestBody"] = {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"$ref": f"{_REF}{type_.__name__}"},
                    "examples": {"typical": {"value": example}},
                }
            },
        }


_BODIES: Mapping[str, tuple[type[Struct], JSON]] = {
    "/v1/accesses": (
        AccessRequest,
        {
            "subject": {
                "document": "99999999R",
                "givenName": "Ana",
                "firstSurname": "Prueba",
            },
            "purpose": "nursery_admission",
            "caseFile": "EI/2026/000123",
            "consent": "given",
        },
    ),
    "/v1/accesses/{access_id}/reveal": (
        RevealRequest,
        {"blocks": ["socialServices"], "reason": "Baremo de la solicitud EI/2026/000123"},
    ),
    "/v1/me/oppositions": (OppositionRequest, {"purpose": "nursery_admission", "reason": ""}),
}
