"""Plays the Padrón: SOAP 1.1, UsernameToken with digest, requests valid against the XSD.

It refuses what the real service would refuse, keeps nothing about anybody, and has fault
modes of its own (`FAULTS`).
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec

from connectors.padron.simulator import answers, register
from connectors.padron.simulator.faults import (
    FAULT_ANSWERS,
    FAULTS,
    SPOILED_TEXTS,
    encoded,
)
from connectors.padron.simulator.guard import CONTRACT, NAMESPACE, Guard, Refusal
from hub.sandbox.population import SIZE
from hub.sandbox.stage import Stage

__all__ = ["FAULTS", "simulate"]

_OPERATIONS = frozenset({"ConsultaHabitante", "ConsultaConvivencia"})
_MOST_BYTES = 64 * 1024
_FAR_AWAY = 1000
"""Indexes to somebody of another household."""


class Padron:
    """The ASGI application."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._path = "/" + str(stage.settings.get("endpoint", "servicios/ConsultaPadron"))
        self._municipality = (
            str(stage.settings.get("province", "28")),
            str(stage.settings.get("municipality", "079")),
        )
        self._guard = Guard(str(stage.settings["username"]), stage.secret("password"), stage.clock)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        operation, (status, body) = await self._respond(scope, receive)
        headers = [
            (b"content-type", b"text/xml"),
            (b"content-length", str(len(body)).encode()),
            (b"x-sandbox-operation", operation.encode()),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _respond(self, scope: Any, receive: Any) -> tuple[str, tuple[int, bytes]]:
        """A label for the counters, and the answer."""
        if scope["path"] != self._path:
            return "not_found", (404, b"")
        if scope["method"] == "GET" and scope["query_string"].lower() == b"wsdl":
            return "wsdl", (200, (CONTRACT / "padron.wsdl").read_bytes())
        if scope["method"] != "POST":
            return "not_allowed", (405, b"")
        headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        if not headers.get("content-type", "").startswith("text/xml"):
            return "unsupported", (415, b"")
        body = await _read(receive)
        if body is None:
            return "too_large", (413, b"")
        action = headers.get("soapaction", "").strip('"')
        label = action.removeprefix(f"{NAMESPACE}:")
        return label if label in _OPERATIONS else "unknown", self._answer(body, action)

    def _answer(self, body: bytes, action: str) -> tuple[int, bytes]:
        current = self._stage.faults.get(self._stage.source)
        mode = current.mode if current else ""
        skew = dt.timedelta(minutes=10 if mode == "bad_digest_refusal" else 0)
        try:
            asked = answers.asked_in(self._guard.admit(body, action, skew))
        except Refusal as refusal:
            return 500, encoded(answers.fault(refusal), "")
        if mode in FAULT_ANSWERS:
            status, text = FAULT_ANSWERS[mode]()
            return status, encoded(text, "")
        text = self._consult(asked, mode)
        return 200, encoded(SPOILED_TEXTS.get(mode, str)(text), mode)

    def _consult(self, asked: answers.Asked, mode: str) -> str:
        if (asked.province, asked.municipality) != self._municipality or mode == "not_adhered":
            return answers.answer(asked, "4")
        if mode in ("more_than_one", "error_without_code"):
            return answers.answer(asked, "3", code="0232" if mode == "more_than_one" else None)
        today = self._stage.clock().date()
        shown, about = self._confused(asked, mode)
        entry = register.find(self._stage.population, about, today)
        if entry is None:
            text = answers.answer(shown, "2")
        else:
            result = self._result(asked.operation, entry, today, short=mode == "short_household")
            outcome = "2" if mode == "result_contradicts" else "1"
            text = answers.answer(shown, outcome, result=result)
        return _without_echo(text) if mode == "no_echo" else text

    def _confused(self, asked: answers.Asked, mode: str) -> tuple[answers.Asked, str]:
        """What the answer repeats, and whose data it holds."""
        other = self._other(asked.number)
        if mode == "answers_other_citizen":
            return msgspec.structs.replace(asked, number=other), other
        if mode == "other_citizen_inside":
            return asked, other
        if mode == "stale_answer":
            return msgspec.structs.replace(asked, request_id="another-request"), asked.number
        return asked, asked.number

    def _other(self, number: str) -> str:
        person = self._stage.population.find(number)
        index = person.index if person else 0
        return self._stage.population.number((index + _FAR_AWAY) % SIZE)

    def _result(self, operation: str, entry: register.Entry, today: dt.date, *, short: bool) -> str:
        if operation == "ConsultaHabitante":
            return answers.inhabitant(entry, today)
        people = entry.household.members
        members = [register.entry_of(self._stage.population, who, today) for who in people]
        sent = members[:-1] if short else members
        return answers.household(entry, sent, today, count=len(members))


def simulate(stage: Stage) -> Padron:
    """The ASGI application that plays the Padrón for *stage*."""
    return Padron(stage)


def _without_echo(text: str) -> str:
    """As an older release would answer: the request is not repeated."""
    start, end = text.index("<p:IdPeticion>"), text.index("<p:Estado>")
    return text[:start] + text[end:]


async def _read(receive: Any) -> bytes | None:
    """The request's body, unless it is too large."""
    body = b""
    while True:
        message: dict[str, Any] = await receive()
        body += bytes(message.get("body", b""))
        if len(body) > _MOST_BYTES:
            return None
        if not message.get("more_body"):
            return body
