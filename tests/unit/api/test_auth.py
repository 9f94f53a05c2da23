"""Tokens: what is not exactly right is refused, and the refusal quotes nothing."""

from __future__ import annotations

import base64
import datetime as dt
import json
from functools import partial

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from hub.api.auth import Authenticator, InvalidToken
from hub.core.errors import SettingsError
from hub.settings import Issuer

KEY = ec.generate_private_key(ec.SECP256R1())
FOREIGN = ec.generate_private_key(ec.SECP256R1())
RSA = rsa.generate_private_key(65537, 2048)
PEM = KEY.public_key().public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
)


@pytest.fixture
def issuer_file(tmp_path):
    """Two keys: one for ES256, and one that may not verify."""
    good = ECAlgorithm.to_jwk(KEY.public_key(), as_dict=True)
    rsa_key = RSAAlgorithm.to_jwk(RSA.public_key(), as_dict=True)
    keys = [
        {**good, "kid": "k1", "use": "sig", "alg": "ES256"},
        {**good, "kid": "enc", "use": "enc", "alg": "ES256"},
        {**good, "kid": "ops", "key_ops": ["sign"], "alg": "ES256"},
        {**rsa_key, "kid": "rsa", "use": "sig", "alg": "RS256", "key_ops": ["verify"]},
    ]
    (tmp_path / "jwks.json").write_text(json.dumps({"keys": keys}), "utf-8")
    return tmp_path


@pytest.fixture
def authenticator(issuer_file):
    """Believes one issuer, for citizens and officials, with ES256 alone."""
    issuer = Issuer(
        issuer="https://i.example",
        audience="hub",
        algorithms=("ES256",),
        jwks_file="jwks.json",  # type: ignore[arg-type]
        roles=("citizen", "official"),
        assurance={"loa:sub": "substantial"},
    )
    return Authenticator([issuer], issuer_file)


def claims(**changes):
    """The claims of a good token, or as *changes* say; None takes a claim away."""
    now = dt.datetime.now(dt.UTC)  # noqa: TID251 - a token is compared with the real clock
    good = {
        "iss": "https://i.example",
        "aud": "hub",
        "sub": "opaque",
        "iat": now,
        "exp": now + dt.timedelta(minutes=5),
        "role": "citizen",
        "nif": "99000002K",
        "given_name": "Ana",
        "acr": "loa:sub",
    }
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


def signed(key=KEY, algorithm="ES256", headers=None, **changes):
    """A token."""
    return jwt.encode(claims(**changes), key, algorithm, headers={"kid": "k1", **(headers or {})})


def by_hand(header, body, signature=b""):
    """A token without any library's help."""
    parts = [json.dumps(header).encode(), json.dumps(body, default=str).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def stretched(token):
    """The same signature in another base64url text: the unused bits of the last sign are set."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return token[:-1] + alphabet[alphabet.index(token[-1]) + 1]


def past(minutes):
    """A moment *minutes* ago."""
    return dt.datetime.now(dt.UTC) - dt.timedelta(minutes=minutes)  # noqa: TID251 - as above


ATTACKS = {
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
    **{f"no {name}": partial(signed, **{name: None}) for name in ("exp", "iat", "aud", "sub")},
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


@pytest.mark.parametrize("token", ATTACKS.values(), ids=ATTACKS)
def test_an_attack_is_refused(authenticator, token):
    """Each is an InvalidToken, whose text holds nothing of the token."""
    text = token()
    with pytest.raises(InvalidToken) as caught:
        authenticator.caller(text)
    assert "99000002" not in str(caught.value)
    assert not text or text not in str(caught.value)


def test_a_good_token_becomes_a_caller(authenticator):
    """With the document checked and the level of assurance read by the issuer's table."""
    caller = authenticator.caller(signed())
    assert caller.audience == "citizen"
    assert caller.document is not None
    assert caller.document.number == "99000002K"
    assert caller.assurance == "substantial"
    assert caller.given_name == "Ana"


def test_an_unknown_level_counts_as_low(authenticator):
    """Never as more."""
    assert authenticator.caller(signed(acr="loa:invented")).assurance == "low"
    assert authenticator.caller(signed(acr=None)).assurance == "low"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"keys": []}', '{"keys": [{"kid": "x"}]}'])
def test_a_key_set_that_cannot_be_used_stops_the_start(tmp_path, text):
    """Before anybody can call."""
    (tmp_path / "jwks.json").write_text(text, "utf-8")
    issuer = Issuer(
        issuer="i",
        audience="a",
        algorithms=("ES256",),
        jwks_file="jwks.json",  # type: ignore[arg-type]
        roles=("citizen",),
    )
    with pytest.raises(SettingsError, match=r"jwks\.json"):
        Authenticator([issuer], tmp_path)
