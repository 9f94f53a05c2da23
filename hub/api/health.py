"""For operators and their probes: alive, ready, and how each source is."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec
from litestar import Response, get
from msgspec import Struct

from hub.api.context import AnyRequest, Context, context_of
from hub.api.parameters import problem_spec, success
from hub.api.problems import Problem
from hub.core.errors import TechnicalReason
from hub.ledger.delivery import Copy
from hub.position.pulse import BeatState
from hub.position.sources import Sources
from hub.wire.guard import Standing


class Health(Struct, frozen=True, kw_only=True, rename="camel"):
    """The process answers, or can take traffic."""

    status: str


class SourceState(Struct, frozen=True, kw_only=True, rename="camel"):
    """The last answer of a source, and how the hub treats it now."""

    state: BeatState
    treatment: Standing
    since: dt.datetime | None = None
    reason: TechnicalReason | None = None


class Status(Struct, frozen=True, kw_only=True, rename="camel"):
    """The hub's own state and what it last saw of each source."""

    status: str
    records: int
    """How many records the ledger holds."""
    outside_copy: bool
    """Whether a checkpoint was delivered outside lately; without, an operator could rewrite all."""
    outside_copies: tuple[Copy, ...]
    """Per configured place what arrived last."""
    sources: dict[str, SourceState]


_WELL: dict[str, Any] = {
    "breaker": "closed",
    "retryAfter": None,
    "inFlight": 1,
    "limit": 50,
    "waiting": 0,
    "off": [],
}
_STATUS_EXAMPLE = {
    "status": "ok",
    "records": 1042,
    "outsideCopy": True,
    "outsideCopies": [
        {"place": "directory", "size": 1040, "at": "2026-11-22T12:00:00Z", "error": None}
    ],
    "sources": {
        "padron": {
            "state": "answering",
            "since": "2026-11-22T12:00:00Z",
            "reason": None,
            "treatment": _WELL,
        },
        "sap_trm": {
            "state": "failing",
            "since": "2026-11-22T12:00:00Z",
            "reason": "connect_failed",
            "treatment": {**_WELL, "breaker": "open", "retryAfter": 4},
        },
    },
}
_NO_STORE = {"cache-control": "no-store"}


@get(
    "/livez",
    operation_id="isAlive",
    summary="Whether the process answers",
    responses={200: success(Health, "It does.", {"status": "ok"})},
    tags=["Operations"],
    security=[{}],
)
async def livez() -> Response[bytes]:
    """Says nothing about sources or the ledger: a restart would not help them."""
    return _json(Health(status="ok"))


@get(
    "/readyz",
    operation_id="isReady",
    summary="Whether the hub can take traffic",
    responses={
        200: success(Health, "It can.", {"status": "ok"}),
        503: problem_spec("ledger-unavailable", "The ledger cannot write.", retry_after=5),
    },
    tags=["Operations"],
    security=[{}],
)
async def readyz(request: AnyRequest) -> Response[bytes]:
    """Ready as long as the ledger can write; a source that is down changes nothing."""
    context = context_of(request)
    if context.operating.is_leaving:
        raise Problem("leaving", retry_after=5)
    if not await context.desk.ledger.writable():
        raise Problem("ledger-unavailable", retry_after=5)
    return _json(Health(status="ok"))


@get(
    "/status",
    operation_id="getStatus",
    summary="How the hub and its sources are",
    responses={200: success(Status, "The state.", _STATUS_EXAMPLE)},
    tags=["Operations"],
    security=[{}],
)
async def status(request: AnyRequest) -> Response[bytes]:
    """What was last seen; asks nobody."""
    context = context_of(request)
    return _json(_status(context, await context.desk.ledger.size()))


def _status(context: Context, records: int) -> Status:
    sources = _states(context.desk.sources)
    failing = any(source.state == "failing" for source in sources.values())
    return Status(
        status="degraded" if failing else "ok",
        records=records,
        outside_copy=context.delivery.is_outside(),
        outside_copies=context.delivery.copies(),
        sources=sources,
    )


def _states(sources: Sources) -> dict[str, SourceState]:
    beats = sources.pulse.beats()
    return {
        name: SourceState(
            state=beats[name].state,
            since=beats[name].since,
            reason=beats[name].reason,
            treatment=source.client.guard.standing(),
        )
        for name, source in sources.by_name.items()
    }


def _json(value: object) -> Response[bytes]:
    return Response(
        msgspec.json.encode(value), media_type="application/json", headers=dict(_NO_STORE)
    )
