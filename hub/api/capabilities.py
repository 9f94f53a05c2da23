"""`/v1/capabilities`: what this caller may ask, per purpose, block and field."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from litestar import Response, get
from msgspec import Struct

from hub.api.context import AnyRequest, caller_of, context_of
from hub.api.parameters import ERRORS, success
from hub.core.policy import Caller, Denial, PlainText, Purpose, PurposeTable, decide
from hub.position.desk import Desk


class Allowance(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What a purpose allows of a block, and whether this caller may have it as they are."""

    fields: tuple[str, ...]
    """Canonical paths; `*` for the whole block."""
    basis: str
    assurance: str
    available: bool
    scope: str | None = None
    reveal: bool = False
    """Whether an official states a reason first (`POST /v1/accesses/{id}/reveal`)."""
    reason: str | None = None
    """Why it is not available."""
    needs: str | None = None


class Capability(Struct, frozen=True, kw_only=True, rename="camel"):
    """A purpose that this kind of caller may state."""

    purpose: str
    title: PlainText
    explanation: PlainText
    legal_basis: str
    procedure: str | None
    states: tuple[str, ...]
    """What an access under it must state."""
    minutes: int
    default_blocks: tuple[str, ...]
    blocks: Mapping[str, Allowance]


class Capabilities(Struct, frozen=True, kw_only=True, rename="camel"):
    """Every purpose of this caller; a block without a row is denied."""

    purposes: tuple[Capability, ...]


EXAMPLE = {
    "purposes": [
        {
            "purpose": "self_service",
            "title": {"es": "Consulta de mis propios datos", "en": "Looking up my own data"},
            "explanation": {"es": "Usted consulta sus datos.", "en": "You look up your data."},
            "legalBasis": "GDPR art. 6.1.e",
            "procedure": "MAD_ESC_INF",
            "states": [],
            "minutes": 15,
            "defaultBlocks": ["identity"],
            "blocks": {
                "identity": {
                    "fields": ["*"],
                    "basis": "law",
                    "assurance": "low",
                    "available": True,
                }
            },
        }
    ]
}


@get(
    "/v1/capabilities",
    operation_id="listCapabilities",
    summary="What I may ask, per purpose and field",
    description="Says what the table of purposes allows this caller; asks nothing of anybody.",
    responses={200: success(Capabilities, "The purposes.", EXAMPLE), **ERRORS},
    tags=["Catalogue"],
)
async def list_capabilities(request: AnyRequest) -> Response[bytes]:
    """The purposes, blocks and fields of the caller."""
    caller = caller_of(request, "citizen", "official", "system", "processor", "auditor", "operator")
    return Response(
        msgspec.json.encode(capabilities(context_of(request).desk, caller)),
        media_type="application/json",
        headers={"cache-control": "private, no-cache", "vary": "Authorization"},
    )


def capabilities(desk: Desk, caller: Caller) -> Capabilities:
    """The rows of the table for *caller*."""
    rows = [row for row in desk.purposes.purposes if caller.audience in row.audience]
    return Capabilities(purposes=tuple(_capability(desk.purposes, caller, row) for row in rows))


def allowances(table: PurposeTable, caller: Caller, purpose: Purpose) -> dict[str, Allowance]:
    """Per block of *purpose* what *caller* may have of it."""
    return {name: _allowance(table, caller, purpose, name) for name in purpose.blocks}


def _allowance(table: PurposeTable, caller: Caller, purpose: Purpose, name: str) -> Allowance:
    rule = purpose.blocks[name]
    decision = decide(table, caller, purpose, name)
    denial = decision if isinstance(decision, Denial) else None
    return Allowance(
        fields=rule.fields,
        basis=rule.basis,
        assurance=rule.assurance,
        available=denial is None,
        scope=rule.scope,
        reveal=rule.reveal,
        reason=denial.reason if denial else None,
        needs=denial.needs if denial else None,
    )


def _capability(table: PurposeTable, caller: Caller, row: Purpose) -> Capability:
    return Capability(
        purpose=row.code,
        title=row.title,
        explanation=row.explanation,
        legal_basis=row.legal_basis,
        procedure=row.procedure,
        states=row.states,
        minutes=row.minutes,
        default_blocks=row.default_blocks,
        blocks=allowances(table, caller, row),
    )
