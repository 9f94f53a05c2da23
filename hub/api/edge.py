"""The outermost layer: a request id, the caps, security headers and one log line per request.

The log line names the route's template, never the path: a path can hold an access id, and
nothing that a client wrote belongs into a log.
"""

from __future__ import annotations

import time
from typing import Any

import msgspec
import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from hub import __version__
from hub.api.problems import MEDIA_TYPE, ProblemDocument
from hub.api.tally import Requests
from hub.api.texts import TITLES
from hub.api.traces import Begin
from hub.core.moment import new_id
from hub.tracing import under

log = structlog.get_logger()

MAX_QUERY_BYTES = 8_192
"""Longer query strings are refused unread."""

_HEADERS = (
    (b"api-version", __version__.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"strict-transport-security", b"max-age=31536000"),
)
_CSP = b"default-src 'none'; frame-ancestors 'none'"


def at_the_edge(app: ASGIApp, requests: Requests, begin: Begin) -> ASGIApp:
    """*app* with everything that each request and answer owes; *requests* counts them, and
    *begin* gives the spans of those that are traced.
    """

    async def edge(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await app(scope, receive, send)
            return
        request = new_id()
        scope["hub_request"] = request  # type: ignore[typeddict-unknown-key]
        began = time.perf_counter()
        status = 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], *_added(message, request)]
            await send(message)

        structlog.contextvars.bind_contextvars(request=request)
        traced = begin(scope)
        try:
            with under(traced):
                if len(scope["query_string"]) > MAX_QUERY_BYTES:
                    await _refuse(sending, request)
                else:
                    await app(scope, receive, sending)
        finally:
            elapsed_s = time.perf_counter() - began
            method, route = _named(scope)
            requests.note(route, method, status, elapsed_s)
            if traced is not None:
                traced.end_request(method, route, status)
            elapsed_ms = round(elapsed_s * 1000, 1)
            log.info("request", method=method, route=route, status=status, elapsed_ms=elapsed_ms)
            structlog.contextvars.clear_contextvars()

    return edge


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def _named(scope: HTTPScope) -> tuple[str, str]:
    """Method and route, each of a closed list."""
    method = str(scope["method"]) if scope["method"] in _METHODS else "other"
    return method, str(scope.get("path_template") or "none")


async def _refuse(send: Send, request: str) -> None:
    """413 for a query string that nobody needs; it never reaches the router, nor itself a log."""
    status, _, english = TITLES["too-large"]
    document = ProblemDocument(
        type="/problems/too-large", status=status, title=english, trace_id=request
    )
    headers = [(b"content-type", MEDIA_TYPE.encode())]
    start: Message = {"type": "http.response.start", "status": status, "headers": headers}
    await send(start)
    body = msgspec.json.encode(document)
    await send({"type": "http.response.body", "body": body, "more_body": False})


def _added(message: Any, request: str) -> list[tuple[bytes, bytes]]:
    present = {name.lower() for name, _ in message["headers"]}
    added = [*_HEADERS, (b"x-request-id", request.encode())]
    if b"content-security-policy" not in present:
        added.append((b"content-security-policy", _CSP))
    if b"cache-control" not in present:
        added.append((b"cache-control", b"no-store"))
    return added
