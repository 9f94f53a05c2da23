"""What every route shares: the desk, the authenticator and the settings; and who is calling."""

from __future__ import annotations

from typing import Any

from litestar import Request
from msgspec import Struct

from hub.api.auth import Authenticator, InvalidToken
from hub.api.problems import Problem
from hub.core.policy import Audience, Caller
from hub.position.desk import Desk
from hub.settings import Settings

AnyRequest = Request[Any, Any, Any]


class Context(Struct, frozen=True, kw_only=True):
    """The parts that routes use; one per application."""

    desk: Desk
    authenticator: Authenticator
    settings: Settings


def context_of(request: AnyRequest) -> Context:
    """The application's context."""
    found = request.app.state.context
    assert isinstance(found, Context)  # noqa: S101 - set once by the composition root
    return found


def caller_of(request: AnyRequest, *audiences: Audience) -> Caller:
    """The caller behind the bearer token, if it is one of *audiences*."""
    lines = request.headers.getall("authorization", [])
    if not lines:
        raise Problem("missing-token", "send it as `Authorization: Bearer <token>`")
    scheme, _, token = lines[0].partition(" ")
    if len(lines) > 1 or scheme.lower() != "bearer":
        raise Problem("invalid-token", "one Authorization header with the scheme Bearer")
    try:
        caller = context_of(request).authenticator.caller(token)
    except InvalidToken as error:
        raise Problem("invalid-token", str(error)) from None
    if caller.audience not in audiences:
        raise Problem("wrong-audience", f"for: {', '.join(audiences)}; you are: {caller.audience}")
    return caller
