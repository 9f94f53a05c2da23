"""A simulated JSON service: what all of them read, refuse and get wrong alike.

A simulator gives it routes; each answers a request body with plain data, or raises Refused.
Nothing here knows anybody.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hmac
import json
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct

from hub.sandbox import magic
from hub.sandbox.people import Person
from hub.sandbox.spoiling import Receive, Scope, Send
from hub.sandbox.stage import Stage

Plain = dict[str, Any]
Spoiler = Callable[[Plain, Plain], Plain]
"""Takes the right answer and the right answer about somebody else."""
Q = TypeVar("Q")

LARGEST_BODY = 64 * 1024


class Refused(Exception):
    """A request that the service refuses: its HTTP status and its own words."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status, self.text = status, text


class Route(Struct, frozen=True):
    """One address: its method, the operation that the sandbox counts, and what answers."""

    method: str
    operation: str
    answer: Callable[[bytes], object]


class JsonService:
    """An ASGI application behind Basic credentials (`user`, secret `password`)."""

    def __init__(self, stage: Stage, routes: Mapping[str, Route]) -> None:
        self._stage, self._routes = stage, routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        route = self._routes.get(scope["path"])
        try:
            answering = self._admit(scope, route)
            status, answer = 200, answering.answer(await whole_body(receive))
        except Refused as refused:
            status, answer = refused.status, {"error": refused.text}
        body = json.dumps(answer, ensure_ascii=False).encode()
        headers = [
            (b"content-type", b"application/json; charset=utf-8"),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
            (b"x-sandbox-operation", (route.operation if route else "unknown").encode()),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _admit(self, scope: Scope, route: Route | None) -> Route:
        """The route, if this request may take it."""
        if route is None:
            raise Refused(404, "no such address")
        headers = {
            name.decode().lower(): value.decode("latin-1") for name, value in scope["headers"]
        }
        kind, _, encoded = headers.get("authorization", "").partition(" ")
        pair = f"{self._stage.settings['user']}:{self._stage.secret('password')}".encode()
        if kind.lower() != "basic" or not hmac.compare_digest(decoded(encoded), pair):
            raise Refused(401, "who asks?")
        if scope["method"] != route.method:
            raise Refused(405, "another method")
        if scope["query_string"]:
            raise Refused(400, "no address takes a parameter")
        if route.method == "POST" and not headers.get("content-type", "").startswith(
            "application/json"
        ):
            raise Refused(415, "not JSON")
        return route


class Names(Struct, frozen=True, kw_only=True):
    """What one contract calls the parts of its answer."""

    echo: str
    """The member that repeats the question."""
    reference: str
    """The member of the echo that repeats the question's reference."""
    rows: str
    owner: str
    """The member of a row that names its person."""
    total: str
    """The announced number of rows."""


class Rows(Generic[Q]):
    """Answers questions about one person with a list of rows, or with one that is spoiled."""

    def __init__(
        self,
        stage: Stage,
        question: type[Q],
        number: Callable[[Q], str],
        answer: Callable[[Q, Person | None, dt.date], Plain],
        spoilers: Mapping[str, Spoiler],
    ) -> None:
        """*answer* echoes its person's number, so that an answer about somebody else says so."""
        self._stage, self._question, self._number = stage, question, number
        self._answer, self._spoilers = answer, spoilers

    def __call__(self, body: bytes) -> Plain:
        question = _read(body, self._question)
        today = self._stage.clock().date()
        person = self._stage.population.find(self._number(question))
        right = self._answer(question, person, today)
        fault = self._stage.faults.get(self._stage.source)
        if fault is None or fault.mode not in self._spoilers:
            return right
        return self._spoilers[fault.mode](right, self._answer(question, self._other(person), today))

    def _other(self, person: Person | None) -> Person:
        """Somebody with a fixed meaning who is not *person*, and holds something."""
        is_default = person is not None and person.index == magic.DEFAULT_CITIZEN
        index = magic.MANY_BILLS if is_default else magic.DEFAULT_CITIZEN
        return self._stage.population.person(index)


def spoilers(names: Names) -> dict[str, Spoiler]:
    """The usual ways in which an answer with rows goes wrong, in the words of one contract."""
    rows, total, echo = names.rows, names.total, names.echo

    def wrong_types(answer: Plain, _: Plain) -> Plain:
        spoiled = [dict.fromkeys(row, 7) | {names.owner: row[names.owner]} for row in answer[rows]]
        return answer | {rows: spoiled}

    return {
        "answers_other_citizen": lambda _, other: other,
        "rows_of_other_citizen": lambda answer, other: (
            answer | {rows: other[rows], total: other[total]}
        ),
        "no_echo": lambda answer, _: {k: v for k, v in answer.items() if k != echo},
        "answers_other_request": lambda answer, _: (
            answer | {echo: {**answer[echo], names.reference: "of-another-request"}}
        ),
        "null_list": lambda answer, _: answer | {rows: None},
        "wrong_total": lambda answer, _: answer | {total: answer[total] + 3},
        "wrong_types": wrong_types,
    }


def _read(body: bytes, shape: type[Q]) -> Q:
    """*body* as *shape*; Refused (400) where it is not a question by the contract."""
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Refused(400, "not a question of the contract") from None


def decoded(text: str) -> bytes:
    """The bytes behind Basic credentials; none for nonsense."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


async def whole_body(receive: Receive) -> bytes:
    """The whole body; Refused (413) for one that no question is as long as."""
    body, more = bytearray(), True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > LARGEST_BODY:
            raise Refused(413, "too long")
    return bytes(body)
