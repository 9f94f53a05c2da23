"""Just enough ASGI for a simulator: a whole request in, a whole answer out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

from msgspec import Struct

LARGEST_BODY = 64 * 1024


class Asked(Struct, frozen=True, kw_only=True):
    """What arrived. Header names are lower case; a body beyond LARGEST_BODY is cut."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


class Reply(Struct, frozen=True, kw_only=True):
    """What goes back, and under which label the sandbox counts it."""

    label: str
    status: int = 200
    body: bytes = b""
    content_type: str = "application/json; charset=utf-8"
    headers: Mapping[str, str] = {}


def application(answer: Callable[[Asked], Reply]) -> Any:
    """The ASGI application that gives every request to *answer*."""

    async def app(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        reply = answer(await _asked(scope, receive))
        headers = {
            "content-type": reply.content_type,
            "content-length": str(len(reply.body)),
            "x-sandbox-operation": reply.label,
            **reply.headers,
        }
        lines = [(name.encode(), text.encode("latin-1")) for name, text in headers.items()]
        await send({"type": "http.response.start", "status": reply.status, "headers": lines})
        await send({"type": "http.response.body", "body": reply.body})

    return app


async def _asked(scope: MutableMapping[str, Any], receive: Any) -> Asked:
    body, more = bytearray(), True
    while more and len(body) <= LARGEST_BODY:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return Asked(
        method=scope["method"],
        path=scope["path"],
        query=scope["query_string"].decode("latin-1"),
        headers={k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope["headers"]},
        body=bytes(body[:LARGEST_BODY]),
    )
