"""The platform's endpoint: one ASGI application, no state about anybody."""

from __future__ import annotations

from typing import Any

from lxml import etree

from connectors.age.simulator import messages, sealing
from connectors.age.simulator.asynchronous import ASYNCHRONOUS_FAULTS, AsynchronousSide
from connectors.age.simulator.inspection import Inspector, Refusal
from connectors.age.simulator.register import PROTECTED, UNKNOWN, Entry, entry
from connectors.age.simulator.services import PublishedService, published
from hub.sandbox import magic
from hub.sandbox.certificates import ensure_certificates
from hub.sandbox.stage import Stage

MAX_REQUEST = 256 * 1024

_FAULT_DIALECTS = {"fault_official": "official", "fault_emiserv": "emiserv", "fault_bare": "bare"}
_ENTRIES = {
    "protected": Entry(state=PROTECTED),
    "unknown_person": Entry(state=UNKNOWN),
    "business_error": Entry(state=("0226", "PARAMETROS INCORRECTOS")),
    "unheard_code": Entry(state=("0999", "CODIGO DE PRUEBAS")),
}
_DRAFTS = frozenset(
    {"other_request_id", "other_citizen", "extra_elements", "twelve_hour_timestamp", "not_ready"}
)
_BODIES = {
    "not_xml": b"SCSP: servicio temporalmente fuera de servicio",
    "doctype": b'<?xml version="1.0"?><!DOCTYPE e [<!ENTITY a "b">]><e>&a;</e>',
}

FAULTS = frozenset(
    {
        *_FAULT_DIALECTS,
        *_ENTRIES,
        *_DRAFTS,
        *_BODIES,
        *sealing.MODES,
        "replayed_answer",
        *ASYNCHRONOUS_FAULTS,
    }
)
"""The modes of this simulator. Fault modes take the parameter `code`."""

Reply = tuple[int, bytes]


class Platform:
    """Answers requests to the published services; remembers one answer, to replay it."""

    def __init__(self, stage: Stage) -> None:
        files = ensure_certificates(stage.keys, clock=stage.clock)
        sha1 = stage.settings.get("answer_algorithm") == "rsa-sha1"
        usual = sealing.SHA1 if sha1 else sealing.SHA256
        self._stage = stage
        self._services = published()
        self._inspector = Inspector(files.ca, stage.clock)
        self._seal = sealing.Seal(files.platform, files.platform_key, usual, stage.clock)
        self._earlier: bytes | None = None
        self.asynchronous = AsynchronousSide(stage, self._inspector, self._seal, self._services)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """One HTTP exchange."""
        endpoint = scope["path"].rpartition("/")[2]
        if scope["type"] == "http" and endpoint in self.asynchronous.endpoints:
            await self.asynchronous(scope, receive, send)
            return
        service = self._services.get(endpoint)
        if scope["type"] != "http" or service is None:
            await _send(send, "unknown", 404, b"")
        elif scope["method"] == "GET" and scope["query_string"] == b"wsdl":
            await _send(send, "wsdl", 200, service.wsdl)
        elif scope["method"] != "POST":
            await _send(send, "unknown", 405, b"")
        else:
            body = await _whole(receive)
            status, content = self._reply(scope, body, service)
            await _send(send, service.operation, status, content)

    def _reply(self, scope: Any, body: bytes | None, service: PublishedService) -> Reply:
        headers = dict(scope["headers"])
        if not headers.get(b"content-type", b"").startswith(b"text/xml"):
            return 415, b""
        if body is None:
            return 413, b""
        if headers.get(b"soapaction", b"").strip(b'"').decode("latin-1") != service.action:
            return 500, self._fault("bare", "", "", service)
        try:
            petition = self._inspector.inspect(body, service)
        except Refusal as refusal:
            return 500, self._fault("official", refusal.code, refusal.text, service)
        return self._answer(petition, service)

    def _answer(self, petition: etree._Element, service: PublishedService) -> Reply:
        fault = self._stage.faults.get(self._stage.source)
        mode = fault.mode if fault else None
        if fault and mode in _FAULT_DIALECTS:
            code = str(fault.values.get("code", "0502"))
            return 500, self._fault(_FAULT_DIALECTS[mode], code, "Error de pruebas", service)
        if mode in _BODIES:
            return 200, _BODIES[mode]
        if mode == "replayed_answer" and self._earlier is not None:
            return 200, self._earlier
        content = messages.answer(self._draft(petition, mode))
        sealed = self._seal.sealed(content, mode if mode in sealing.MODES else None)
        if mode is None:
            self._earlier = sealed
        return 200, sealed

    def _draft(self, petition: etree._Element, mode: str | None) -> messages.Draft:
        population, now = self._stage.population, self._stage.clock()
        request_id, document = messages.request_id(petition), messages.document(petition)
        if mode == "other_request_id":
            request_id = f"{request_id[:-4]}OTRA"
        if mode == "other_citizen":
            document = self._somebody_else(document)
        moment = messages.moment_text(now, twelve_hours=mode == "twelve_hour_timestamp")
        return messages.Draft(
            petition=petition,
            request_id=request_id,
            document=document,
            entry=_ENTRIES.get(mode or "")
            or entry(population, population.find(document), now.date()),
            moment=moment,
            generated=f"{now:%Y-%m-%d}" if mode == "twelve_hour_timestamp" else moment,
            extra=mode == "extra_elements",
            ready=mode != "not_ready",
        )

    def _somebody_else(self, document: str) -> str:
        number = self._stage.population.number
        default = number(magic.DEFAULT_CITIZEN)
        return default if document != default else number(magic.HOUSEHOLD_OF_ONE)

    def _fault(self, dialect: str, code: str, text: str, service: PublishedService) -> bytes:
        moment = messages.moment_text(self._stage.clock())
        return messages.fault(dialect, code, text, service.code, moment).encode()


async def _whole(receive: Any) -> bytes | None:
    """The request's body; None when it is longer than the platform reads."""
    body = b""
    while len(body) <= MAX_REQUEST:
        message = await receive()
        body += bytes(message.get("body", b""))
        if not message.get("more_body"):
            return body
    return None


async def _send(send: Any, operation: str, status: int, content: bytes) -> None:
    headers = [
        (b"content-type", b"text/xml; charset=UTF-8"),
        (b"content-length", str(len(content)).encode()),
        (b"x-sandbox-operation", operation.encode()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
