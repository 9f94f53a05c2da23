"""Play the samples on file: what a new connector's simulator does until it is written out.

Who is asked about is found in the question, whatever its protocol: the one synthetic document
number in it. The sample's own number and reference are replaced by the question's.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from msgspec import Struct

from hub.sandbox import magic
from hub.sandbox.answering import Asked, Reply, application
from hub.sandbox.json_service import decoded
from hub.sandbox.people import Person
from hub.sandbox.stage import Stage

NUMBER = "99000002K"
"""The person of every sample."""
REFERENCE = "REFERENCIA-DE-LA-PREGUNTA"
"""What stands in a sample where an answer repeats the question's reference."""
FAULTS = frozenset({"answers_other_citizen", "no_echo", "half_an_answer"})
_ASKED = re.compile(rb"(?<![0-9A-Za-z])99[0-9]{6}[A-Z](?![0-9A-Za-z])")
_REFERENCE = re.compile(rb"[0-9A-Z]{26}\.[0-9A-Z-]{26,36}")
_SHARE = 0.6
"""So many of the people hold something; the sandbox's default citizen does."""


class Samples(Struct, frozen=True, kw_only=True):
    """The two answers of one operation, and what the pings ask for."""

    operation: str
    one: Path
    none: Path
    content_type: str
    state: bytes = b"{}"
    """What a message about nobody is answered with."""
    state_type: str = "application/json"


def played(
    stage: Stage,
    samples: Samples,
    person_of: Callable[[bytes], bytes | None] = lambda question: _found(_ASKED, question),
) -> Any:
    """The ASGI application. Settings: `user` and the secret `password`."""

    def answer(asked: Asked) -> Reply:
        if not _admitted(stage, asked):
            return Reply(label=samples.operation, status=401)
        question = asked.query.encode() + b" " + asked.body
        number = person_of(question)
        if number is None:
            return Reply(label="state", body=samples.state, content_type=samples.state_type)
        body = _answer(stage, samples, number, question)
        return Reply(label=samples.operation, body=body, content_type=samples.content_type)

    return application(answer)


def _answer(stage: Stage, samples: Samples, number: bytes, question: bytes) -> bytes:
    person = stage.population.find(number.decode())
    body = (samples.one if _holds(stage, person) else samples.none).read_bytes()
    fault = stage.faults.get(stage.source)
    mode = fault.mode if fault else ""
    if mode == "answers_other_citizen":
        number = stage.population.number(magic.MANY_BILLS).encode()
    if mode == "no_echo":
        number = b""
    body = body.replace(NUMBER.encode(), number)
    body = body.replace(REFERENCE.encode(), _found(_REFERENCE, question) or b"")
    return body[: len(body) // 2] if mode == "half_an_answer" else body


def _holds(stage: Stage, person: Person | None) -> bool:
    if person is None or person.index == magic.NOTHING_ANYWHERE:
        return False
    dice = stage.population.dice(stage.source, person.index)
    return person.index == magic.DEFAULT_CITIZEN or dice.random() < _SHARE


def _admitted(stage: Stage, asked: Asked) -> bool:
    kind, _, proof = asked.headers.get("authorization", "").partition(" ")
    pair = f"{stage.settings['user']}:{stage.secret('password')}".encode()
    return kind.lower() == "basic" and hmac.compare_digest(decoded(proof), pair)


def _found(pattern: re.Pattern[bytes], text: bytes) -> bytes | None:
    match = pattern.search(text)
    return match.group() if match else None
