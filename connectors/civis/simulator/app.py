"""The simulated CIVIS over HTTP: routes, what is refused, and where the faults strike."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any, Final
from zoneinfo import ZoneInfo

from connectors.civis.simulator.faults import SPOILERS, Answer
from connectors.civis.simulator.http import (
    LARGEST_BODY,
    Receive,
    Reply,
    Request,
    Scope,
    Send,
    as_json,
    read_request,
    refusal,
    write_reply,
)
from connectors.civis.simulator.records import PROTECTED_FAMILIES, Archive, Row
from connectors.civis.simulator.tokens import TokenOffice, challenge
from hub.core.document import parse_document
from hub.core.errors import InvalidDocument
from hub.sandbox import magic
from hub.sandbox.population import Person
from hub.sandbox.stage import Fault, Stage

MADRID: Final = ZoneInfo("Europe/Madrid")

OWN = frozenset(
    {
        "token_revoked",
        "token_endpoint_down",
        "token_html",
        "expired_mid_flight",
        "insufficient_scope",
        "out_of_scope_record",
        "closed",
    }
)
FAULTS = frozenset({*OWN, *SPOILERS})
"""The fault modes of CIVIS itself; none takes a parameter."""

EXPIRING = frozenset({"expired_mid_flight", "token_endpoint_down", "token_html"})
"""Modes that begin by forgetting every token, so that the next call needs a new one."""

ROUTES: Final = {
    "/oauth/token": ("POST", "token"),
    "/v1/estado": ("GET", "status"),
    "/v1/consultas/servicios": ("POST", "services"),
    "/v1/consultas/prestaciones": ("POST", "benefits"),
}
ROWS: Final = {"services": "servicios", "benefits": "prestaciones"}
NEEDS: Final = {"services": "civis.servicios.leer", "benefits": "civis.prestaciones.leer"}
DOCUMENT_TYPES = frozenset({"NIF", "NIE", "PASAPORTE"})
HTML = (
    b"<!DOCTYPE html><html><head><title>Acceso</title></head><body>Inicie su sesion</body></html>"
)


class Simulation:
    """An ASGI application; knows people by the population, and of them remembers nobody."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._archive = Archive(stage.population)
        self._tokens = TokenOffice(stage)
        self._struck: Fault | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = await read_request(scope, receive)
        method, operation = ROUTES.get(request.path, ("", "unknown"))
        await write_reply(self._reply(request, method, operation), operation, send)

    def _reply(self, request: Request, method: str, operation: str) -> Reply:
        if not method:
            return refusal(404, "CIV-404", "No existe")
        if request.method != method:
            return refusal(405, "CIV-405", "Método no admitido", {"allow": method})
        if request.query or len(request.body) > LARGEST_BODY:
            return refusal(400, "CIV-400", "Petición no válida")
        if operation == "token":
            return self._token(request)
        return self._refused(request, NEEDS.get(operation)) or self._answered(request, operation)

    def _answered(self, request: Request, operation: str) -> Reply:
        if operation != "status":
            return self._query(request, operation)
        closed = self._is_on("closed")
        return as_json(200, {"estado": "MANTENIMIENTO" if closed else "OPERATIVO"})

    def _is_on(self, mode: str) -> bool:
        return self._stage.faults.is_on(self._stage.source, mode)

    def _token(self, request: Request) -> Reply:
        if self._is_on("token_endpoint_down"):
            return refusal(503, "CIV-503", "No disponible")
        if self._is_on("token_html"):
            return Reply(200, HTML, content_type="text/html; charset=utf-8")
        return self._tokens.issue(request)

    def _refused(self, request: Request, needed: str | None) -> Reply | None:
        fault = self._stage.faults.get(self._stage.source)
        if fault and fault.mode in EXPIRING and fault is not self._struck:
            self._tokens.expire_all()
        self._struck = fault
        if self._is_on("token_revoked"):
            return challenge(401, "invalid_token")
        if self._is_on("insufficient_scope"):
            return challenge(403, "insufficient_scope")
        return self._tokens.judge(request, needed)

    def _query(self, request: Request, operation: str) -> Reply:
        question = _question(request)
        if question is None:
            return refusal(400, "CIV-400", "La consulta no cumple el contrato")
        if not _is_valid(question["documento"]):
            return refusal(422, "CIV-422", "Documento no válido")
        person = self._stage.population.find(question["documento"]["numero"])
        answer = self._answer(operation, person, question)
        fault = self._stage.faults.get(self._stage.source)
        if fault and fault.mode in SPOILERS:
            other = self._answer(operation, self._somebody(person), question)
            answer = SPOILERS[fault.mode](answer, ROWS[operation], other)
        return as_json(200, answer)

    def _answer(self, operation: str, person: Person | None, question: Answer) -> Answer:
        rows: list[Row] = self._rows(operation, person) if person else []
        known = bool(rows or (person and any(self._rows(each, person) for each in ROWS)))
        document = question["documento"]
        if person and person.document and person.document.number != document["numero"]:
            document = {"tipo": "NIF", "numero": person.document.number}
        return {
            "consulta": {
                "documento": document,
                "referencia": question["referencia"],
                "fecha": self._now().strftime("%Y-%m-%dT%H:%M:%S"),
            },
            "resultado": "CONSTA" if known else "NO_CONSTA",
            "total": len(rows),
            ROWS[operation]: rows,
        }

    def _rows(self, operation: str, person: Person) -> list[Row]:
        """What the technical user is sent: nothing of the protected families."""
        today = self._now().date()
        held = self._archive.services if operation == "services" else self._archive.benefits
        sent = [row for row in held(person, today) if row["familia"] not in PROTECTED_FAMILIES]
        if self._is_on("out_of_scope_record"):
            sent += self._archive.sealed(person, force=True)
        return sent

    def _somebody(self, person: Person | None) -> Person:
        """A person who holds a service and a benefit, and is not *person*."""
        if person is None or person.index != magic.DEFAULT_CITIZEN:
            return self._stage.population.person(magic.DEFAULT_CITIZEN)
        return self._neighbour()

    def _neighbour(self) -> Person:
        for index in range(100, 100_000):
            person = self._stage.population.person(index)
            if self._rows("services", person) and self._rows("benefits", person):
                return person
        raise AssertionError("nobody in this city has a service and a benefit")

    def _now(self) -> dt.datetime:
        return self._stage.clock().astimezone(MADRID)


def _question(request: Request) -> Answer | None:
    """The question, if it is one by the contract: exactly its members, each of its type."""
    if not request.headers.get("content-type", "").startswith("application/json"):
        return None
    try:
        found: Any = json.loads(request.body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or found.keys() != {"documento", "referencia", "finalidad"}:
        return None
    document, purpose, reference = found["documento"], found["finalidad"], found["referencia"]
    right = (
        _texts(document, {"tipo", "numero"}, frozenset())
        and document["tipo"] in DOCUMENT_TYPES
        and _texts(purpose, {"codigo", "baseJuridica"}, frozenset({"expediente", "unidad"}))
        and isinstance(reference, str)
        and 0 < len(reference) <= 200  # noqa: PLR2004 - the contract's maxLength
    )
    return found if right else None


def _texts(node: Any, needed: set[str], allowed: frozenset[str]) -> bool:
    return (
        isinstance(node, dict)
        and needed <= node.keys() <= needed | allowed
        and all(isinstance(value, str) and value for value in node.values())
    )


def _is_valid(document: Answer) -> bool:
    """Whether a NIF or NIE has the right letter, upper case and without blanks."""
    if document["tipo"] == "PASAPORTE":
        return True
    try:
        found = parse_document(document["numero"])
    except InvalidDocument:
        return False
    return (found.type.upper(), found.number) == (document["tipo"], document["numero"])
