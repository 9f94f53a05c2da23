"""Before every request: its bearer token, if it has one, becomes a Caller or a refusal.

Routes ask for the result with `hub.api.context.caller_of`; those that are open to everybody
do not, and a bad token changes nothing for them.
"""

from __future__ import annotations

from msgspec import Struct

from hub.api.auth import Authenticator
from hub.api.certificate import Network, thumbprint_of
from hub.api.keysets import KeysUnavailable
from hub.api.problems import Problem
from hub.api.refusals import Refusals
from hub.api.token_form import InvalidToken
from hub.core.policy import Caller

IDENTITY = "hub_identity"
"""Key of the Caller, or of the Problem instead, in the ASGI scope."""


class Identifier(Struct, frozen=True, kw_only=True):
    """What it takes to tell who calls."""

    authenticator: Authenticator
    refusals: Refusals
    trusted: tuple[Network, ...] = ()

    async def identify(self, lines: list[str], scope: object) -> Caller | Problem:
        """The caller behind the Authorization header lines of a request, or why there is none."""
        if not lines:
            return Problem("missing-token", "send it as `Authorization: Bearer <token>`")
        scheme, _, token = lines[0].partition(" ")
        if len(lines) > 1 or scheme.lower() != "bearer":
            self.refusals.count(None, "scheme")
            return Problem("invalid-token", "one Authorization header with the scheme Bearer")
        try:
            thumbprint = thumbprint_of(scope, self.trusted)  # type: ignore[arg-type]
            return await self.authenticator.caller(token, thumbprint)
        except InvalidToken as error:
            self.refusals.count(error.issuer, error.reason)
            return Problem("invalid-token", str(error))
        except KeysUnavailable as error:
            return Problem("issuer-unavailable", str(error), retry_after=30)
