"""The sandbox's own identity provider: tokens for synthetic people, and for nobody else.

A token is a JWT (RFC 7519) signed with ES256. `sub` is an HMAC of the document number under
a key of this machine: opaque, and the same for a person from token to token.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
from pathlib import Path
from typing import Any, Literal, assert_never

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from hub.core.errors import SettingsError
from hub.core.moment import Clock, new_id, utc_now
from hub.sandbox.keys import ensure_secret, locked, read_private, write_private
from hub.sandbox.people import Person

ISSUER = "https://issuer.sandbox.example"
AUDIENCE = "posicion-integral"
LIFETIME = dt.timedelta(hours=8)
PROCESSING_UNIT = "L01280796"
"""DIR3 code of Madrid City Council; a real unit of it would be configuration."""

LOA = "http://eidas.europa.eu/LoA/"
LOW, SUBSTANTIAL, HIGH = f"{LOA}low", f"{LOA}substantial", f"{LOA}high"

SPECIAL = "special_categories"
"""The scope that the purposes ask for blocks of special categories (GDPR art. 9)."""

TokenKind = Literal["citizen", "official", "auditor", "operator", "system"]

_KEY_FILE = "sandbox-issuer.pem"
_SUBJECT_SECRET = "sandbox-subject"  # noqa: S105 - the name of a file
_CLIENTS: dict[TokenKind, str] = {
    "citizen": "sandbox-portal",
    "official": "sandbox-back-office",
    "auditor": "sandbox-audit",
    "operator": "sandbox-operations",
    "system": "sandbox-system",
}


class SandboxIssuer:
    """Signs tokens with the key of a keys folder, which it makes where it is missing.

    Raises SettingsError if the key file is damaged or others can read it.
    """

    def __init__(
        self,
        keys: Path,
        *,
        issuer: str = ISSUER,
        audience: str = AUDIENCE,
        clock: Clock = utc_now,
    ) -> None:
        self.issuer, self.audience, self._clock = issuer, audience, clock
        self._key = _ensure_key(keys)
        self._subject_key = ensure_secret(keys, _SUBJECT_SECRET).read_bytes()
        self.kid = _key_id(self._key.public_key())

    def jwks(self) -> dict[str, Any]:
        """The public key as a JWK set (RFC 7517)."""
        key = ECAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        return {"keys": [{**key, "kid": self.kid, "use": "sig", "alg": "ES256"}]}

    def token(
        self,
        kind: TokenKind,
        person: Person | None = None,
        *,
        client: str | None = None,
        acr: str = SUBSTANTIAL,
        lifetime: dt.timedelta = LIFETIME,
        processing_unit: str = PROCESSING_UNIT,
        scope: str = SPECIAL,
    ) -> str:
        """A signed token for a person, or for a `system`, which is nobody.

        *client* becomes `azp`. ValueError if the kind needs a person with a document and
        there is none, or is a system and there is one.
        """
        claims = self._claims(kind, client or _CLIENTS[kind], lifetime)
        match kind:
            case "system":
                if person is not None:
                    raise ValueError("a system is nobody")
                claims |= {"sub": self._opaque(kind, claims["azp"])}
            case "official":
                claims |= self._personal(kind, person)
                claims |= {"acr": acr, "processing_unit": processing_unit, "scope": scope}
            case "citizen":
                claims |= {**self._personal(kind, person), "acr": acr, "scope": scope}
                claims |= {} if person is None else {"birthdate": person.birth_date.isoformat()}
            case "auditor" | "operator":
                claims |= {**self._personal(kind, person), "acr": acr}
            case _:
                assert_never(kind)
        return jwt.encode(claims, self._key, algorithm="ES256", headers={"kid": self.kid})

    def _claims(self, kind: TokenKind, client: str, lifetime: dt.timedelta) -> dict[str, Any]:
        now = int(self._clock().timestamp())
        return {
            "iss": self.issuer,
            "aud": self.audience,
            "azp": client,
            "role": kind,
            "iat": now,
            "exp": now + int(lifetime.total_seconds()),
            "jti": new_id(),
        }

    def _personal(self, kind: TokenKind, person: Person | None) -> dict[str, Any]:
        if person is None or person.document is None:
            raise ValueError(f"a token for {kind} needs a person with a document")
        number = person.document.number
        claims = {
            "sub": self._opaque("person", number),
            "nif": number,
            "given_name": person.given_name,
            "first_surname": person.first_surname,
        }
        if person.second_surname is not None:
            claims["second_surname"] = person.second_surname
        return claims

    def _opaque(self, *parts: str) -> str:
        digest = hmac.new(self._subject_key, "\x00".join(parts).encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest[:18]).decode()


def _ensure_key(keys: Path) -> ec.EllipticCurvePrivateKey:
    path = keys / _KEY_FILE
    with locked(keys):
        pem = read_private(path)
        if pem is None:
            pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            write_private(path, pem)
    return _loaded(pem)


def _loaded(pem: bytes) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise SettingsError([f"{_KEY_FILE}: not a P-256 private key in PEM"])
    return key


def _key_id(key: ec.EllipticCurvePublicKey) -> str:
    """The beginning of the SHA-256 of the public key (DER, SubjectPublicKeyInfo)."""
    der = key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return hashlib.sha256(der).hexdigest()[:16]
