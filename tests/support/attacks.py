"""Tokens that are not what they say, each one trick, for whoever must refuse them."""

from __future__ import annotations

import base64
import datetime as dt
import json
from collections.abc import Callable
from functools import partial
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

KEY = ec.generate_private_key(ec.SECP256R1())
FOREIGN = ec.generate_private_key(ec.SECP256R1())
RSA = rsa.generate_private_key(65537, 2048)
PEM = KEY.public_key().public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
)


def key_set() -> str:
    """The believed issuer's keys: one for ES256, two that may not verify, one for RS256."""
    good = ECAlgorithm.to_jwk(KEY.public_key(), as_dict=True)
    rsa_key = RSAAlgorithm.to_jwk(RSA.public_key(), as_dict=True)
    keys = [
        {**good, "kid": "k1", "use": "sig", "alg": "ES256"},
        {**good, "kid": "enc", "use": "enc", "alg": "ES256"},
        {**good, "kid": "ops", "key_ops": ["sign"], "alg": "ES256"},
        {**rsa_key, "kid": "rsa", "use": "sig", "alg": "RS256", "key_ops": ["verify"]},
    ]
    return json.dumps({"keys": keys})


def claims(**changes: Any) -> dict[str, Any]:
    """The claims of a good token, or as *changes* say; None takes a claim away."""
    now = dt.datetime.now(dt.UTC)  # noqa: TID251 - a token is compared with the real clock
    good = {
        "iss": "https://i.example",
        "aud": "hub",
        "sub": "opaque",
        "iat": now,
        "exp": now + dt.timedelta(hours=1),
        "role": "citizen",
        "nif": "99000002K",
        "given_name": "Ana",
        "acr": "loa:sub",
    }
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


def signed(key: Any = KEY, algorithm: str = "ES256", headers: Any = None, **changes: Any) -> str:
    """A token."""
    return jwt.encode(claims(**changes), key, algorithm, headers={"kid": "k1", **(headers or {})})


def by_hand(header: Any, body: Any, signature: bytes = b"") -> str:
    """A token without any library's help."""
    parts = [json.dumps(header).encode(), json.dumps(body, default=str).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def stretched(token: str) -> str:
    """The same signature in another base64url text: the unused bits of the last sign are set."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return token[:-1] + alphabet[alphabet.index(token[-1]) + 1]


def _without(name: str) -> str:
    """A token without one claim."""
    return signed(**{name: None})  # type: ignore[arg-type]  # a claim, no keyword of its own


def past(minutes: float) -> dt.datetime:
    """A moment *minutes* ago."""
    return dt.datetime.now(dt.UTC) - dt.timedelta(minutes=minutes)  # noqa: TID251 - as above


ATTACKS: dict[str, Callable[[], str]] = {
    "empty": lambda: "",
    "not a token": lambda: "abc",
    "alg none": lambda: by_hand({"alg": "none", "kid": "k1"}, claims(exp=9999999999, iat=1)),
    "key confusion": lambda: by_hand(
        {"alg": "HS256", "kid": "k1"}, claims(exp=9999999999, iat=1), PEM
    ),
    "another algorithm": lambda: signed(RSA, "RS256", {"kid": "rsa"}),
    "foreign key": lambda: signed(FOREIGN),
    "kid path": lambda: signed(headers={"kid": "../../jwks.json"}),
    "kid sql": lambda: signed(headers={"kid": "' OR 1=1 --"}),
    "kid url": lambda: signed(headers={"kid": "http://127.0.0.1/key"}),
    "kid missing": lambda: jwt.encode(claims(), KEY, "ES256"),
    "kid of an encryption key": lambda: signed(headers={"kid": "enc"}),
    "kid of a signing-only key": lambda: signed(headers={"kid": "ops"}),
    "jku": lambda: signed(FOREIGN, headers={"jku": "http://127.0.0.1:1/jwks"}),
    "jwk in the header": lambda: signed(
        FOREIGN, headers={"jwk": ECAlgorithm.to_jwk(FOREIGN.public_key(), as_dict=True)}
    ),
    "x5u": lambda: signed(FOREIGN, headers={"x5u": "http://127.0.0.1:1/cert"}),
    "crit": lambda: signed(headers={"crit": ["b64"], "b64": True}),
    "typ": lambda: signed(headers={"typ": "dpop+jwt"}),
    "wrong issuer": lambda: signed(iss="https://other.example"),
    "wrong audience": lambda: signed(aud="other"),
    "issuer is a list": lambda: by_hand({"alg": "ES256", "kid": "k1"}, {"iss": ["x"]}, b"x"),
    "expired": lambda: signed(exp=past(5)),
    "not valid yet": lambda: signed(nbf=past(-10)),
    "issued in the future": lambda: signed(iat=past(-10)),
    **{f"no {name}": partial(_without, name) for name in ("exp", "iat", "aud", "sub")},
    "sub is a number": lambda: by_hand({"alg": "ES256", "kid": "k1"}, claims(sub=7), b"x"),
    "role of another issuer": lambda: signed(role="auditor"),
    "no role": lambda: signed(role=None),
    "role is a list": lambda: signed(role=["citizen"]),
    "bad document": lambda: signed(nif="99000002A"),
    "padding": lambda: signed() + "=",
    "lenient last sign": lambda: stretched(signed()),
    "standard alphabet": lambda: signed().replace("-", "+").replace("_", "/") + "+",
    "blank inside": lambda: signed()[:50] + " " + signed()[50:],
    "json form": lambda: json.dumps({"payload": "x", "signatures": []}),
    "four parts": lambda: signed() + ".x",
    "tampered": lambda: signed()[:-10] + "AAAAAAAAAA",
    "too long": lambda: signed(padding="x" * 20_000),
    "a megabyte": lambda: "a." + "b" * 1_000_000 + ".c",
}
