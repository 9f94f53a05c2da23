"""`/v1/me/representations`: for whom a citizen may act, and on what proof."""

from __future__ import annotations

import datetime as dt

import msgspec
from litestar import Response, get
from msgspec import Struct

from hub.api.context import AnyRequest, caller_of, context_of
from hub.api.declaring import AccessRequest
from hub.api.parameters import ERRORS, success
from hub.api.problems import Fault, Problem
from hub.core.document import Document, parse_document
from hub.core.errors import InvalidDocument
from hub.core.policy import Caller
from hub.position.desk import Desk
from hub.position.registers import Entered, Proof


class Representation(Struct, frozen=True, kw_only=True, rename="camel"):
    """A relation in force in which the caller acts for somebody."""

    id: str
    represented: str
    """Masked."""
    relation: str | None
    since: dt.date | None
    until: dt.date | None
    restricted: bool
    """A court has restricted it: only an official can act on it."""
    proof: Proof | None


class Representations(Struct, frozen=True, kw_only=True, rename="camel"):
    """Everybody for whom the caller may act today."""

    representations: tuple[Representation, ...]


EXAMPLE = {
    "representations": [
        {
            "id": "01M81NA0FF58PJA14E1H3Z80MV",
            "represented": "*****004E",
            "relation": "parent",
            "since": "2019-05-02",
            "until": "2033-05-01",
            "restricted": False,
            "proof": {"kind": "family_book", "reference": "1234/2019", "issuedOn": "2019-05-06"},
        }
    ]
}


@get(
    "/v1/me/representations",
    operation_id="listMyRepresentations",
    summary="For whom I may act",
    description="Name one of them in `POST /v1/accesses` to read that person's position.",
    responses={200: success(Representations, "The relations.", EXAMPLE), **ERRORS},
    tags=["Citizen"],
)
async def list_representations(request: AnyRequest) -> Response[bytes]:
    """The relations in force in which the caller is the representative."""
    caller = caller_of(request, "citizen")
    found = await _acting(context_of(request).desk, document_of(caller))
    return Response(
        msgspec.json.encode(Representations(representations=tuple(map(_view, found)))),
        media_type="application/json",
        headers={"cache-control": "private, no-store"},
    )


def document_of(caller: Caller) -> Document:
    """The citizen's document; a token without one says nothing about anybody."""
    if caller.document is None:
        raise Problem("invalid-token", "it names no identity document")
    return caller.document


async def named_relation(desk: Desk, caller: Caller, wanted: AccessRequest) -> Entered | None:
    """The relation that a declaration names; Problem where it is not one to act on.

    Somebody else's and an invented one read the same.
    """
    if wanted.representation is None:
        if caller.audience != "citizen":
            return None
        raise Problem("wrong-audience", "a citizen acts for somebody under a representation")
    if caller.audience == "citizen":
        known = await _acting(desk, document_of(caller))
    else:
        known = await _acted_for(desk, wanted)
    for relation in known:
        if relation.entry == wanted.representation:
            return _usable(caller, relation, wanted)
    raise _fault("/representation", "no relation in force with this id")


def _usable(caller: Caller, relation: Entered, wanted: AccessRequest) -> Entered:
    if caller.audience == "citizen" and wanted.subject is not None:
        raise _fault("/subject", "the representation says whom it is about")
    if relation.restricted and caller.audience != "official":
        raise Problem("representation-restricted")
    return relation


async def _acting(desk: Desk, person: Document) -> list[Entered]:
    standing = await desk.door.registers.standing(person)
    return [
        entry
        for entry in standing
        if entry.register == "representation" and entry.representative == person
    ]


async def _acted_for(desk: Desk, wanted: AccessRequest) -> list[Entered]:
    """Relations about the stated subject; none where its document is not a valid one."""
    try:
        person = parse_document(wanted.subject.document if wanted.subject else "")
    except InvalidDocument:
        return []
    standing = await desk.door.registers.standing(person)
    return [
        entry for entry in standing if entry.register == "representation" and entry.about == person
    ]


def _fault(pointer: str, detail: str) -> Problem:
    return Problem("invalid-request", errors=(Fault(pointer=pointer, detail=detail),))


def _view(entry: Entered) -> Representation:
    return Representation(
        id=entry.entry,
        represented=str(entry.about),
        relation=entry.relation,
        since=entry.since,
        until=entry.until,
        restricted=entry.restricted,
        proof=entry.proof,
    )
