"""`/v1/me/plan`, `/v1/accesses/{id}/plan`: what would be asked, of whom, on which basis.

Nothing is fetched. A plan speaks of purpose, objection and level, never of whether the
person is one to come in person: it is the same for everybody under the same purpose.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from litestar import Response, Router, get
from msgspec import Struct

from hub.api.accesses import HOLDERS, AccessId, open_access
from hub.api.answering import asked_of, wish_of
from hub.api.context import AnyRequest, caller_of, context_of
from hub.api.own import own_access
from hub.api.parameters import ERRORS, LANGUAGE, NOT_FOUND, POSITION_PARAMETERS, success
from hub.api.problems import Problem
from hub.core.policy import Access, Caller
from hub.position.desk import Desk, Wish
from hub.position.plan import Plan, Step


class PlannedBlock(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What would become of a block: `asks`, `denied`, or `unserved` (no source is configured)."""

    state: str
    fields: tuple[str, ...] = ()
    basis: str | None = None
    source: str | None = None
    operations: tuple[str, ...] = ()
    reason: str | None = None
    needs: str | None = None
    paths: tuple[str, ...] = ()
    """The paths that were named and are refused."""


class PlannedCall(Struct, frozen=True, kw_only=True, rename="camel"):
    """One operation of a source, which runs once for all blocks that need it."""

    source: str
    operation: str
    state: str
    """`answering`, `failing`, or `unknown` where it was not asked since the hub began."""
    expected_ms: float | None
    """The median of the last answers."""
    at_most_ms: float
    """After so long one attempt is given up."""
    attempts: int


class PlanView(Struct, frozen=True, kw_only=True, rename="camel"):
    """The plan of a position."""

    purpose: str
    legal_basis: str
    blocks: Mapping[str, PlannedBlock]
    calls: tuple[PlannedCall, ...]


EXAMPLE = {
    "purpose": "self_service",
    "legalBasis": "GDPR art. 6.1.e",
    "blocks": {
        "residence": {
            "state": "asks",
            "fields": ["memberCount"],
            "basis": "law",
            "source": "padron",
            "operations": ["household"],
        },
        "jobSeeker": {"state": "denied", "reason": "needs_procedure"},
    },
    "calls": [
        {
            "source": "padron",
            "operation": "household",
            "state": "answering",
            "expectedMs": 12.5,
            "atMostMs": 3000.0,
            "attempts": 2,
        }
    ],
}
RESPONSES = {200: success(PlanView, "The plan; nothing was asked.", EXAMPLE), **ERRORS}
_PARAMETERS = {name: POSITION_PARAMETERS[name] for name in (*LANGUAGE, "blocks", "fields")}


@get(
    "/v1/me/plan",
    operation_id="planMyPosition",
    summary="What my position would ask",
    responses=RESPONSES,
    tags=["Citizen"],
)
async def my_plan(request: AnyRequest) -> Response[bytes]:
    """The plan of the citizen's own position."""
    caller = caller_of(request, "citizen")
    wish = wish_of(request, asked_of(request))
    access = own_access(context_of(request).desk, caller)
    return _response(await planned(context_of(request).desk, access, caller, wish))


@get(
    "/v1/accesses/{access_id:str}/plan",
    operation_id="planPosition",
    summary="What the position under an access would ask",
    responses={**RESPONSES, **NOT_FOUND},
    tags=["Accesses"],
)
async def plan_under_access(request: AnyRequest, access_id: AccessId) -> Response[bytes]:
    """The plan of a position under an access."""
    caller = caller_of(request, *HOLDERS)
    wish = wish_of(request, asked_of(request))
    access = await open_access(request, caller, access_id)
    return _response(await planned(context_of(request).desk, access, caller, wish))


async def planned(desk: Desk, access: Access, caller: Caller, wish: Wish) -> PlanView:
    """What a position under *access* would ask now."""
    purpose = desk.purposes.get(access.purpose)
    if purpose is None:
        raise Problem("access-expired", "its purpose is no longer in the table")
    known = await desk.door.circumstances(access, purpose)
    plan = desk.plan(access, caller, purpose, wish, known)
    blocks = {name: _block(desk, plan, name) for name in desk.blocks if _is_in(plan, name)}
    return PlanView(
        purpose=purpose.code,
        legal_basis=access.legal_basis,
        blocks=blocks,
        calls=tuple(_call(desk, step) for step in plan.steps),
    )


def _is_in(plan: Plan, name: str) -> bool:
    return name in plan.grants or name in plan.denials


def _block(desk: Desk, plan: Plan, name: str) -> PlannedBlock:
    denial = plan.denials.get(name)
    if denial is not None:
        return PlannedBlock(
            state="denied", reason=denial.reason, needs=denial.needs, paths=denial.paths
        )
    grant = plan.grants[name]
    fields = tuple(sorted(grant.fields))
    if name in plan.unserved:
        return PlannedBlock(state="unserved", fields=fields, basis=grant.basis)
    return PlannedBlock(
        state="asks",
        fields=fields,
        basis=grant.basis,
        source=desk.sources.of_block[name].spec.name,
        operations=plan.operations[name],
    )


def _call(desk: Desk, step: Step) -> PlannedCall:
    patience = desk.sources.by_name[step.source].spec.operation(step.operation).patience
    expected = desk.sources.tempo.expected_s(step)
    return PlannedCall(
        source=step.source,
        operation=step.operation,
        state=desk.sources.pulse.beats()[step.source].state,
        expected_ms=None if expected is None else round(expected * 1000, 1),
        at_most_ms=patience.timeout_s * 1000,
        attempts=patience.attempts,
    )


def _response(view: PlanView) -> Response[bytes]:
    headers = {"cache-control": "private, no-store"}
    return Response(msgspec.json.encode(view), media_type="application/json", headers=headers)


router = Router("/", route_handlers=[my_plan, plan_under_access], parameters=_PARAMETERS)
