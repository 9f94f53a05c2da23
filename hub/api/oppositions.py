"""`/v1/me/oppositions`: a citizen objects, per procedure, to their data being consulted."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

import msgspec
from litestar import Response, Router, delete, get, post
from litestar.params import PathParameter
from litestar.status_codes import HTTP_200_OK, HTTP_201_CREATED
from msgspec import Meta, Struct

from hub.api.bodies import json_body, read_body
from hub.api.context import AnyRequest, caller_of, context_of
from hub.api.parameters import ERRORS, LANGUAGE, NOT_FOUND, OF_BODY, problem_spec, success
from hub.api.problems import Fault, Problem
from hub.api.representations import document_of
from hub.api.texts import language_of
from hub.core.document import Document
from hub.core.policy import PlainText, Purpose
from hub.position.desk import Desk
from hub.position.registers import Entered

Code = Annotated[str, PathParameter(description="Code of the purpose", max_length=64)]


class OppositionRequest(
    Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True
):
    """What a citizen objects to, and why if they want to say it."""

    purpose: Annotated[str, Meta(min_length=1, max_length=64)]
    reason: Annotated[str, Meta(max_length=500)] = ""


class Opposition(Struct, frozen=True, kw_only=True, rename="camel"):
    """One procedure: whether it can be objected to, and whether the citizen has."""

    purpose: str
    title: PlainText
    available: bool
    """Whether the law lets one object."""
    text: PlainText | None
    """How to object and what follows, or why the law excludes it."""
    blocks: tuple[str, ...]
    """What is no longer consulted."""
    opposed: bool
    since: dt.datetime | None


class Oppositions(Struct, frozen=True, kw_only=True, rename="camel"):
    """Every procedure in which the City Council consults data about people."""

    oppositions: tuple[Opposition, ...]


TEXT = {"es": "Puede oponerse.", "en": "You can object."}
ONE = {
    "purpose": "nursery_admission",
    "title": {"es": "Admisión en escuelas infantiles", "en": "Admission to nursery schools"},
    "available": True,
    "text": TEXT,
    "blocks": ["residence", "jobSeeker"],
    "opposed": True,
    "since": "2026-11-22T12:00:00Z",
}
EXCLUDED = {409: problem_spec("opposition-excluded", "The law excludes objection here.")}


@get(
    "/",
    operation_id="listMyOppositions",
    summary="What I object to, and what I may",
    responses={200: success(Oppositions, "Every procedure.", {"oppositions": [ONE]}), **ERRORS},
)
async def list_oppositions(request: AnyRequest) -> Response[bytes]:
    """Every procedure with the citizen's opposition, or why there can be none."""
    person = document_of(caller_of(request, "citizen"))
    desk = context_of(request).desk
    known = await _known(desk, person)
    rows = tuple(_view(row, known.get(row.code)) for row in _rows(desk))
    return _response(Oppositions(oppositions=rows), HTTP_200_OK)


@post(
    "/",
    operation_id="oppose",
    summary="Object to a procedure's inquiries",
    responses={
        201: success(Opposition, "On record, and in force.", ONE),
        200: success(Opposition, "It was in force already.", ONE),
        **ERRORS,
        **EXCLUDED,
        **OF_BODY,
    },
)
async def oppose(request: AnyRequest) -> Response[bytes]:
    """Put an opposition on record; from then on nothing is asked but what a law demands."""
    person = document_of(caller_of(request, "citizen"))
    desk = context_of(request).desk
    wanted = read_body(await json_body(request), OppositionRequest)
    row = _opposable(desk, wanted.purpose, request)
    entry, is_new = await _entered(desk, person, row, wanted.reason)
    return _response(_view(row, entry), HTTP_201_CREATED if is_new else HTTP_200_OK)


@delete(
    "/{purpose:str}",
    operation_id="withdrawOpposition",
    summary="Withdraw an opposition",
    status_code=HTTP_200_OK,
    responses={
        200: success(Opposition, "It is no longer in force.", {**ONE, "opposed": False}),
        **ERRORS,
        **NOT_FOUND,
    },
)
async def withdraw(request: AnyRequest, purpose: Code) -> Response[bytes]:
    """End an opposition; that it was in force stays on record."""
    person = document_of(caller_of(request, "citizen"))
    desk = context_of(request).desk
    entry, row = (await _known(desk, person)).get(purpose), desk.purposes.get(purpose)
    if entry is None or row is None:
        raise Problem("not-found", "you do not object to a procedure with this code")
    await desk.door.registers.end(person, entry.entry, reason="withdrawn", by="citizen")
    return _response(_view(row, None), HTTP_200_OK)


async def _known(desk: Desk, person: Document) -> dict[str, Entered]:
    standing = await desk.door.registers.standing(person)
    return {e.purpose: e for e in standing if e.register == "opposition" and e.purpose}


async def _entered(desk: Desk, person: Document, row: Purpose, reason: str) -> tuple[Entered, bool]:
    """The opposition in force, and whether it was made now."""
    known = (await _known(desk, person)).get(row.code)
    if known is not None:
        return known, False
    registers = desk.door.registers
    entry = registers.new("opposition", person, reason, "citizen")
    entry = msgspec.structs.replace(entry, purpose=row.code)
    await registers.enter(entry)
    return entry, True


def _rows(desk: Desk) -> list[Purpose]:
    """The procedures of others about the citizen; their own look is not one."""
    return [row for row in desk.purposes.purposes if row.audience != ("citizen",)]


def _opposable(desk: Desk, code: str, request: AnyRequest) -> Purpose:
    row = next((row for row in _rows(desk) if row.code == code), None)
    if row is None:
        codes = ", ".join(row.code for row in _rows(desk) if row.opposition == "available")
        fault = Fault(pointer="/purpose", detail=f"not a procedure; one of: {codes}")
        raise Problem("invalid-request", errors=(fault,))
    if row.opposition == "excluded":
        language = language_of(request.headers.get("accept-language"))
        text = row.opposition_text
        raise Problem("opposition-excluded", getattr(text, language) if text else None)
    return row


def _view(row: Purpose, entry: Entered | None) -> Opposition:
    available = row.opposition == "available"
    opposable = [name for name, rule in row.blocks.items() if rule.opposable]
    return Opposition(
        purpose=row.code,
        title=row.title,
        available=available,
        text=row.opposition_text,
        blocks=tuple(opposable) if available else (),
        opposed=available and entry is not None,
        since=entry.at if entry else None,
    )


def _response(content: object, status: int) -> Response[bytes]:
    headers = {"cache-control": "private, no-store"}
    return Response(
        msgspec.json.encode(content),
        status_code=status,
        media_type="application/json",
        headers=headers,
    )


router = Router(
    "/v1/me/oppositions",
    route_handlers=[list_oppositions, oppose, withdraw],
    parameters=LANGUAGE,
    tags=["Citizen"],
)
