"""How the Gateway writes: verbose JSON, Atom, and errors in either."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from decimal import Decimal
from html import escape
from typing import Any

from msgspec import Struct, field

from connectors.sap_trm.simulator.edmx import NAMESPACE, EntityType
from connectors.sap_trm.simulator.queries import Refusal
from connectors.sap_trm.simulator.taxpayers import Entity, Value

JSON = "application/json"
ATOM = "application/atom+xml;type=feed"
HTML = "text/html; charset=utf-8"
_D = "http://schemas.microsoft.com/ado/2007/08/dataservices"


class Reply(Struct, frozen=True, kw_only=True):
    """One HTTP answer."""

    status: int = 200
    content_type: str = JSON
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = field(default_factory=tuple)


class Shown(Struct, kw_only=True):
    """A collection as it is about to be written."""

    rows: list[dict[str, Any]]
    count: object = None
    following: object = None


def plain_entity(address: str, entity_type: EntityType, entity: Entity) -> dict[str, Any]:
    """*entity* in verbose JSON with its metadata; *address* is that of the service."""
    key = key_text(entity_type, entity)
    uri = f"{address}/{entity_type.entity_set}({key})"
    return {
        "__metadata": {"id": uri, "uri": uri, "type": f"{NAMESPACE}.{entity_type.name}"},
        **{name: _json(value) for name, value in entity.items()},
    }


def key_text(entity_type: EntityType, entity: Entity) -> str:
    """`'X'` for one key, `A='1',B='2'` for several."""
    values = [(name, str(entity[name]).replace("'", "''")) for name in entity_type.keys]
    if len(values) == 1:
        return f"'{values[0][1]}'"
    return ",".join(f"{name}='{value}'" for name, value in values)


def collection(shown: Shown) -> Reply:
    """A collection in JSON."""
    body: dict[str, Any] = {"results": shown.rows}
    if shown.count is not None:
        body["__count"] = shown.count
    if shown.following is not None:
        body["__next"] = shown.following
    return _json_reply({"d": body})


def bare(shown: Shown) -> Reply:
    """A collection as version 1 of OData wrote it."""
    return _json_reply({"d": shown.rows})


def single(row: dict[str, Any]) -> Reply:
    """One entity in JSON."""
    return _json_reply({"d": row})


def service_document(sets: Sequence[str], *, json_wanted: bool) -> Reply:
    """The list of sets."""
    if json_wanted:
        return _json_reply({"d": {"EntitySets": list(sets)}})
    entries = "".join(f'<app:collection href="{name}"/>' for name in sets)
    body = f'<app:service xmlns:app="http://www.w3.org/2007/app">{entries}</app:service>'
    return Reply(content_type="application/atomsvc+xml", body=body.encode())


def feed(rows: Sequence[dict[str, Any]]) -> Reply:
    """Rows in Atom, which the Gateway writes to whoever does not ask for JSON."""
    body = "".join(f"<entry><content>{_properties(row)}</content></entry>" for row in rows)
    text = f'<feed xmlns="http://www.w3.org/2005/Atom" xmlns:d="{_D}">{body}</feed>'
    return Reply(content_type=ATOM, body=f'<?xml version="1.0" encoding="utf-8"?>{text}'.encode())


def refusal(refused: Refusal, *, json_wanted: bool) -> Reply:
    """An OData error; a bare one lacks the details, as the Gateway's framework writes it."""
    if not json_wanted:
        text = f"<code>{escape(refused.code)}</code><message>{escape(refused.text)}</message>"
        body = f'<error xmlns="{_D}/metadata">{text}</error>'.encode()
        return Reply(status=refused.status, content_type="application/xml", body=body)
    inner: dict[str, Any] = {
        "transactionid": "0A1B2C3D4E5F60718293A4B5C6D7E8F9",
        "timestamp": "20261122074500.1234560",
    }
    if not refused.bare:
        inner["application"] = {"service_namespace": "/SAP/", "service_id": NAMESPACE}
        inner["errordetails"] = [
            {"code": refused.code, "message": refused.text, "severity": "error", "target": ""}
        ]
    message = {"lang": "es", "value": refused.text}
    error = {"code": refused.code, "message": message, "innererror": inner}
    return _json_reply({"error": error}, refused.status)


def page(status: int, title: str, text: str) -> Reply:
    """An HTML page of a portal, a firewall or the ICM."""
    body = f"<!DOCTYPE html><html><head><title>{title}</title></head><body>{text}</body></html>"
    return Reply(status=status, content_type=HTML, body=body.encode())


def _json_reply(value: object, status: int = 200) -> Reply:
    return Reply(status=status, body=json.dumps(value, ensure_ascii=False).encode())


def _json(value: Value) -> str | None:
    if isinstance(value, dt.date):
        days = (value - dt.date(1970, 1, 1)).days
        return f"/Date({days * 86_400_000})/"
    return str(value) if isinstance(value, Decimal) else value


def _properties(row: dict[str, Any]) -> str:
    cells = [(name, value) for name, value in row.items() if isinstance(value, str | None)]
    return "".join(f"<d:{name}>{escape(value or '')}</d:{name}>" for name, value in cells)
