"""What every route shares: the desk, the authenticator and the settings; and who is calling."""

from __future__ import annotations

from typing import Any

from litestar import Request
from msgspec import Struct

from hub.api.identifying import IDENTITY, Identifier
from hub.api.problems import Problem
from hub.core.policy import Audience, Caller
from hub.ledger.delivery import Delivery
from hub.position.desk import Desk
from hub.settings import Settings

AnyRequest = Request[Any, Any, Any]


class Context(Struct, frozen=True, kw_only=True):
    """The parts that routes use; one per application."""

    desk: Desk
    identifier: Identifier
    settings: Settings
    delivery: Delivery


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
    if caller.audience not in audiences:
        raise Problem("wrong-audience", f"for: {', '.join(audiences)}; you are: {caller.audience}")
    return caller
