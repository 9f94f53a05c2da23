"""`/v1/me`: the citizen's own position."""

from __future__ import annotations

from litestar import Response, Router, get

from hub.api.answering import BlockName, asked_of, block_answer, whole_answer, wish_of
from hub.api.context import AnyRequest, caller_of, context_of
from hub.api.parameters import (
    BLOCK_PARAMETERS,
    POSITION_PARAMETERS,
    POSITION_RESPONSES,
    block_responses,
)
from hub.api.problems import Problem, request_id
from hub.core.connector import Subject
from hub.core.policy import Access, Caller
from hub.position.access import begin_access, birth_date_of
from hub.position.desk import Desk

PURPOSE = "self_service"


@get(
    "/",
    operation_id="getMyPosition",
    summary="My integral position",
    description="Every block that the City Council can show you, each with its own state.",
    responses=POSITION_RESPONSES,
)
async def my_position(request: AnyRequest) -> Response[bytes]:
    """The citizen's own position."""
    caller = caller_of(request, "citizen")
    asked = asked_of(request)
    wish = wish_of(request, asked)
    access = await _own_access(request, caller)
    return await whole_answer(request, access, caller, asked, wish)


@get(
    "/{block:str}",
    operation_id="getMyBlock",
    summary="One block of my position, in pages",
    responses=block_responses(),
)
async def my_block(request: AnyRequest, block: BlockName) -> Response[bytes]:
    """One block of the citizen's own position."""
    caller = caller_of(request, "citizen")
    asked = asked_of(request)
    wish = wish_of(request, asked, block)
    access = await _own_access(request, caller)
    return await block_answer(request, access, caller, asked, wish)


async def _own_access(request: AnyRequest, caller: Caller) -> Access:
    """A citizen's look at their own data is an access like any other: on record first."""
    desk = context_of(request).desk
    access = own_access(desk, caller)
    await desk.open_access(access, request_id(request), "me")
    return access


def own_access(desk: Desk, caller: Caller) -> Access:
    """An access of *caller* to their own data, not on record yet."""
    purpose = desk.purposes.get(PURPOSE)
    if caller.document is None or purpose is None:
        raise Problem("invalid-token", "it names no identity document")
    subject = Subject(
        document=caller.document,
        given_name=caller.given_name,
        first_surname=caller.first_surname,
        second_surname=caller.second_surname,
        birth_date=birth_date_of(caller.birth_date),
    )
    return begin_access(caller, purpose, subject, desk.clock)


router = Router(
    "/v1/me/position",
    route_handlers=[
        Router("/", route_handlers=[my_position], parameters=POSITION_PARAMETERS),
        Router("/", route_handlers=[my_block], parameters=BLOCK_PARAMETERS),
    ],
    tags=["Citizen"],
)
