"""`/v1/accesses`: an official or a system says why before anything is asked, and works under it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Annotated

import msgspec
from litestar import Response, Router, get, post
from litestar.params import PathParameter
from litestar.status_codes import HTTP_200_OK, HTTP_201_CREATED
from msgspec import Struct

from hub.api.answering import BlockName, asked_of, block_answer, whole_answer, wish_of
from hub.api.bodies import json_body
from hub.api.capabilities import Allowance, allowances
from hub.api.context import AnyRequest, caller_of, context_of
from hub.api.declaring import declared, read_declaration
from hub.api.parameters import (
    BLOCK_PARAMETERS,
    ERRORS,
    LANGUAGE,
    NOT_FOUND,
    OF_BODY,
    POSITION_PARAMETERS,
    POSITION_RESPONSES,
    block_responses,
    success,
)
from hub.api.problems import Problem, request_id
from hub.api.representations import named_relation
from hub.core.policy import Access, Audience, Caller

HOLDERS: tuple[Audience, ...] = ("official", "system", "processor", "citizen")
"""Who works under accesses: a citizen as somebody's representative alone."""

AccessId = Annotated[
    str, PathParameter(description="Id that `POST /v1/accesses` gave", max_length=26)
]


class AccessView(Struct, frozen=True, kw_only=True, rename="camel"):
    """An access as its holder sees it; the subject is masked."""

    id: str
    subject: str
    purpose: str
    legal_basis: str
    procedure: str | None
    case_file: str | None
    began_at: dt.datetime
    expires_at: dt.datetime
    blocks: tuple[str, ...]
    """The blocks that may be asked for under it."""
    allows: Mapping[str, Allowance]
    """Per block what it may show, and what is still needed; as in `/v1/capabilities`."""
    representation: str | None
    position: str
    """Where the position is read."""
    closed_at: dt.datetime | None = None
    """When its holder closed it; nothing is asked under it since."""


EXAMPLE = {
    "id": "01M81NA0FF58PJA14E1H3Z80MV",
    "subject": "*****002K",
    "purpose": "nursery_admission",
    "legalBasis": "Ley 39/2015 art. 28.2",
    "procedure": "MAD_ESC_INF",
    "caseFile": "EI/2026/000123",
    "beganAt": "2026-11-22T12:00:00Z",
    "expiresAt": "2026-11-22T20:00:00Z",
    "blocks": ["residence"],
    "allows": {
        "residence": {
            "fields": ["*"],
            "basis": "no_opposition",
            "assurance": "low",
            "available": True,
        }
    },
    "representation": "01M81NA0FF58PJA14E1H3Z80MV",
    "position": "/v1/accesses/01M81NA0FF58PJA14E1H3Z80MV/position",
}


@post(
    "/",
    operation_id="declareAccess",
    summary="Declare an access",
    description="Who is asked about, for which purpose and case file. Nothing is asked yet.",
    responses={
        201: success(AccessView, "The access is on record.", EXAMPLE),
        **ERRORS,
        **OF_BODY,
    },
)
async def declare_access(request: AnyRequest) -> Response[bytes]:
    """Put a new access on record."""
    caller = caller_of(request, *HOLDERS)
    context = context_of(request)
    wanted = read_declaration(await json_body(request))
    relation = await named_relation(context.desk, caller, wanted)
    access = declared(context.desk, caller, wanted, relation)
    await context.abuse.declared(access, request_id(request))
    await context.desk.open_access(access, request_id(request), "api")
    return shown(request, access, HTTP_201_CREATED)


@get(
    "/{access_id:str}",
    operation_id="getAccess",
    summary="An access of mine",
    responses={200: success(AccessView, "The access.", EXAMPLE), **ERRORS, **NOT_FOUND},
)
async def show_access(request: AnyRequest, access_id: AccessId) -> Response[bytes]:
    """Show an access to its holder."""
    caller = caller_of(request, *HOLDERS)
    access = await own_access(request, caller, access_id)
    closed = await context_of(request).desk.closings.closed_at(access_id)
    return shown(request, access, HTTP_200_OK, closed)


@get(
    "/{access_id:str}/position",
    operation_id="getPosition",
    summary="The position under an access",
    responses={**POSITION_RESPONSES, **NOT_FOUND},
)
async def position_under_access(request: AnyRequest, access_id: AccessId) -> Response[bytes]:
    """The subject's position, as far as the purpose allows."""
    caller = caller_of(request, *HOLDERS)
    asked = asked_of(request)
    wish = wish_of(request, asked)
    access = await open_access(request, caller, access_id)
    return await whole_answer(request, access, caller, asked, wish)


@get(
    "/{access_id:str}/position/{block:str}",
    operation_id="getBlock",
    summary="One block under an access, in pages",
    responses=block_responses(),
)
async def block_under_access(
    request: AnyRequest, access_id: AccessId, block: BlockName
) -> Response[bytes]:
    """One block of the subject's position."""
    caller = caller_of(request, *HOLDERS)
    asked = asked_of(request)
    wish = wish_of(request, asked, block)
    access = await open_access(request, caller, access_id)
    return await block_answer(request, access, caller, asked, wish)


async def own_access(request: AnyRequest, caller: Caller, access_id: str) -> Access:
    """The access, if it is the caller's: somebody else's is not found, like an invented one."""
    access = await context_of(request).desk.find_access(access_id)
    holder = (caller.issuer, caller.subject_id)
    if access is None or (access.caller.issuer, access.caller.subject_id) != holder:
        raise Problem("not-found", "no such access of yours")
    return access


async def open_access(request: AnyRequest, caller: Caller, access_id: str) -> Access:
    """As `own_access`, while it lives."""
    access = await own_access(request, caller, access_id)
    if context_of(request).desk.clock() >= access.expires_at:
        raise Problem("access-expired", "declare a new one with POST /v1/accesses")
    if await context_of(request).desk.closings.closed_at(access_id) is not None:
        raise Problem("access-closed", "declare a new one with POST /v1/accesses")
    await context_of(request).abuse.inquired(access, request_id(request))
    return access


def shown(
    request: AnyRequest, access: Access, status: int, closed: dt.datetime | None = None
) -> Response[bytes]:
    """An access as its holder sees it."""
    desk = context_of(request).desk
    purpose = desk.purposes.get(access.purpose)
    path = f"/v1/accesses/{access.id}"
    view = AccessView(
        id=access.id,
        subject=str(access.subject),
        purpose=access.purpose,
        legal_basis=access.legal_basis,
        procedure=access.procedure,
        case_file=access.case_file,
        began_at=access.began_at,
        expires_at=access.expires_at,
        blocks=tuple(purpose.blocks) if purpose else (),
        allows=allowances(desk.purposes, access.caller, purpose) if purpose else {},
        representation=access.representation,
        position=f"{path}/position",
        closed_at=closed,
    )
    return Response(
        msgspec.json.encode(view),
        status_code=status,
        media_type="application/json",
        headers={"location": path, "cache-control": "private, no-store"},
    )


router = Router(
    "/v1/accesses",
    route_handlers=[
        Router("/", route_handlers=[declare_access, show_access], parameters=LANGUAGE),
        Router("/", route_handlers=[position_under_access], parameters=POSITION_PARAMETERS),
        Router("/", route_handlers=[block_under_access], parameters=BLOCK_PARAMETERS),
    ],
    tags=["Accesses"],
)
