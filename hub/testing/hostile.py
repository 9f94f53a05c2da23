"""Answers that no source should give and every source gives some day."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import httpx

Hostile = Callable[[httpx.Request], httpx.Response]

CANARY = "99000002"
"""The digits of the person asked about: they stand in no error, no log and no ping."""
QUOTED = (CANARY, "Canario", "Muñoz", "ORA-00600", "/etc/passwd")
"""What the answers below quote, and an error must not."""

_HTML = b"<!DOCTYPE html><html><body><h1>Login</h1></body></html>"
_DTD = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>'
_WHO = "Canario Muñoz, 99000002K"
_SOAP = (
    '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><e:Fault>'
    f"<faultcode>{_WHO}</faultcode><faultstring>[{_WHO}] {_WHO}</faultstring>"
    f"<detail><x>{_WHO}</x></detail></e:Fault></e:Body></e:Envelope>"
)


def _refused(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("refused", request=request)


def _lost(request: httpx.Request) -> httpx.Response:
    message = "Server disconnected without sending a response."
    raise httpx.RemoteProtocolError(message, request=request)


def _says(status: int, body: bytes = b"", kind: str = "application/json", **more: str) -> Hostile:
    headers = {
        "content-type": kind,
        **{name.replace("_", "-"): text for name, text in more.items()},
    }

    def answer(request: httpx.Request) -> httpx.Response:
        stream = httpx.ByteStream(body)
        return httpx.Response(status, headers=headers, stream=stream, request=request)

    return answer


HOSTILE: Mapping[str, Hostile] = {
    "refused": _refused,
    "lost": _lost,
    "500 with a stack": _says(500, b"ORA-00600 at line 1", "text/plain"),
    "503": _says(503, retry_after="99999"),
    "429": _says(429, retry_after="-1"),
    "401": _says(401),
    "403": _says(403),
    "404": _says(404),
    "302": _says(302, location="http://169.254.169.254/"),
    "204": _says(204),
    "empty": _says(200),
    "html": _says(200, _HTML, "text/html"),
    "html called json": _says(200, _HTML),
    "half an object": _says(200, b'{"d":{"results":[{"a'),
    "null": _says(200, b"null"),
    "a list of nulls": _says(200, b"[null,null]"),
    "wrong types": _says(200, b'{"d":{"results":"x"},"servicios":7,"items":{},"total":"x"}'),
    "latin-1": _says(200, '{"a":"ALCALÁ"}'.encode("latin-1")),
    "NaN": _says(200, b'{"a":NaN}'),
    "deep json": _says(200, b"[" * 100_000 + b"]" * 100_000),
    "deep xml": _says(200, b"<a>" * 5_000 + b"</a>" * 5_000, "text/xml"),
    "half xml": _says(200, b"<a><b></a>", "text/xml"),
    "a doctype": _says(200, _DTD, "text/xml"),
    "utf-7": _says(200, b'<?xml version="1.0" encoding="UTF-7"?><a/>', "text/xml"),
    "an encoding": _says(200, b"\x1f\x8b", content_encoding="gzip"),
    "huge": _says(200, b" " * (5 * 1024 * 1024)),
    "garbage": _says(200, bytes(range(256)) * 16, "application/octet-stream"),
}
"""By name, in any protocol: none of them is an answer, and none says that nothing is held."""

INDISCREET: Mapping[str, Hostile] = {
    "403 in plain text": _says(403, f"{_WHO} no autorizado".encode(), "text/plain"),
    "a SOAP fault": _says(500, _SOAP.encode(), "text/xml; charset=utf-8"),
    "an error object": _says(400, f'{{"error":{{"code":"{_WHO}","message":"{_WHO}"}}}}'.encode()),
    "an error list": _says(400, f'[{{"code":"{_WHO}","description":"{_WHO}"}}]'.encode()),
    "an error object with 200": _says(200, f'{{"errors":[{{"code":"{_WHO}"}}]}}'.encode()),
    "an error list with 200": _says(200, f'[{{"code":400,"description":"{_WHO}"}}]'.encode()),
    "another shape": _says(200, f'{{"{_WHO}":{{"{_WHO}":["{_WHO}"]}}}}'.encode()),
    "other XML": _says(200, f"<a><b>{_WHO}</b></a>".encode(), "text/xml; charset=utf-8"),
}
"""Answers that quote the person: what is raised about them must not."""

REFUSED_FOR_EVER = frozenset({400, 401, 403, 404, 422})
MAY_PASS = frozenset({429, 502, 503, 504})


def status(code: int) -> Hostile:
    """A bare answer with that status."""
    return _says(code)
