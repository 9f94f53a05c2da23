"""Who is calling: a bearer token of a configured issuer becomes a Caller.

PyJWT verifies; this module pins what it leaves open: the algorithms per issuer, the required
claims, the strict form (`token_form`), which key may be used (`keysets`), which client may
call, and that a token bound to a certificate comes with it (RFC 8705). `jku`, `x5u`, `jwk`
and `x5c` headers are never looked at.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jwt
from cachetools import TLRUCache
from msgspec import Struct

from hub.api.keysets import ALGORITHMS, FileKeys, KeySet, UrlKeys
from hub.api.token_form import InvalidToken, RefusalReason, Unverified, read_form
from hub.core.document import parse_document
from hub.core.errors import InvalidDocument, SettingsError
from hub.core.policy import Assurance, Caller
from hub.position.access import birth_date_of
from hub.settings import Claims, Issuer

REQUIRED = ("exp", "iat", "iss", "aud", "sub")

REMEMBERED = 4096
"""How many verified tokens are remembered, each by its SHA-256."""

REMEMBERED_S = 60.0
"""How long, at most: so long does a key live on that its issuer has withdrawn."""

_WHY: dict[type[jwt.PyJWTError], tuple[RefusalReason, str]] = {
    jwt.ExpiredSignatureError: ("expired", "expired"),
    jwt.ImmatureSignatureError: ("not_yet", "not valid yet"),
    jwt.InvalidAudienceError: ("audience", "issued for another audience"),
    jwt.InvalidIssuerError: ("issuer", "issued by another issuer"),
    jwt.MissingRequiredClaimError: ("claims", "a required claim is missing"),
    jwt.InvalidSignatureError: ("signature", "the signature is wrong"),
    jwt.InvalidAlgorithmError: ("algorithm", "the algorithm is not allowed"),
}
"""Refusals in words of our own: the library's text can quote claims."""


class _Verified(Struct, frozen=True):
    """A token that holds until *until* (Unix seconds), for whoever has the certificate."""

    caller: Caller
    thumbprint: str | None
    until: float


class Authenticator:
    """Verifies tokens against the issuers of the configuration.

    *by_url* gives the key set of an issuer that publishes it; without it only files do.
    Raises SettingsError for an issuer that cannot be believed safely.
    """

    def __init__(
        self,
        issuers: Sequence[Issuer],
        root: Path,
        by_url: Callable[[Issuer], KeySet] | None = None,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        if faults := [fault for issuer in issuers for fault in issuer_faults(issuer)]:
            raise SettingsError(faults)
        self._issuers = {issuer.issuer: issuer for issuer in issuers}
        self._keys = {issuer.issuer: _key_set(issuer, root, by_url) for issuer in issuers}
        self._now = now
        self.published = {n: k for n, k in self._keys.items() if isinstance(k, UrlKeys)}
        """By issuer, the key sets that come from its URL."""
        self._known: TLRUCache[bytes, _Verified] = TLRUCache(
            REMEMBERED, ttu=lambda _key, known, _now: known.until, timer=now
        )

    async def caller(self, token: str, thumbprint: str | None = None) -> Caller:
        """The caller that *token* proves; *thumbprint* is that of the client's certificate.

        Raises InvalidToken, and KeysUnavailable where the issuer's keys cannot be had.
        """
        digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        known = self._known.get(digest)
        if known is None:
            known = await self._verified(token)
            self._known[digest] = known
        if known.thumbprint is not None and not hmac.compare_digest(
            known.thumbprint, thumbprint or ""
        ):
            why = "bound to a client certificate that did not come with it"
            raise InvalidToken("binding", why, known.caller.issuer)
        return known.caller

    async def _verified(self, token: str) -> _Verified:
        claimed = read_form(token)
        name = claimed.issuer if isinstance(claimed.issuer, str) else ""
        issuer = self._issuers.get(name)
        if issuer is None:
            raise InvalidToken("issuer", "the issuer is not one that the hub believes")
        try:
            claims = await self._claims(token, issuer, claimed)
            return _believed(issuer, claims, self._now())
        except InvalidToken as error:
            raise InvalidToken(error.reason, str(error), issuer.issuer) from None

    async def _claims(self, token: str, issuer: Issuer, claimed: Unverified) -> dict[str, Any]:
        algorithm, kid = claimed.algorithm, claimed.kid
        if not isinstance(algorithm, str) or algorithm not in issuer.algorithms:
            raise InvalidToken("algorithm", "the algorithm is not allowed")
        if not isinstance(kid, str):
            raise InvalidToken("header", "the key id is not a text")
        key = await self._keys[issuer.issuer].find(kid, algorithm)
        if key is None:
            raise InvalidToken("key", "no key of the issuer fits the token")
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key=key.key,
                algorithms=[algorithm],
                audience=issuer.audience,
                issuer=issuer.issuer,
                leeway=issuer.leeway_s,
                options={"require": list(REQUIRED), "strict_aud": False},
            )
        except jwt.PyJWTError as error:
            raise InvalidToken(*_why(error)) from None
        if not isinstance(claims["sub"], str) or not claims["sub"]:
            raise InvalidToken("claims", "the claim sub is not a text")
        return claims


def issuer_faults(issuer: Issuer) -> list[str]:
    """Why *issuer* could not be believed safely, as configured."""
    faults = []
    if (issuer.jwks_file is None) == (issuer.jwks_url is None):
        faults.append("either jwks_file or jwks_url")
    if issuer.jwks_url is not None and not _is_safe(issuer.jwks_url):
        faults.append("jwks_url: https, or http on this very machine")
    if not issuer.algorithms or not ALGORITHMS.issuperset(issuer.algorithms):
        faults.append(f"algorithms: of {', '.join(sorted(ALGORITHMS))}")
    if "system" in issuer.roles and not issuer.clients:
        faults.append("clients: each system that may call, and how it proves itself")
    if issuer.fixed_role is not None and issuer.fixed_role not in issuer.roles:
        faults.append("fixed_role: not one of its roles")
    return [f"issuers: {issuer.issuer}: {fault}" for fault in faults]


def _is_safe(url: str) -> bool:
    local = ("http://127.0.0.1:", "http://localhost:", "http://[::1]:")
    return url.startswith(("https://", *local))


def _key_set(issuer: Issuer, root: Path, by_url: Callable[[Issuer], KeySet] | None) -> KeySet:
    if issuer.jwks_file is not None:
        return FileKeys(root / issuer.jwks_file, issuer.algorithms)
    if by_url is None:
        raise SettingsError([f"issuers: {issuer.issuer}: jwks_url: there is no network here"])
    return by_url(issuer)


def _why(error: jwt.PyJWTError) -> tuple[RefusalReason, str]:
    """The kind of refusal; a class of the library that is not in the table is malformed."""
    kinds = (found for kind, found in _WHY.items() if isinstance(error, kind))
    return next(kinds, ("claims", "malformed"))


def _believed(issuer: Issuer, claims: Mapping[str, Any], now: float) -> _Verified:
    """What the verified *claims* mean, for an issuer that may say so."""
    role = issuer.fixed_role or claims.get(issuer.claims.role)
    if role not in issuer.roles:
        raise InvalidToken("role", "the issuer may not vouch for this role")
    thumbprint = _binding(claims)
    if issuer.clients:
        proof = issuer.clients.get(_text(claims, issuer.claims.client) or "")
        if proof is None:
            raise InvalidToken("client", "the client is not one that may call")
        if proof == "mtls" and thumbprint is None:
            raise InvalidToken("binding", "this client's tokens are bound to its certificate")
    until = min(now + REMEMBERED_S, float(claims["exp"]) + issuer.leeway_s)
    return _Verified(_caller(issuer, claims, role), thumbprint, until)


def _binding(claims: Mapping[str, Any]) -> str | None:
    """The certificate that the token is bound to; a binding of another kind is refused."""
    confirmation = claims.get("cnf")
    if confirmation is None:
        return None
    found = confirmation.get("x5t#S256") if isinstance(confirmation, dict) else None
    if not isinstance(found, str) or not found.isascii():
        raise InvalidToken("binding", "bound in a way that the hub does not do")
    return found


def _caller(issuer: Issuer, claims: Mapping[str, Any], role: Any) -> Caller:
    names: Claims = issuer.claims
    level: Assurance = issuer.assurance.get(_text(claims, names.assurance) or "", "low")
    number = _text(claims, names.document)
    try:
        document = parse_document(number) if number else None
    except InvalidDocument:
        raise InvalidToken("document", "the claim with the document is not a valid one") from None
    return Caller(
        issuer=issuer.issuer,
        subject_id=claims["sub"],
        audience=role,
        assurance=level,
        document=document,
        given_name=_text(claims, names.given_name),
        first_surname=_text(claims, names.first_surname),
        second_surname=_text(claims, names.second_surname),
        processing_unit=_text(claims, names.processing_unit),
        client=_text(claims, names.client),
        birth_date=_birth_date(claims, names.birth_date),
        scopes=frozenset((_text(claims, names.scope) or "").split()),
    )


def _birth_date(claims: Mapping[str, Any], name: str) -> str | None:
    """OpenID Connect's `birthdate`; one without its year (`0000-…`) says nothing of an age."""
    text = _text(claims, name)
    if text is None or text.startswith("0000"):
        return None
    try:
        birth_date_of(text)
    except InvalidDocument:
        raise InvalidToken("claims", "the claim with the birth date is not a date") from None
    return text


def _text(claims: Mapping[str, Any], name: str) -> str | None:
    value = claims.get(name)
    return value.strip()[:250] or None if isinstance(value, str) else None
