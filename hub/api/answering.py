"""From a caller's wish to the HTTP answer: shared by the citizen's and the officials' routes."""

from __future__ import annotations

from typing import Annotated

from litestar import Response
from litestar.params import PathParameter

from hub.api.context import AnyRequest, context_of
from hub.api.denying import denied
from hub.api.problems import Fault, Problem, request_id
from hub.api.texts import language_of, reason_text
from hub.api.views import content_response, paged, summary_view, whole_view
from hub.api.wishes import Asked, read_cursor, read_wish
from hub.core.policy import Access, Caller
from hub.core.position import Block, Empty, Fresh, Pending, Position, Stale, Unavailable
from hub.position.desk import Answered, Refused, Wish
from hub.position.doorkeeper import IN_PERSON

BlockName = Annotated[
    str, PathParameter(description="Name of a block; `GET /v1/blocks` lists them")
]


def asked_of(request: AnyRequest) -> Asked:
    """The parameters of a position, as documented in `hub.api.parameters`."""
    query, headers = request.query_params, request.headers
    return Asked(
        blocks=query.get("blocks"),
        fields=query.get("fields"),
        view=query.get("view"),
        cursor=query.get("cursor"),
        prefer=headers.get("prefer"),
    )


def wish_of(request: AnyRequest, asked: Asked, block: str | None = None) -> Wish:
    """The wish in *asked*, or for one *block* named in the path."""
    context = context_of(request)
    if block is not None and block not in context.desk.blocks:
        raise Problem("not-found", "no such block; GET /v1/blocks lists them")
    named = asked if block is None else Asked(blocks=block, prefer=asked.prefer)
    return read_wish(named, context.desk.blocks, context.settings.server, request_id(request))


async def whole_answer(
    request: AnyRequest, access: Access, caller: Caller, asked: Asked, wish: Wish
) -> Response[bytes]:
    """The position, whole or as a summary."""
    answered = await _answered(request, access, caller, wish)
    summary = asked.view == "summary"
    shown = summary_view(answered) if summary else whole_view(answered.position)
    return content_response(
        shown,
        answered.position.blocks,
        context_of(request).desk.blocks,
        request.headers.get("if-none-match"),
        {"preference-applied": f"wait={wish.wait_s:g}"},
    )


async def block_answer(
    request: AnyRequest, access: Access, caller: Caller, asked: Asked, wish: Wish
) -> Response[bytes]:
    """One block, the page that the cursor names."""
    first = read_cursor(asked.cursor)
    answered = await _answered(request, access, caller, wish)
    [(name, block)] = answered.position.blocks.items()
    return content_response(
        paged(block, first),
        {name: block},
        context_of(request).desk.blocks,
        request.headers.get("if-none-match"),
        {"preference-applied": f"wait={wish.wait_s:g}"},
    )


async def _answered(request: AnyRequest, access: Access, caller: Caller, wish: Wish) -> Answered:
    try:
        answered = await context_of(request).desk.answer(access, caller, wish)
    except Refused as refusal:
        raise denied(request, caller, refusal.denials) from None
    _refuse_nothing(request, answered.position)
    return answered


def _is_of_use(block: Block) -> bool:
    """Whether its reader can go on from there; `in_person` says what to do."""
    return isinstance(block, Fresh | Stale | Empty | Pending) or block == IN_PERSON


def _refuse_nothing(request: AnyRequest, position: Position) -> None:
    """503 when some source failed and nothing in the answer is of use."""
    blocks = position.blocks
    failed = {name: b for name, b in blocks.items() if isinstance(b, Unavailable)}
    if not failed or any(map(_is_of_use, blocks.values())):
        return
    language = language_of(request.headers.get("accept-language"))
    faults = tuple(
        Fault(block=name, reason=b.reason, detail=reason_text(b.reason, language))
        for name, b in failed.items()
    )
    waits = [b.retry_after for b in failed.values() if b.retry_after]
    raise Problem("nothing-available", errors=faults, retry_after=min(waits, default=30))
