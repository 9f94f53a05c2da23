"""`/v1/switches`: operators take a source, or one operation of it, out and put it back.

Turning one is a record, and whoever looks at switches has acted as an operator: the same person
does not audit. A switch holds until it is turned again or the hub restarts; what shall stay
belongs into `hub.toml` (`off` of the source's limits).
"""

from __future__ import annotations

import msgspec
import structlog
from litestar import Response, Router, get, put
from msgspec import Struct

from hub.api.audit_acts import operator
from hub.api.bodies import json_body
from hub.api.context import AnyRequest, context_of
from hub.api.parameters import ERRORS, LANGUAGE, NOT_FOUND, OF_BODY, success
from hub.api.problems import Fault, Problem, request_id
from hub.audit.act import note_switch
from hub.position.sources import Sources
from hub.wire.switch import WHOLE, Switch

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
    await operator(request)
    return _shown(context_of(request).desk.sources)


@put(
    "/",
    operation_id="turnSwitch",
    summary="Take a source or an operation out, or put it back",
    description="On record before it takes effect, which is before the next message to the"
    " source, also of what is under way.",
    responses={
        200: success(Switches, "The state after it.", EXAMPLE),
        **ERRORS,
        **NOT_FOUND,
        **OF_BODY,
    },
)
async def turn_switch(request: AnyRequest) -> Response[bytes]:
    """Turn one switch."""
    caller = await operator(request)
    desk, order = context_of(request).desk, _order(await json_body(request))
    switch, stated = _switch(desk.sources, order), msgspec.structs.asdict(order)
    await note_switch(desk.ledger, desk.clock, caller, stated, request_id(request))
    switch.turn(order.operation, off=order.off)
    log.warning("switch_turned", by=caller.subject_id, **stated)
    return _shown(desk.sources)


def _order(body: bytes) -> SwitchOrder:
    try:
        return msgspec.json.decode(body, type=SwitchOrder)
    except (msgspec.DecodeError, UnicodeDecodeError):
        detail = "an object with source, off and, where not all of it, operation"
        raise Problem("invalid-request", errors=(Fault(pointer="", detail=detail),)) from None


def _switch(sources: Sources, order: SwitchOrder) -> Switch:
    """The switch that *order* speaks of, if there is such a source and operation."""
    source = sources.by_name.get(order.source)
    if source is None:
        raise Problem("not-found", "no such source; GET /v1/switches lists them")
    if order.operation not in {WHOLE, *(operation.name for operation in source.spec.operations)}:
        raise Problem("not-found", "no such operation of this source")
    return source.client.guard.switch


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
