"""Plays a REST service of the city's own form: one person's question, repeated under `consulta`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping

from msgspec import Struct

from hub.sandbox.json_service import JsonService, Plain, Route, Rows, Spoiler
from hub.sandbox.people import Person
from hub.sandbox.stage import Stage


class Document(Struct, forbid_unknown_fields=True):
    """The person asked about."""

    tipo: str
    numero: str


class Question(Struct, forbid_unknown_fields=True):
    """The body of a question."""

    documento: Document
    referencia: str


def consultation(
    stage: Stage,
    path: str,
    operation: str,
    held: Callable[[Person | None, dt.date], Plain],
    spoilers: Mapping[str, Spoiler],
) -> JsonService:
    """The ASGI application. *held* is the answer without its echo; nobody (None) has nothing.

    Settings: `user` and the secret `password`.
    """

    def answer(question: Question, person: Person | None, today: dt.date) -> Plain:
        number = question.documento.numero
        if person and person.document:
            number = person.document.number
        echo = {
            "documento": {"tipo": question.documento.tipo, "numero": number},
            "referencia": question.referencia,
        }
        return {"consulta": echo, **held(person, today)}

    asked = Rows(stage, Question, lambda question: question.documento.numero, answer, spoilers)
    status = Route("GET", "status", lambda _: {"estado": "OPERATIVO"})
    return JsonService(stage, {path: Route("POST", operation, asked), "/v1/estado": status})
