"""The platform's endpoint: one ASGI application, no state about anybody."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lxml import etree

from connectors.age.simulator import encrypting, messages, sealing
from connectors.age.simulator.asynchronous import ASYNCHRONOUS_FAULTS, AsynchronousSide
from connectors.age.simulator.inspection import Inspector, Refusal
from connectors.age.simulator.register import UNHEARD, Moment, entry
from connectors.age.simulator.services import FOLDER, PublishedService, published
from hub.sandbox import magic
from hub.sandbox.certificates import ensure_certificates
from hub.sandbox.stage import Stage

MAX_REQUEST = 256 * 1024

_FAULT_DIALECTS = {"fault_official": "official", "fault_emiserv": "emiserv", "fault_bare": "bare"}
_ENTRIES = frozenset({"protected", "unknown_person", "business_error", "business_code"})
"""Modes that choose what a provider knows; a service that has no such case keeps its own."""

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
        *encrypting.MODES,
        "replayed_answer",
        *ASYNCHRONOUS_FAULTS,
    }
)
"""The modes of this simulator. Fault modes and `business_code` take the parameter `code`."""

Reply = tuple[int, bytes]


class Platform:
    """Answers requests to the published services; remembers one answer, to replay it."""

    def __init__(self, stage: Stage) -> None:
        files = ensure_certificates(stage.keys, clock=stage.clock)
        sha1 = stage.settings.get("answer_algorithm") == "rsa-sha1"
        usual = sealing.SHA1 if sha1 else sealing.SHA256
        self._stage = stage
        self._services = published(Path(stage.settings.get("services", FOLDER)))
        self._inspector = Inspector(files.ca, stage.clock)
        self._seals = {
            "platform": sealing.Seal(files.platform, files.platform_key, usual, stage.clock),
            "provider": sealing.Seal(files.provider, files.provider_key, usual, stage.clock),
        }
        self._cipher = stage.settings.get("cipher")
        self._earlier: dict[str, bytes] = {}
        self.asynchronous = AsynchronousSide(stage, self._inspector, self._seals, self._services)

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
        if mode == "replayed_answer" and service.code in self._earlier:
            return 200, self._earlier[service.code]
        code = str(fault.values.get("code", UNHEARD)) if fault else UNHEARD
        content = messages.answer(self._draft(petition, service, mode, code))
        seal = self._seals[service.played.seal]
        sealed = seal.sealed(content, mode, self._manner(petition, service))
        if mode is None:
            self._earlier[service.code] = sealed
        return 200, sealed

    def _manner(self, petition: etree._Element, service: PublishedService) -> sealing.Manner:
        """How this service's answers are sealed: for whoever asked, where they are encrypted."""
        pair = tuple(self._cipher) if self._cipher and service.encryption else service.encryption
        return sealing.Manner(
            bare=service.bare_signature,
            body_id=service.played.body_id,
            recipient=self._inspector.asker(petition) if pair else None,
            encryption=pair,
        )

    def _draft(
        self, petition: etree._Element, service: PublishedService, mode: str | None, code: str
    ) -> messages.Draft:
        population, now, played = self._stage.population, self._stage.clock(), service.played
        request_id, document = messages.request_id(petition), messages.document(petition)
        if mode == "other_request_id":
            request_id = f"{request_id[:-4]}OTRA"
        if mode == "other_citizen":
            document = self._somebody_else(document)
        odd = mode == "twelve_hour_timestamp"
        moment = messages.moment_text(now, twelve_hours=played.twelve_hours or odd)
        circumstances = Moment(
            today=now.date(),
            asked=messages.asked(petition, played.asked),
            extra=mode == "extra_elements",
        )
        known = entry(service, population, population.find(document), circumstances, mode, code)
        return messages.Draft(
            petition=petition,
            played=played,
            request_id=request_id,
            document=document,
            entry=known,
            moment=moment,
            generated=f"{now:%Y-%m-%d}" if played.date_only or odd else moment,
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
