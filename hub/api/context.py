"""What every route shares: the desk, the authenticator and the settings; and who is calling."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from litestar import Request, Response
from msgspec import Struct, field

from hub.api.admission import Traffic, note_quotas
from hub.api.figures_trust import Peer
from hub.api.identifying import IDENTITY, Identifier
from hub.api.loopwatch import LoopWatch
from hub.api.problems import Problem, problem_response
from hub.api.tally import Requests
from hub.core.policy import Audience, Caller
from hub.ledger.delivery import Delivery
from hub.position.abuse import Abuse, Stopped
from hub.position.access_log import AccessLog
from hub.position.desk import Desk
from hub.settings import Settings
from hub.telemetry import SpanTally, Telemetry

AnyRequest = Request[Any, Any, Any]


class Operating(Struct, kw_only=True):
    """What the process says of itself, whatever it is configured as; one per process."""

    loop: LoopWatch = field(default_factory=LoopWatch)
    requests: Requests = field(default_factory=Requests)
    spans: SpanTally = field(default_factory=SpanTally)
    reloaded: int = 0
    """How often a changed configuration was taken over."""
    refused: int = 0
    """How often one was refused."""
    is_refused: bool = False
    """Whether the last one was: the file differs from what is served."""
    is_leaving: bool = False
    """Whether it was told to stop: what is under way is finished, nobody new should come."""


class Context(Struct, frozen=True, kw_only=True):
    """The parts that routes use; one per application."""

    desk: Desk
    identifier: Identifier
    access_log: AccessLog
    abuse: Abuse
    settings: Settings
    delivery: Delivery
    traffic: Traffic = field(default_factory=Traffic)
    operating: Operating = field(default_factory=Operating)
    telemetry: Telemetry | None = None
    """The way out for spans, where there is one."""
    peers: Mapping[str, Peer] = field(default_factory=dict)
    """Those that are no sources: the issuers' key sets, the places that checkpoints go to."""


def context_of(request: AnyRequest) -> Context:
    """The application's context."""
    found = request.app.state.context
    assert isinstance(found, Context)  # noqa: S101 - set once by the composition root
    return found


async def identified(request: AnyRequest) -> None:
    """Runs before every route: who calls, or why nobody does, is in the scope from here on."""
    lines = request.headers.getall("authorization", [])
    identity = await context_of(request).identifier.identify(lines, request.scope)
    request.scope[IDENTITY] = identity  # type: ignore[literal-required]


def caller_of(request: AnyRequest, *audiences: Audience) -> Caller:
    """The caller behind the bearer token, if it is one of *audiences*."""
    caller = request.scope.get(IDENTITY)
    if not isinstance(caller, Caller):
        raise caller if isinstance(caller, Problem) else Problem("missing-token")
    _charge(request, caller)
    if caller.audience not in audiences:
        raise Problem("wrong-audience", f"for: {', '.join(audiences)}; you are: {caller.audience}")
    return caller


def _charge(request: AnyRequest, caller: Caller) -> None:
    """Take the request from the caller's quotas; its answer tells what is left."""
    allowed, quotas = context_of(request).traffic.rates.take(caller)
    note_quotas(request.scope, quotas)
    if not allowed:
        wait_s = max(quota.reset_s for quota in quotas if not quota.remaining)
        raise Problem("too-many-requests", retry_after=max(wait_s, 1))


def on_stopped(request: AnyRequest, error: Stopped) -> Response[bytes]:
    """More than the purpose allows one official in an hour; counted, for it can be a flood."""
    caller = request.scope.get(IDENTITY)
    issuer = caller.issuer if isinstance(caller, Caller) else None
    context_of(request).identifier.refusals.count(issuer, f"stopped_{error.measure}")
    problem = Problem("too-many-inquiries", str(error), retry_after=error.retry_after)
    return problem_response(request, problem)
