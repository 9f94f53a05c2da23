"""Who is calling: a bearer token of a configured issuer becomes a Caller.

PyJWT verifies; this module pins what it leaves open: the algorithms per issuer, the required
claims, strict base64url, the size, and that a key is used for nothing that it forbids.
`jku`, `x5u`, `jwk` and `x5c` headers are never looked at.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jwt
import msgspec

from hub.core.document import parse_document
from hub.core.errors import HubError, InvalidDocument, SettingsError
from hub.core.policy import Assurance, Caller
from hub.settings import Claims, Issuer

MAX_TOKEN_BYTES = 16_384
"""A longer token is refused unparsed."""

REQUIRED = ("exp", "iat", "iss", "aud", "sub")

_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


class InvalidToken(HubError):
    """The token is refused; the message says why and quotes nothing of it."""


class Authenticator:
    """Verifies tokens against the issuers of the configuration."""

    def __init__(self, issuers: Sequence[Issuer], root: Path) -> None:
        self._issuers = {issuer.issuer: issuer for issuer in issuers}
        self._keys = {issuer.issuer: _load_keys(root / issuer.jwks_file) for issuer in issuers}

    def caller(self, token: str) -> Caller:
        """The caller that *token* proves; raises InvalidToken."""
        _check_form(token)
        issuer = self._issuer(token)
        claims = self._verified(token, issuer)
        role = claims.get(issuer.claims.role)
        if role not in issuer.roles:
            raise InvalidToken("the issuer may not vouch for this role")
        return _caller(issuer, claims, role)

    def _issuer(self, token: str) -> Issuer:
        try:
            unverified = jwt.decode(token, options={"verify_signature": False})
        except jwt.PyJWTError:
            raise InvalidToken("not a JSON Web Token") from None
        name = unverified.get("iss")
        issuer = self._issuers.get(name) if isinstance(name, str) else None
        if issuer is None:
            raise InvalidToken("the issuer is not one that the hub believes")
        return issuer

    def _verified(self, token: str, issuer: Issuer) -> dict[str, Any]:
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key=self._key(token, issuer),
                algorithms=list(issuer.algorithms),
                audience=issuer.audience,
                issuer=issuer.issuer,
                leeway=issuer.leeway_s,
                options={"require": list(REQUIRED), "strict_aud": False},
            )
        except jwt.PyJWTError as error:
            raise InvalidToken(_why(error)) from None
        if not isinstance(claims["sub"], str) or not claims["sub"]:
            raise InvalidToken("the claim sub is not a text")
        return claims

    def _key(self, token: str, issuer: Issuer) -> Any:
        header = jwt.get_unverified_header(token)
        if "crit" in header or header.get("typ", "JWT").lower() not in ("jwt", "at+jwt"):
            raise InvalidToken("the header asks for something that the hub does not do")
        key = self._keys[issuer.issuer].get(header.get("kid", ""))
        if key is None or key.algorithm_name != header.get("alg"):
            raise InvalidToken("no key of the issuer fits the token")
        return key.key


def _check_form(token: str) -> None:
    if len(token) > MAX_TOKEN_BYTES:
        raise InvalidToken(f"longer than {MAX_TOKEN_BYTES} bytes")
    if not _COMPACT.fullmatch(token) or not all(_is_strict(part) for part in token.split(".")):
        raise InvalidToken("not in compact form with strict base64url")


def _is_strict(part: str) -> bool:
    """Whether *part* is the one base64url text of its bytes (RFC 4648 section 3.5)."""
    if len(part) % 4 == 1:
        return False
    data = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode() == part


def _why(error: jwt.PyJWTError) -> str:
    """The kind of refusal in words of our own: the library's text can quote claims."""
    kinds: dict[type[jwt.PyJWTError], str] = {
        jwt.ExpiredSignatureError: "expired",
        jwt.ImmatureSignatureError: "not valid yet",
        jwt.InvalidAudienceError: "issued for another audience",
        jwt.InvalidIssuerError: "issued by another issuer",
        jwt.MissingRequiredClaimError: "a required claim is missing",
        jwt.InvalidSignatureError: "the signature is wrong",
        jwt.InvalidAlgorithmError: "the algorithm is not allowed",
    }
    return next((text for kind, text in kinds.items() if isinstance(error, kind)), "malformed")


def _load_keys(file: Path) -> Mapping[str, jwt.PyJWK]:
    """The issuer's keys that may verify signatures, by `kid`."""
    try:
        document = msgspec.json.decode(file.read_bytes(), type=dict[str, Any])
        rows: list[dict[str, Any]] = document["keys"]
        keys = {row["kid"]: jwt.PyJWK(row) for row in rows if _may_verify(row)}
    except (OSError, msgspec.DecodeError, KeyError, TypeError, jwt.PyJWTError) as error:
        fault = f"issuers: {file.name}: not a usable key set ({type(error).__name__})"
        raise SettingsError([fault]) from None
    if not keys:
        raise SettingsError([f"issuers: {file.name}: holds no key for signatures"])
    return keys


def _may_verify(row: Mapping[str, Any]) -> bool:
    return row.get("use", "sig") == "sig" and "verify" in row.get("key_ops", ["verify"])


def _caller(issuer: Issuer, claims: Mapping[str, Any], role: Any) -> Caller:
    names: Claims = issuer.claims
    level: Assurance = issuer.assurance.get(_text(claims, names.assurance) or "", "low")
    number = _text(claims, names.document)
    try:
        document = parse_document(number) if number else None
    except InvalidDocument:
        raise InvalidToken("the claim with the document is not a valid one") from None
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
    )


def _text(claims: Mapping[str, Any], name: str) -> str | None:
    value = claims.get(name)
    return value.strip()[:250] or None if isinstance(value, str) else None
