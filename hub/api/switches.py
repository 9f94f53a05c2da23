"""`/v1/switches`: operators take a source, or one operation of it, out and put it back.

A switch holds until it is turned again or the hub restarts; what shall stay belongs into
`hub.toml` (`off` of the source's limits).
"""

from __future__ import annotations

import msgspec
import structlog
from litestar import Response, Router, get, put
from msgspec import Struct

from hub.api.bodies import json_body
from hub.api.context import AnyRequest, caller_of, context_of
from hub.api.parameters import ERRORS, LANGUAGE, NOT_FOUND, TOO_LARGE, success
from hub.api.problems import Fault, Problem
from hub.position.sources import Sources
from hub.wire.switch import WHOLE

log = structlog.get_logger()


class SwitchOrder(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to take out, or put back."""

    source: str
    operation: str = WHOLE
    off: bool


class Switches(Struct, frozen=True, kw_only=True):
    """Per source the operations that are off; `*` is all of them."""

    off: dict[str, tuple[str, ...]]


EXAMPLE = {"off": {"register": ["*"], "taxes": []}}


@get(
    "/",
    operation_id="listSwitches",
    summary="What operators have taken out",
    responses={200: success(Switches, "Per source.", EXAMPLE), **ERRORS},
)
async def list_switches(request: AnyRequest) -> Response[bytes]:
    """The state of every switch."""
    caller_of(request, "operator")
    return _shown(context_of(request).desk.sources)


@put(
    "/",
    operation_id="turnSwitch",
    summary="Take a source or an operation out, or put it back",
    description="Takes effect before the next message to the source, also of what is under way.",
    responses={
        200: success(Switches, "The state after it.", EXAMPLE),
        **ERRORS,
        **NOT_FOUND,
        **TOO_LARGE,
    },
)
async def turn_switch(request: AnyRequest) -> Response[bytes]:
    """Turn one switch."""
    caller = caller_of(request, "operator")
    order = _order(await json_body(request))
    sources = context_of(request).desk.sources
    _turn(sources, order)
    log.warning("switch_turned", by=caller.subject_id, **msgspec.structs.asdict(order))
    return _shown(sources)


def _order(body: bytes) -> SwitchOrder:
    try:
        return msgspec.json.decode(body, type=SwitchOrder)
    except (msgspec.DecodeError, UnicodeDecodeError):
        detail = "an object with source, off and, where not all of it, operation"
        raise Problem("invalid-request", errors=(Fault(pointer="", detail=detail),)) from None


def _turn(sources: Sources, order: SwitchOrder) -> None:
    source = sources.by_name.get(order.source)
    if source is None:
        raise Problem("not-found", "no such source; GET /v1/switches lists them")
    if order.operation not in {WHOLE, *(operation.name for operation in source.spec.operations)}:
        raise Problem("not-found", "no such operation of this source")
    source.client.guard.switch.turn(order.operation, off=order.off)


def _shown(sources: Sources) -> Response[bytes]:
    off = {name: source.client.guard.switch.off for name, source in sources.by_name.items()}
    return Response(
        msgspec.json.encode(Switches(off=off)),
        media_type="application/json",
        headers={"cache-control": "no-store"},
    )


router = Router(
    "/v1/switches",
    route_handlers=[list_switches, turn_switch],
    parameters=LANGUAGE,
    tags=["Operations"],
)
