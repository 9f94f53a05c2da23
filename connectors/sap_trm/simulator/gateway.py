"""The Gateway itself: logon, sessions, addresses, pages. Keeps nothing about anybody."""

from __future__ import annotations

import binascii
import hashlib
import hmac
import re
import secrets
from base64 import b64decode
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from msgspec import Struct
from msgspec.structs import replace

from connectors.sap_trm.simulator import misbehaviour, render
from connectors.sap_trm.simulator.edmx import METADATA, NAMESPACE
from connectors.sap_trm.simulator.queries import Query, Refusal, read_query
from connectors.sap_trm.simulator.render import Reply
from connectors.sap_trm.simulator.service import Asked, Service
from hub.sandbox.stage import Fault, Stage

ROOT = f"/sap/opu/odata/sap/{NAMESPACE}"
_SERVICE = re.compile(rf"{re.escape(ROOT)}(?:;v=\d{{1,4}})?(?:/(?P<rest>.*))?")
_SESSION = "SAP_SESSIONID_TRM_100"
_UNAUTHORIZED = 401


class Request(Struct, frozen=True, kw_only=True):
    """What the Gateway looks at."""

    method: str
    path: str
    query: Query
    headers: Mapping[str, str]

    @property
    def json_wanted(self) -> bool:
        """`$format` decides; without it the Accept header; Atom is what nobody asked for."""
        wanted = self.query.options.get("$format")
        return wanted == "json" if wanted else "json" in self.headers.get("accept", "")

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies of the request."""
        pairs = (part.partition("=") for part in self.headers.get("cookie", "").split(";"))
        return {name.strip(): value.strip() for name, _, value in pairs if name.strip()}


class Gateway:
    """An ASGI application that plays SAP Gateway for one stage."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._key = secrets.token_bytes(16)
        self._service = Service(stage)

    async def __call__(self, scope: Any, _receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        reply = await self._answer(scope)
        head = [("content-type", reply.content_type), ("dataserviceversion", "2.0"), *reply.headers]
        lines = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in head]
        lines.append((b"content-length", str(len(reply.body)).encode()))
        await send({"type": "http.response.start", "status": reply.status, "headers": lines})
        await send({"type": "http.response.body", "body": reply.body})

    async def _answer(self, scope: Any) -> Reply:
        headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope["headers"]}
        path = unquote(scope.get("raw_path", scope["path"].encode()).partition(b"?")[0].decode())
        try:
            query = read_query(scope["query_string"].decode("latin-1"))
        except Refusal as refused:
            return render.refusal(refused, json_wanted=False)
        request = Request(method=scope["method"], path=path, query=query, headers=headers)
        fault = self._stage.faults.get(self._stage.source)
        session = self._signed_on(request)
        if session is None:
            page = render.page(_UNAUTHORIZED, "Logon failed", "Logon failed")
            return replace(page, headers=(("www-authenticate", 'Basic realm="SAP NetWeaver"'),))
        if fault and (other := await misbehaviour.instead(fault)):
            return other
        if fault and fault.mode == "session-expiry" and self._is_over(request, fault):
            return misbehaviour.login_page()
        reply = self._routed(request, fault)
        cookie = f"{_SESSION}={session}; path=/; HttpOnly"
        reply = misbehaviour.spoil_reply(fault.mode, reply) if fault else reply
        label = ("x-sandbox-operation", self._label(path))
        return replace(reply, headers=(*reply.headers, ("set-cookie", cookie), label))

    def _label(self, path: str) -> str:
        """The set that *path* names, for the sandbox's counters; never a key."""
        name = path.removeprefix(f"{ROOT}/").partition("(")[0].partition("/")[0]
        return name if name in self._service.types else "other"

    def _routed(self, request: Request, fault: Fault | None) -> Reply:
        found = _SERVICE.fullmatch(request.path)
        try:
            if found is not None and request.method in ("GET", "HEAD"):
                return self._read(request, found["rest"] or "", fault)
        except Refusal as refused:
            return render.refusal(refused, json_wanted=request.json_wanted)
        if found is None:
            unknown = Refusal(403, "/IWFND/MED/170", "No service found")
            return render.refusal(unknown, json_wanted=request.json_wanted)
        headers = (("x-csrf-token", "Required"),)
        body = b"CSRF token validation failed"
        return Reply(status=403, content_type="text/plain", body=body, headers=headers)

    def _read(self, request: Request, rest: str, fault: Fault | None) -> Reply:
        if rest == "$metadata":
            return Reply(content_type="application/xml", body=METADATA.read_bytes())
        if not rest:
            sets = list(self._service.types)
            return render.service_document(sets, json_wanted=request.json_wanted)
        address = f"http://{request.headers.get('host', 'localhost')}{ROOT}"
        asked = Asked(
            address=address,
            query=request.query,
            mode=fault.mode if fault else "",
            json=request.json_wanted,
        )
        return self._service.read(rest, asked)

    def _signed_on(self, request: Request) -> str | None:
        """The session of whoever proves to be the technical user; None for anybody else."""
        options, cookies = request.query.options, request.cookies
        client = options.get("sap-client") or request.headers.get("sap-client")
        client = client or cookies.get("sap-usercontext", "").removeprefix("sap-client=")
        if client and client != str(self._stage.settings.get("sap_client", "100")):
            return None
        session = cookies.get(_SESSION, "")
        if session and hmac.compare_digest(session, self._sealed(session.partition(".")[0])):
            return session
        if not self._knows(request.headers.get("authorization", "")):
            return None
        renewed = "again" if "$skiptoken" in options else "first"
        return self._sealed(f"{renewed}-{secrets.token_hex(8)}")

    def _is_over(self, request: Request, fault: Fault) -> bool:
        """In `session-expiry`: a first session does not live to see the second page."""
        if "$skiptoken" not in request.query.options:
            return False
        kind = request.cookies.get(_SESSION, "").partition("-")[0]
        return bool(fault.values.get("sticky")) or kind == "first"

    def _sealed(self, name: str) -> str:
        proof = hmac.new(self._key, name.encode(), hashlib.sha256).hexdigest()[:32]
        return f"{name}.{proof}"

    def _knows(self, authorization: str) -> bool:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "basic":
            return False
        try:
            given = b64decode(token, validate=True)
        except (binascii.Error, ValueError):
            return False
        user = str(self._stage.settings["user"])
        expected = f"{user}:{self._stage.secret('password')}".encode()
        return hmac.compare_digest(given, expected)


def simulate(stage: Stage) -> Gateway:
    """SAP Gateway with the service ZTRM_CARPETA_SRV, over the stage's population."""
    return Gateway(stage)
