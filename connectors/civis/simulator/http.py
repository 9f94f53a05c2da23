"""Just enough ASGI for a simulator: read a request whole, write an answer whole."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from msgspec import Struct

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

LARGEST_BODY = 64 * 1024


class Request(Struct, frozen=True):
    """What arrived. Header names are lower case; of a repeated header the last counts."""

    method: str
    path: str
    query: bytes
    headers: Mapping[str, str]
    body: bytes


class Reply(Struct, frozen=True):
    """What goes back."""

    status: int
    body: bytes
    headers: Mapping[str, str] = {}
    content_type: str = "application/json; charset=utf-8"


def as_json(status: int, value: object, headers: Mapping[str, str] | None = None) -> Reply:
    """*value* as a JSON answer, accents as they are."""
    return Reply(status, json.dumps(value, ensure_ascii=False).encode(), headers or {})


def refusal(status: int, code: str, text: str, headers: Mapping[str, str] | None = None) -> Reply:
    """CIVIS's own error body."""
    return as_json(status, {"error": {"codigo": code, "mensaje": text}}, headers)


async def read_request(scope: Scope, receive: Receive) -> Request:
    """The whole request; a body beyond LARGEST_BODY is read no further."""
    body = bytearray()
    more = True
    while more and len(body) <= LARGEST_BODY:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    lines = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope["headers"]}
    return Request(scope["method"], scope["path"], scope["query_string"], lines, bytes(body))


async def write_reply(reply: Reply, operation: str, send: Send) -> None:
    """Send *reply*; the sandbox counts it as *operation* and takes that header off."""
    headers = {
        "content-type": reply.content_type,
        "content-length": str(len(reply.body)),
        "cache-control": "no-store",
        "x-sandbox-operation": operation,
        **reply.headers,
    }
    lines = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": reply.status, "headers": lines})
    await send({"type": "http.response.body", "body": reply.body})
