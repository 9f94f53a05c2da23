"""The platform's asynchronous side: takes requests about many people, answers them later.

It keeps each request until its answer has expired, counts how often each answer is served,
and refuses what the real platform refuses: an IdPeticion twice (0229), one it never heard of
(0244), an answer that expired (0208) or was served too often (0225).
"""

from __future__ import annotations

import datetime as dt
import tomllib
from collections import Counter
from collections.abc import Mapping
from typing import Any

from cryptography import x509
from lxml import etree
from msgspec import Struct

from connectors.age.simulator import bulk_messages, encrypting, messages, sealing
from connectors.age.simulator.inspection import Inspector, Refusal
from connectors.age.simulator.register import Moment, entry
from connectors.age.simulator.services import FOLDER, PublishedService
from hub.sandbox import magic
from hub.sandbox.stage import Stage

MAX_REQUEST = 8 * 1024 * 1024
MOST_SERVED = 3
"""How often an answer is served; the real figure is not public."""

EXPIRES_DAYS = 10
"""Days after which an answer is gone (caducidad)."""

ASYNCHRONOUS_FAULTS = frozenset(
    {
        "async_slow",  # ready after `hours` (48), announced in the confirmation
        "async_never_ready",  # each answer says "in process", with another `hours` (1)
        "async_never_arrives",  # 503 in front of the platform, which hears of nothing
        "async_forgets",  # confirms a request and has never heard of it
        "async_refuses",  # a fault with `code` (0301) for a request, which is not taken
        "async_withholds",  # a fault with `code` (0301), or a bare `status`, for an answer
        "async_breaks",  # takes a request and answers with a fault of no known code
        "async_missing_item",
        "async_second_item",
        "async_other_item",
        "async_surplus_item",
        "async_other_request",
        "async_unsigned",
    }
)
_V3 = "http://intermediacion.redsara.es/scsp/esquemas/V3"
_ASK = f"{{{_V3}/solicitudRespuesta}}"
_P = f"{{{_V3}/peticion}}"

Reply = tuple[int, bytes]


class Taken(Struct, kw_only=True):
    """A request that the platform has."""

    petition: etree._Element
    asker: x509.Certificate
    code: str
    ready_at: dt.datetime
    served: int = 0


class Endpoint(Struct, frozen=True, kw_only=True):
    """Where a service is asked asynchronously."""

    service: PublishedService
    request_action: str
    answer_action: str
    limit: int
    encrypted: str | None
    """The element whose content is encrypted, where any is."""


class AsynchronousSide:
    """One ASGI application for every asynchronous endpoint."""

    def __init__(
        self,
        stage: Stage,
        inspector: Inspector,
        seals: Mapping[str, sealing.Seal],
        services: Mapping[str, PublishedService],
    ) -> None:
        self._stage, self._inspector, self._seals = stage, inspector, seals
        self.endpoints = _endpoints(services)
        self._taken: dict[str, Taken] = {}
        self.asked: Counter[str] = Counter()
        """How often the provider was asked about each synthetic document number."""
        self.served: Counter[str] = Counter()
        """How often the answer to each IdPeticion was served."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """One HTTP exchange."""
        endpoint = self.endpoints[scope["path"].rpartition("/")[2]]
        operation, status, content = "async", 405, b""
        if scope["method"] == "POST":
            body = await _whole(receive)
            operation, status, content = self._reply(dict(scope["headers"]), body, endpoint)
        headers = [
            (b"content-type", b"text/xml; charset=UTF-8"),
            (b"content-length", str(len(content)).encode()),
            (b"x-sandbox-operation", operation.encode()),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    def _reply(
        self, headers: dict[bytes, bytes], body: bytes | None, endpoint: Endpoint
    ) -> tuple[str, int, bytes]:
        if body is None:
            return "async", 413, b""
        action = headers.get(b"soapaction", b"").strip(b'"').decode("latin-1")
        try:
            if action == endpoint.request_action:
                return "bulk_request", *self._take(body, endpoint)
            if action == endpoint.answer_action:
                return "bulk_answer", *self._serve(body, endpoint)
        except Refusal as refusal:
            return "bulk_refused", 500, self._fault(refusal.code, refusal.text, endpoint)
        return "bulk_refused", 500, self._fault("0406", "Contenido no esperado", endpoint)

    def _take(self, body: bytes, endpoint: Endpoint) -> Reply:
        fault = self._fault_in_force()
        if fault.get("mode") == "async_never_arrives":
            return 503, b""
        if fault.get("mode") == "async_refuses":
            raise Refusal(str(fault.get("code", "0301")), "Rechazada por el banco de pruebas")
        petition = self._inspector.inspect(body, endpoint.service, endpoint.limit)
        hours = int(fault.get("hours", 48)) if fault.get("mode") == "async_slow" else 0
        request_id = messages.request_id(petition)
        if fault.get("mode") != "async_forgets":
            ready_at = self._stage.clock() + dt.timedelta(hours=hours)
            self._taken[request_id] = Taken(
                petition=petition,
                asker=self._inspector.asker(petition),
                code=endpoint.service.code,
                ready_at=ready_at,
            )
            self.asked.update(node.text or "" for node in petition.iter(f"{_P}Documentacion"))
        if fault.get("mode") == "async_breaks":
            return 500, self._fault("0999", "Error de pruebas", endpoint)
        moment = messages.moment_text(self._stage.clock())
        content = bulk_messages.confirmation(petition, request_id, hours, moment)
        return 200, self._sealed(content, fault, endpoint, self._inspector.asker(petition))

    def _serve(self, body: bytes, endpoint: Endpoint) -> Reply:
        signed, _ = self._inspector.opened(body, bare=endpoint.service.bare_signature)
        if [child.tag for child in signed] != [f"{_ASK}SolicitudRespuesta"]:
            raise Refusal("0406", "Contenido del mensaje SOAP no esperado")
        request_id = signed.findtext(f".//{_ASK}IdPeticion", "")
        taken = self._taken.get(request_id)
        if taken is None or taken.code != endpoint.service.code:
            raise Refusal("0244", "No existe la petición en el sistema")
        fault, now = self._fault_in_force(), self._stage.clock()
        if fault.get("mode") == "async_withholds":
            if "status" in fault:
                return int(fault["status"]), b"<html><body>firewall</body></html>"
            raise Refusal(str(fault.get("code", "0301")), "Rechazada por el banco de pruebas")
        moment = messages.moment_text(now)
        if fault.get("mode") == "async_never_ready" or now < taken.ready_at:
            hours = int(fault.get("hours", 1))
            content = bulk_messages.not_ready(taken.petition, request_id, hours, moment)
            return 200, self._sealed(content, fault, endpoint, taken.asker)
        if now > taken.ready_at + dt.timedelta(days=EXPIRES_DAYS):
            raise Refusal("0208", "Fichero de respuesta caducado")
        if taken.served >= MOST_SERVED:
            raise Refusal("0225", "Se ha alcanzado el número máximo de respuestas servidas")
        taken.served += 1
        self.served[request_id] += 1
        content = self._answer(taken, request_id, moment, fault, endpoint.service)
        return 200, self._sealed(content, fault, endpoint, taken.asker)

    def _answer(
        self,
        taken: Taken,
        request_id: str,
        moment: str,
        fault: dict[str, Any],
        service: PublishedService,
    ) -> str:
        mode = str(fault.get("mode", ""))
        people = bulk_messages.people(taken.petition)
        items = [self._item(node, service) for node in people]
        items = self._spoiled(items, people[0], mode, service)
        if mode == "async_other_request":
            request_id = f"{request_id[:-4]}OTRA"
        return bulk_messages.answer(taken.petition, request_id, items, moment)

    def _spoiled(
        self, items: list[str], first: etree._Element, mode: str, service: PublishedService
    ) -> list[str]:
        """What may be wrong with one person's part, here the first's."""
        number = self._stage.population.number
        match mode:
            case "async_missing_item":
                return items[1:]
            case "async_second_item":
                return [items[0], *items]
            case "async_other_item":
                stranger = number(magic.HOUSEHOLD_OF_SIX)
                return [self._item(first, service, document=stranger), *items[1:]]
            case "async_surplus_item":
                stranger = number(magic.HOUSEHOLD_OF_SIX)
                return [*items, self._item(first, service, document=stranger, item_id="999999")]
        return items

    def _item(
        self,
        person: etree._Element,
        service: PublishedService,
        document: str | None = None,
        item_id: str | None = None,
    ) -> str:
        population, now, played = self._stage.population, self._stage.clock(), service.played
        number = document or messages.document(person)
        circumstances = Moment(today=now.date(), asked=messages.asked(person, played.asked))
        known = entry(service, population, population.find(number), circumstances)
        moment = messages.moment_text(now, twelve_hours=played.twelve_hours)
        draft = messages.Draft(
            petition=person,
            played=played,
            request_id=item_id or bulk_messages.item_id(person),
            document=number,
            entry=known,
            moment=moment,
            generated=f"{now:%Y-%m-%d}" if played.date_only else moment,
        )
        return bulk_messages.part_of(messages.answer(draft))

    def _sealed(
        self, content: str, fault: dict[str, Any], endpoint: Endpoint, asker: x509.Certificate
    ) -> bytes:
        mode, service = str(fault.get("mode", "")), endpoint.service
        wrong = "unsigned" if mode == "async_unsigned" else mode
        manner = sealing.Manner(
            bare=service.bare_signature,
            body_id=service.played.body_id,
            recipient=asker,
            encryption=service.encryption if endpoint.encrypted else None,
            element=endpoint.encrypted or "",
        )
        known = wrong in sealing.MODES | encrypting.MODES
        return self._seals[service.played.seal].sealed(content, wrong if known else None, manner)

    def _fault_in_force(self) -> dict[str, Any]:
        fault = self._stage.faults.get(self._stage.source)
        return {} if fault is None else {**fault.values, "mode": fault.mode}

    def _fault(self, code: str, text: str, endpoint: Endpoint) -> bytes:
        moment = messages.moment_text(self._stage.clock())
        return messages.fault("official", code, text, endpoint.service.code, moment).encode()


def _endpoints(services: Mapping[str, PublishedService]) -> dict[str, Endpoint]:
    """The asynchronous endpoints by the last step of their address, read from the contract."""
    by_code = {service.code: service for service in services.values()}
    found: dict[str, Endpoint] = {}
    for path in sorted(FOLDER.glob("*/asynchronous.toml")):
        if path.parent.name not in by_code:
            continue  # the platform is told to play other services
        config = tomllib.loads(path.read_text(encoding="utf-8"))
        found[config["endpoint"]] = Endpoint(
            service=by_code[path.parent.name],
            request_action=config["request_action"],
            answer_action=config["answer_action"],
            limit=config["limit"],
            encrypted=config.get("encryption", {}).get("element"),
        )
    return found


async def _whole(receive: Any) -> bytes | None:
    """The request's body; None when it is longer than the platform reads."""
    body = bytearray()
    while len(body) <= MAX_REQUEST:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return bytes(body)
    return None
