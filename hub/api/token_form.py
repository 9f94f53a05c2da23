"""The form of a bearer token, before any key is tried: compact, strict, small, unambiguous."""

from __future__ import annotations

import base64
import json
import re
from typing import Any, Literal

from msgspec import Struct

from hub.core.errors import HubError

MAX_TOKEN_BYTES = 16_384
"""A longer token is refused unparsed."""

RefusalReason = Literal[
    "algorithm",
    "audience",
    "binding",
    "claims",
    "client",
    "document",
    "expired",
    "form",
    "header",
    "issuer",
    "key",
    "not_yet",
    "role",
    "scheme",
    "signature",
    "too_long",
]
"""Why a token is refused. Closed: the ledger counts refusals by it."""

_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_TYPES = ("jwt", "at+jwt", "application/at+jwt")


class InvalidToken(HubError):
    """The token is refused; the message says why and quotes nothing of it.

    `issuer` is the configured issuer that the token claims, None where it claims none.
    """

    def __init__(self, reason: RefusalReason, why: str, issuer: str | None = None) -> None:
        super().__init__(why)
        self.reason, self.issuer = reason, issuer


class Unverified(Struct, frozen=True, kw_only=True):
    """What a token says of itself; to be believed by nobody."""

    issuer: object
    kid: object
    algorithm: object


def read_form(token: str) -> Unverified:
    """What *token* claims, if its form is flawless (RFC 7515 section 7.1); raises InvalidToken."""
    if len(token) > MAX_TOKEN_BYTES:
        raise InvalidToken("too_long", f"longer than {MAX_TOKEN_BYTES} bytes")
    if not _COMPACT.fullmatch(token):
        raise InvalidToken("form", "not in compact form with strict base64url")
    head, body, signature = token.split(".")
    header, payload = _object(_strict(head)), _object(_strict(body))
    _strict(signature)
    kind = header.get("typ", "JWT")
    if "crit" in header or not isinstance(kind, str) or kind.lower() not in _TYPES:
        raise InvalidToken("header", "the header asks for something that the hub does not do")
    return Unverified(
        issuer=payload.get("iss"), kid=header.get("kid", ""), algorithm=header.get("alg")
    )


def _strict(part: str) -> bytes:
    """The bytes of *part*, if it is the one base64url text of them (RFC 4648 section 3.5)."""
    if len(part) % 4 != 1:
        data = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
        if base64.urlsafe_b64encode(data).rstrip(b"=").decode() == part:
            return data
    raise InvalidToken("form", "not in compact form with strict base64url")


def _object(data: bytes) -> dict[str, Any]:
    """A JSON object whose names stand once each: two readers must never see two tokens."""
    try:
        found = json.loads(data.decode(), object_pairs_hook=_once)
    except (ValueError, RecursionError):
        raise InvalidToken("form", "not a JSON Web Token") from None
    if not isinstance(found, dict):
        raise InvalidToken("form", "not a JSON Web Token")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise InvalidToken("form", "a name stands twice in it")
    return found
