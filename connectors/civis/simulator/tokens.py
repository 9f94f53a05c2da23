"""The token endpoint of the simulated CIVIS, and what it believes afterwards (RFC 6749, 6750)."""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from urllib.parse import parse_qs, unquote_plus

from msgspec import Struct

from connectors.civis.simulator.http import Reply, Request, as_json
from hub.sandbox.stage import Stage

SCOPES = frozenset({"civis.servicios.leer", "civis.prestaciones.leer"})
"""What the technical user may be given; nothing opens the protected families."""

LIFE_S = 300
MOST_TOKENS = 1000


class Issued(Struct, frozen=True):
    """A token that is believed until a moment (Unix seconds), for some scopes."""

    until: float
    scopes: frozenset[str]


class TokenOffice:
    """Issues opaque tokens and judges those that come back."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._live: dict[str, Issued] = {}

    def expire_all(self) -> None:
        """From now on no token issued so far is believed."""
        self._live.clear()

    def issue(self, request: Request) -> Reply:
        """The answer of the token endpoint to *request*."""
        if not self._knows_client(request.headers.get("authorization", "")):
            return _error(401, "invalid_client", {"www-authenticate": 'Basic realm="civis"'})
        if not request.headers.get("content-type", "").startswith(
            "application/x-www-form-urlencoded"
        ):
            return _error(400, "invalid_request")
        form = parse_qs(request.body.decode("ascii", "replace"), keep_blank_values=True)
        if any(len(values) != 1 for values in form.values()):
            return _error(400, "invalid_request")
        if form.get("grant_type") != ["client_credentials"]:
            return _error(400, "unsupported_grant_type")
        scopes = frozenset(form.get("scope", [""])[0].split())
        if not scopes or not scopes <= SCOPES:
            return _error(400, "invalid_scope")
        return self._issued(scopes)

    def judge(self, request: Request, needed: str | None) -> Reply | None:
        """None if the bearer token of *request* is good for *needed*, else the refusal."""
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not token:
            return challenge(401, None)
        issued = self._live.get(token)
        if issued is None or issued.until <= self._now():
            return challenge(401, "invalid_token")
        if needed is not None and needed not in issued.scopes:
            return challenge(403, "insufficient_scope")
        return None

    def _issued(self, scopes: frozenset[str]) -> Reply:
        now = self._now()
        self._live = {token: kept for token, kept in self._live.items() if kept.until > now}
        while len(self._live) >= MOST_TOKENS:
            del self._live[next(iter(self._live))]
        token = secrets.token_urlsafe(32)
        self._live[token] = Issued(now + LIFE_S, scopes)
        return as_json(
            200,
            {
                "access_token": token,
                "token_type": "Bearer",
                "expires_in": LIFE_S,
                "scope": " ".join(sorted(scopes)),
            },
            {"pragma": "no-cache"},
        )

    def _knows_client(self, authorization: str) -> bool:
        kind, _, encoded = authorization.partition(" ")
        try:
            pair = base64.b64decode(encoded, validate=True).decode("ascii")
        except (binascii.Error, UnicodeDecodeError):
            return False
        client, _, secret = pair.partition(":")
        right = self._stage.secret("client_secret").encode()
        return (
            kind.lower() == "basic"
            and unquote_plus(client) == self._stage.settings["client_id"]
            and hmac.compare_digest(unquote_plus(secret).encode(), right)
        )

    def _now(self) -> float:
        return self._stage.clock().timestamp()


def challenge(status: int, error: str | None) -> Reply:
    """A refusal of the bearer token (RFC 6750 section 3)."""
    reason = f', error="{error}"' if error else ""
    return as_json(
        status,
        {"error": {"codigo": f"CIV-{status}", "mensaje": "Credencial no admitida"}},
        {"www-authenticate": f'Bearer realm="civis"{reason}'},
    )


def _error(status: int, code: str, headers: dict[str, str] | None = None) -> Reply:
    return as_json(status, {"error": code}, headers)
