"""`POST /v1/accesses/{id}/reveal`: an official says why before a special category is asked."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import Response, post
from litestar.status_codes import HTTP_200_OK
from msgspec import Meta, Struct

from hub.api.accesses import AccessId, open_access
from hub.api.bodies import json_body, read_body
from hub.api.context import AnyRequest, caller_of, context_of
from hub.api.denying import denied
from hub.api.parameters import ERRORS, NOT_FOUND, OF_BODY, success
from hub.api.problems import Fault, Problem, request_id
from hub.core.policy import Access, Caller, Denial, decide
from hub.position.desk import Desk


class RevealRequest(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Which blocks, and why they are needed for this case."""

    blocks: Annotated[tuple[str, ...], Meta(min_length=1, max_length=20)]
    reason: Annotated[str, Meta(min_length=10, max_length=500, pattern=r"\S+\s+\S+")]


class Revealed(Struct, frozen=True, kw_only=True, rename="camel"):
    """The blocks that may now be asked for under this access."""

    access: str
    revealed: tuple[str, ...]


EXAMPLE = {"access": "01M81NA0FF58PJA14E1H3Z80MV", "revealed": ["socialServices"]}


@post(
    "/v1/accesses/{access_id:str}/reveal",
    operation_id="reveal",
    summary="State why a special category is needed",
    description="On record before anything is asked; holds for this access alone.",
    status_code=HTTP_200_OK,
    responses={
        200: success(Revealed, "They may be asked for.", EXAMPLE),
        **ERRORS,
        **NOT_FOUND,
        **OF_BODY,
    },
    tags=["Accesses"],
)
async def reveal(request: AnyRequest, access_id: AccessId) -> Response[bytes]:
    """Put the reason on record, and open the blocks for this access."""
    caller = caller_of(request, "official")
    wanted = read_body(await json_body(request), RevealRequest)
    access = await open_access(request, caller, access_id)
    await _check(request, access, caller, wanted)
    door = context_of(request).desk.door
    await door.reveal(access, wanted.blocks, wanted.reason, request_id(request))
    view = Revealed(access=access.id, revealed=wanted.blocks)
    return Response(msgspec.json.encode(view), media_type="application/json", headers=_NO_STORE)


_NO_STORE = {"cache-control": "private, no-store"}


async def _check(
    request: AnyRequest, access: Access, caller: Caller, wanted: RevealRequest
) -> None:
    """Refuse a block that a reason does not open; the refusal is on record."""
    desk = context_of(request).desk
    faults = [
        Fault(pointer=f"/blocks/{number}", detail="not a block that a reason opens here")
        for number, name in enumerate(wanted.blocks)
        if not _is_masked(desk, access, name)
    ]
    if faults:
        raise Problem("invalid-request", errors=tuple(faults))
    denials = _denials(desk, access, caller, wanted.blocks)
    if denials:
        await desk.deny(access, denials, request_id(request))
        raise denied(request, caller, denials)


def _is_masked(desk: Desk, access: Access, name: str) -> bool:
    purpose = desk.purposes.get(access.purpose)
    rule = purpose.blocks.get(name) if purpose else None
    return rule is not None and rule.reveal


def _denials(
    desk: Desk, access: Access, caller: Caller, blocks: tuple[str, ...]
) -> tuple[Denial, ...]:
    purpose = desk.purposes.get(access.purpose)
    assert purpose is not None  # noqa: S101 - a masked block stands in it
    decided = [decide(desk.purposes, caller, purpose, name) for name in blocks]
    return tuple(decision for decision in decided if isinstance(decision, Denial))
