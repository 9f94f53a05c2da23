"""Tokens of the sandbox verify with its published key, and say what they should and no more."""

from __future__ import annotations

import datetime as dt
import stat
from pathlib import Path
from typing import Any

import jwt
import pytest

from hub.core.errors import SettingsError
from hub.sandbox import magic
from hub.sandbox.issuer import AUDIENCE, HIGH, ISSUER, SUBSTANTIAL, SandboxIssuer, TokenKind
from hub.sandbox.population import Population

NOW = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)
CITY = Population()
DEFAULT = CITY.person(magic.DEFAULT_CITIZEN)
PEOPLE: list[TokenKind] = ["citizen", "official", "auditor", "operator"]


@pytest.fixture
def issuer(tmp_path: Path) -> SandboxIssuer:
    return SandboxIssuer(tmp_path)


def verified(issuer: SandboxIssuer, token: str) -> dict[str, Any]:
    """The claims, by the published key alone."""
    keys = jwt.PyJWKSet.from_dict(issuer.jwks())
    key = keys[jwt.get_unverified_header(token)["kid"]]
    claims: dict[str, Any] = jwt.decode(
        token,
        key,
        algorithms=["ES256"],
        issuer=ISSUER,
        audience=AUDIENCE,
        options={"require": ["exp", "iat", "iss", "aud", "sub", "jti"]},
    )
    return claims


def test_a_citizens_token_names_the_citizen(issuer: SandboxIssuer):
    """Claims hold document and names; the role, the client and the level of assurance."""
    claims = verified(issuer, issuer.token("citizen", DEFAULT))
    assert DEFAULT.document is not None
    assert claims["nif"] == DEFAULT.document.number == "99000002K"
    assert claims["given_name"] == DEFAULT.given_name
    assert claims["first_surname"] == DEFAULT.first_surname
    assert claims["second_surname"] == DEFAULT.second_surname
    assert claims["role"] == "citizen"
    assert claims["acr"] == SUBSTANTIAL == "http://eidas.europa.eu/LoA/substantial"
    assert claims["azp"] == "sandbox-portal"
    assert "processing_unit" not in claims


def test_an_official_has_a_unit(issuer: SandboxIssuer):
    """Only officials carry the unit in whose name they act."""
    person = CITY.person(magic.OFFICIAL)
    token = issuer.token("official", person, acr=HIGH, processing_unit="LA0000001")
    claims = verified(issuer, token)
    assert (claims["role"], claims["processing_unit"]) == ("official", "LA0000001")
    assert claims["acr"] == HIGH


def test_a_system_is_nobody(issuer: SandboxIssuer):
    """A system's token holds no personal claim; its client is its name."""
    claims = verified(issuer, issuer.token("system", client="nursery-portal"))
    assert claims["azp"] == "nursery-portal"
    assert claims["role"] == "system"
    assert not {"nif", "given_name", "first_surname", "second_surname", "acr"} & claims.keys()
    with pytest.raises(ValueError, match="nobody"):
        issuer.token("system", DEFAULT)


def test_one_surname_is_one_claim(issuer: SandboxIssuer):
    """Who has no second surname has no such claim: neither null nor empty."""
    claims = verified(issuer, issuer.token("citizen", CITY.person(magic.ONE_SURNAME)))
    assert "second_surname" not in claims


@pytest.mark.parametrize("kind", PEOPLE)
def test_a_person_without_document_has_no_token(issuer: SandboxIssuer, kind: TokenKind):
    """Nobody, and a child without document, cannot be named by a token."""
    child = CITY.household_of(magic.DEFAULT_CITIZEN).members[-1]
    for person in (None, child):
        with pytest.raises(ValueError, match="document"):
            issuer.token(kind, person)


@pytest.mark.parametrize("kind", PEOPLE)
def test_the_subject_is_opaque_and_stable(issuer: SandboxIssuer, tmp_path: Path, kind: TokenKind):
    """`sub` is the same for a person in every token of this machine, and tells nothing."""
    subject = verified(issuer, issuer.token(kind, DEFAULT))["sub"]
    assert verified(issuer, issuer.token("citizen", DEFAULT))["sub"] == subject
    assert verified(issuer, issuer.token(kind, CITY.person(3)))["sub"] != subject
    elsewhere = SandboxIssuer(tmp_path / "elsewhere")
    assert verified(elsewhere, elsewhere.token(kind, DEFAULT))["sub"] != subject
    assert DEFAULT.document is not None
    assert DEFAULT.document.number[:8] not in subject


def test_a_token_lives_as_long_as_was_asked(tmp_path: Path):
    """Eight hours unless told otherwise, from the clock that was given."""
    issuer = SandboxIssuer(tmp_path, clock=lambda: NOW)
    claims = decoded(issuer.token("citizen", DEFAULT))
    assert claims["iat"] == NOW.timestamp()
    assert claims["exp"] - claims["iat"] == 8 * 3600
    short = decoded(issuer.token("citizen", DEFAULT, lifetime=dt.timedelta(minutes=5)))
    assert short["exp"] - short["iat"] == 300


def test_an_expired_token_is_refused(tmp_path: Path):
    """The expiry is signed with the rest: yesterday's token does not verify."""
    issuer = SandboxIssuer(tmp_path, clock=lambda: dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
    with pytest.raises(jwt.ExpiredSignatureError):
        verified(issuer, issuer.token("citizen", DEFAULT))


def test_no_two_tokens_are_the_same(issuer: SandboxIssuer):
    """Every token has an identifier of its own."""
    ids = {verified(issuer, issuer.token("citizen", DEFAULT))["jti"] for _ in range(20)}
    assert len(ids) == 20


def test_another_machines_token_is_refused(issuer: SandboxIssuer, tmp_path: Path):
    """A key is made per keys folder; its tokens verify with no other."""
    other = SandboxIssuer(tmp_path / "other")
    assert other.kid != issuer.kid
    token = other.token("citizen", DEFAULT)
    key = jwt.PyJWKSet.from_dict(issuer.jwks())[issuer.kid]
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(token, key, algorithms=["ES256"], issuer=ISSUER, audience=AUDIENCE)


def test_the_key_is_made_once_for_the_owner_alone(issuer: SandboxIssuer, tmp_path: Path):
    """A second issuer on the same folder signs with the same key; nobody else can read it."""
    again = SandboxIssuer(tmp_path)
    assert verified(issuer, again.token("citizen", DEFAULT))["iss"] == ISSUER
    assert stat.S_IMODE((tmp_path / "sandbox-issuer.pem").stat().st_mode) == 0o600
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700


def test_the_published_key_is_public(issuer: SandboxIssuer):
    """The JWK set holds no private part, and pins use and algorithm."""
    [key] = issuer.jwks()["keys"]
    assert key.keys() == {"kty", "crv", "x", "y", "kid", "use", "alg"}
    assert (key["alg"], key["use"]) == ("ES256", "sig")


@pytest.mark.parametrize("content", [b"", b"not PEM", b"-----BEGIN PRIVATE KEY-----\nAAAA\n"])
def test_a_damaged_key_is_refused_and_kept(tmp_path: Path, content: bytes):
    """A key file that cannot be read stops the start; it is not overwritten."""
    SandboxIssuer(tmp_path)
    (tmp_path / "sandbox-issuer.pem").write_bytes(content)
    with pytest.raises(SettingsError, match=r"sandbox-issuer\.pem"):
        SandboxIssuer(tmp_path)
    assert (tmp_path / "sandbox-issuer.pem").read_bytes() == content


def decoded(token: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims
