"""A simulated SOAP 1.1 service: what all of them read, refuse and write alike.

A simulator says what it answers to an admitted request. Nothing here knows anybody.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from lxml import etree
from msgspec import Struct

from hub.core.errors import SourceError
from hub.sandbox.json_service import Refused as TooLong
from hub.sandbox.json_service import decoded, whole_body
from hub.sandbox.spoiling import Receive, Scope, Send
from hub.sandbox.stage import Stage
from hub.wire.xml import parse_xml

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"


class Refused(Exception):
    """A SOAP fault to answer with: its faultcode, the service's own code, and a text."""

    def __init__(self, faultcode: str, code: str, text: str) -> None:
        super().__init__(text)
        self.faultcode, self.code, self.text = faultcode, code, text


class Request(Struct, frozen=True):
    """An admitted request: its one element, and the HTTP headers in lower case."""

    element: etree._Element
    headers: Mapping[str, str]

    def text(self, path: str) -> str:
        """The text at *path*, whose steps are local names; blank where there is none."""
        steps = "/".join(f"{{*}}{step}" for step in path.split("/"))
        return self.element.findtext(steps) or ""


class Reply(Struct, frozen=True):
    """The element of an answer as text, and HTTP headers beside it."""

    body: str
    headers: Mapping[str, str] = {}
    status: int = 200


class SoapService:
    """An ASGI application behind Basic credentials (`user`, secret `password`)."""

    def __init__(
        self,
        stage: Stage,
        wsdl: Path,
        schema: Path,
        operations: Mapping[str, str],
        answer: Callable[[str, Request], Reply],
    ) -> None:
        """*operations*: SOAP action to the label that the sandbox counts."""
        self._stage, self._wsdl, self._operations = stage, wsdl, operations
        self._schema = etree.XMLSchema(file=str(schema))
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        headers = {name.decode().lower(): text.decode("latin-1") for name, text in scope["headers"]}
        operation = self._operations.get(headers.get("soapaction", "").strip('"'), "unknown")
        try:
            reply = await self._reply(scope, receive, headers, operation)
        except Refused as refused:
            reply = Reply(fault(refused), status=500)
        except TooLong:
            reply = Reply("", status=413)
        lines = {
            "content-type": "text/xml; charset=utf-8",
            "x-sandbox-operation": operation,
            **reply.headers,
        }
        raw = [(name.encode(), text.encode("latin-1")) for name, text in lines.items()]
        await send({"type": "http.response.start", "status": reply.status, "headers": raw})
        await send({"type": "http.response.body", "body": reply.body.encode()})

    async def _reply(
        self, scope: Scope, receive: Receive, headers: dict[str, str], operation: str
    ) -> Reply:
        pair = f"{self._stage.settings['user']}:{self._stage.secret('password')}".encode()
        kind, _, proof = headers.get("authorization", "").partition(" ")
        if kind.lower() != "basic" or not hmac.compare_digest(decoded(proof), pair):
            return Reply("", status=401)
        if scope["method"] == "GET" and scope["query_string"].lower() == b"wsdl":
            return Reply(self._wsdl.read_text("utf-8"))
        if scope["method"] != "POST":
            return Reply("", status=405)
        element = self._admitted(await whole_body(receive))
        if operation == "unknown":
            raise Refused("soap:Client", "accion", "another SOAP action")
        reply = self._answer(operation, Request(element, headers))
        body = reply.body if "<soap:Envelope" in reply.body else envelope(reply.body)
        return Reply(body, reply.headers, reply.status)

    def _admitted(self, body: bytes) -> etree._Element:
        """The one element in the envelope, by the contract's schema."""
        try:
            root = parse_xml(self._stage.source, body)
        except SourceError:
            raise Refused("soap:Client", "ilegible", "not a SOAP message") from None
        bodies = root.findall(f"{{{SOAP}}}Body")
        if len(bodies) != 1 or len(bodies[0]) != 1:
            raise Refused("soap:Client", "ilegible", "not one element in one Body")
        element: etree._Element = bodies[0][0]
        if not self._schema.validate(element):
            raise Refused("soap:Client", "esquema", "not by the contract")
        return element


def envelope(body: str) -> str:
    """*body* in a SOAP 1.1 envelope."""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><soap:Envelope xmlns:soap="{SOAP}">'
        f"<soap:Body>{body}</soap:Body></soap:Envelope>"
    )


def fault(refused: Refused) -> str:
    """The envelope of a SOAP fault, the service's own code in brackets before its text."""
    return envelope(
        f"<soap:Fault><faultcode>{refused.faultcode}</faultcode>"
        f"<faultstring>[{refused.code}] {escape(refused.text)}</faultstring></soap:Fault>"
    )


def xml_of(name: str, value: Any, *, nil: bool = False) -> str:
    """*value* as elements called *name*: a dict has children, a list repeats the element.

    None is an element with `xsi:nil` where *nil* is on, else nothing; `name` may carry
    attributes, which the end tag leaves out.
    """
    if isinstance(value, list):
        return "".join(xml_of(name, item, nil=nil) for item in value)
    if value is None:
        return f'<{name} xmlns:xsi="{_XSI}" xsi:nil="true"/>' if nil else ""
    inner = (
        "".join(xml_of(key, item, nil=nil) for key, item in value.items())
        if isinstance(value, dict)
        else escape(str(value))
    )
    return f"<{name}>{inner}</{name.split(' ', 1)[0]}>"


_XSI = "http://www.w3.org/2001/XMLSchema-instance"
