"""OAuth 2.0 client credentials (RFC 6749 section 4.4): how the hub proves itself to a source.

The token lives in memory alone, as a Secret. Its exchange is on record without a body; its
answer carries no echo, hence the connection of its own that the wire gives to such a message.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Annotated
from urllib.parse import quote_plus, urlencode

import msgspec
from msgspec import Meta, Struct

from hub.core.connector import Operation, Patience
from hub.core.errors import SourceMalformed, SourceRefused
from hub.core.secret import Secret
from hub.wire.client import Answer, SourceClient
from hub.wire.decode import check_status, json_value

TOKEN = Operation(
    name="token",
    echoes=(),
    patience=Patience(timeout_s=2.0, attempts=1, max_bytes=64 * 1024),
)
"""The token exchange. Tried once: the message that needs the token has its own patience."""

MARGIN_S = 30.0
"""A token is given up this long before it expires, or after nine tenths of a short life."""

LONGEST_S = 3600.0
"""No token is kept longer than this, whatever the endpoint promises."""

ERROR_CODES = frozenset(
    {
        "invalid_request",
        "invalid_client",
        "invalid_grant",
        "unauthorized_client",
        "unsupported_grant_type",
        "invalid_scope",
    }
)
"""RFC 6749 section 5.2: each says that the hub's own registration or setting is wrong."""

Header = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9._~+/-]+=*\Z", max_length=8192)]
"""A bearer token fit for a header line (RFC 6750 section 2.1): no blank, no line end."""


class TokenAnswer(Struct, frozen=True):
    """What is read of a successful answer (RFC 6749 section 5.1)."""

    access_token: Header
    token_type: str
    expires_in: Annotated[int, Meta(gt=0)]
    scope: str | None = None


class TokenError(Struct, frozen=True):
    """What is read of an error answer (RFC 6749 section 5.2); its description is not."""

    error: str


class Token(Struct, frozen=True):
    """A token and until when it is used, in seconds of the event loop's clock."""

    value: Secret
    until: float


_USED: ContextVar[Token | None] = ContextVar("oauth_token_used", default=None)
"""The token of this task's last message: what a 401 that it gets is about."""


class ClientCredentials:
    """Credentials that fetch a bearer token, share it, and replace it when it is refused.

    *client* is the source's way out without credentials. *url* is the token endpoint,
    absolute or relative to the source's address; another origin must be on the source's
    egress list. The client authenticates with `client_secret_basic` (RFC 6749 section 2.3.1).

    Failures are SourceErrors: `hub_credentials` where the endpoint does not accept the hub,
    `schema` or `malformed` where its answer is no bearer token with a lifetime.
    """

    def __init__(
        self, client: SourceClient, *, url: str, client_id: str, client_secret: Secret, scope: str
    ) -> None:
        self._client, self._url = client, url
        self._id, self._secret = client_id, client_secret
        self._scope = scope
        self._token: Token | None = None
        self._flight: asyncio.Task[Token] | None = None

    async def headers(self) -> Mapping[str, str]:
        token = self._token
        if token is None or token.until <= asyncio.get_running_loop().time():
            token = await self._shared_fetch()
        _USED.set(token)
        return {"authorization": f"Bearer {token.value.reveal()}"}

    async def renew(self) -> bool:
        """Give up the token that was refused, unless another call has replaced it already."""
        if self._token is _USED.get():
            self._token = None
        return True

    async def _shared_fetch(self) -> Token:
        """One exchange for all who wait; whoever gives up waiting does not end it."""
        if self._flight is None:
            self._flight = asyncio.ensure_future(self._fetch())
            self._flight.add_done_callback(self._landed)
            self._client.outlives_its_caller(self._flight)
        return await asyncio.shield(self._flight)

    def _landed(self, flight: asyncio.Task[Token]) -> None:
        self._flight = None
        if not flight.cancelled() and flight.exception() is None:
            self._token = flight.result()

    async def _fetch(self) -> Token:
        began = asyncio.get_running_loop().time()
        answer = await self._client.technical_call(TOKEN).post(
            self._url,
            urlencode({"grant_type": "client_credentials", "scope": self._scope}).encode(),
            {
                "authorization": f"Basic {self._basic()}",
                "content-type": "application/x-www-form-urlencoded",
                "accept": "application/json",
            },
        )
        _check_refusal(answer)
        return _token(answer, self._scope, began)

    def _basic(self) -> str:
        pair = f"{quote_plus(self._id)}:{quote_plus(self._secret.reveal())}"
        return base64.b64encode(pair.encode()).decode()


def _check_refusal(answer: Answer) -> None:
    if answer.status == 400:  # noqa: PLR2004 - RFC 6749 section 5.2
        code = _error_code(answer)
        if code is not None:
            raise SourceRefused(answer.source, "hub_credentials", f"token endpoint: {code}")
    check_status(answer)


def _error_code(answer: Answer) -> str | None:
    """The answer's error code, if it is one of the standard's; its text may say anything."""
    try:
        code = msgspec.json.decode(answer.body, type=TokenError).error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return code if code in ERROR_CODES else None


def _token(answer: Answer, scope: str, began: float) -> Token:
    found = json_value(answer, TokenAnswer)
    if found.token_type.lower() != "bearer":
        raise SourceMalformed(answer.source, "schema", "token endpoint: not a bearer token")
    # a granted scope that is not stated is the one asked for (RFC 6749 section 5.1)
    if found.scope is not None and not set(scope.split()) <= set(found.scope.split()):
        raise SourceRefused(answer.source, "hub_credentials", "token endpoint: a narrower scope")
    life = float(min(found.expires_in, LONGEST_S))
    return Token(Secret(found.access_token), began + life - min(MARGIN_S, life / 10))
