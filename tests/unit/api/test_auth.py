"""Tokens: what is not exactly right is refused, and the refusal quotes nothing."""

from __future__ import annotations

import asyncio
import base64
import time

import pytest

from hub.api.auth import REMEMBERED, REMEMBERED_S, Authenticator
from hub.api.keysets import read_keys
from hub.api.token_form import InvalidToken
from hub.core.errors import SettingsError
from hub.settings import Issuer
from tests.support.attacks import ATTACKS, key_set, past, signed
from tests.support.hubs import AnIssuer


@pytest.fixture
def issuer_file(tmp_path):
    """A key set with keys that may verify and keys that may not."""
    (tmp_path / "jwks.json").write_text(key_set(), "utf-8")
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


@pytest.mark.parametrize("token", ATTACKS.values(), ids=ATTACKS)
async def test_an_attack_is_refused(authenticator, token):
    """Each is an InvalidToken, whose text holds nothing of the token."""
    text = token()
    with pytest.raises(InvalidToken) as caught:
        await authenticator.caller(text)
    assert "99000002" not in str(caught.value)
    assert not text or text not in str(caught.value)


async def test_a_good_token_becomes_a_caller(authenticator):
    """With the document checked and the level of assurance read by the issuer's table."""
    caller = await authenticator.caller(signed())
    assert caller.audience == "citizen"
    assert caller.document is not None
    assert caller.document.number == "99000002K"
    assert caller.assurance == "substantial"
    assert caller.given_name == "Ana"


async def test_an_unknown_level_counts_as_low(authenticator):
    """Never as more."""
    for acr in ("loa:invented", None):
        caller = await authenticator.caller(signed(acr=acr))
        assert caller.assurance == "low"


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


UNSAFE = {
    "no keys": {"jwks_file": None},
    "two places for keys": {"jwks_url": "https://i.example/jwks"},
    "keys in clear over the network": {"jwks_file": None, "jwks_url": "http://i.example/jwks"},
    "a symmetric algorithm": {"algorithms": ("HS256",)},
    "no algorithm": {"algorithms": ()},
    "none": {"algorithms": ("none", "ES256")},
    "systems without names": {"roles": ("system",)},
    "a fixed role of another": {"fixed_role": "auditor"},
}


@pytest.mark.parametrize("changes", UNSAFE.values(), ids=UNSAFE)
def test_an_issuer_that_cannot_be_believed_safely_stops_the_start(tmp_path, changes):
    """The fault names the issuer and the key of the configuration."""
    issuer = AnIssuer().configured(tmp_path, **changes)
    with pytest.raises(SettingsError, match=r"issuers: https://i\.example: "):
        Authenticator([issuer], tmp_path)


async def test_two_issuers_cannot_speak_for_each_other(tmp_path):
    """A key counts for the issuer that published it, whatever its id."""
    ours, theirs = AnIssuer(), AnIssuer("https://other.example", kid="k2")
    both = [ours.configured(tmp_path), theirs.configured(tmp_path, roles=("official",))]
    authenticator = Authenticator(both, tmp_path)
    assert (await authenticator.caller(ours.token())).issuer == ours.name
    assert (await authenticator.caller(theirs.official())).issuer == theirs.name
    for token in (
        theirs.token(iss=ours.name),
        theirs.token({"kid": "k1"}, iss=ours.name),
        ours.official(iss=theirs.name),
        theirs.token(),
    ):
        with pytest.raises(InvalidToken):
            await authenticator.caller(token)


async def test_an_issuer_of_systems_alone_needs_no_claim_with_the_role(tmp_path):
    """And whatever its tokens claim, they are systems."""
    issuer = AnIssuer()
    configured = issuer.configured(
        tmp_path, roles=("system",), fixed_role="system", clients={"s1": "private_key_jwt"}
    )
    authenticator = Authenticator([configured], tmp_path)
    caller = await authenticator.caller(issuer.token(azp="s1", role="auditor", nif=None))
    assert caller.audience == "system"
    assert caller.client == "s1"


THUMB = "A" * 43
BOUND = {"x5t#S256": THUMB}
BINDINGS = {
    "without the certificate": ({"azp": "mtls-1", "cnf": BOUND}, None),
    "with another certificate": ({"azp": "mtls-1", "cnf": BOUND}, "B" * 43),
    "a token that ought to be bound": ({"azp": "mtls-1"}, THUMB),
    "bound without need, no certificate": ({"azp": "jwt-1", "cnf": BOUND}, None),
    "bound to a key of another kind": ({"azp": "jwt-1", "cnf": {"jkt": THUMB}}, THUMB),
    "bound to nothing": ({"azp": "jwt-1", "cnf": {}}, THUMB),
    "bound to a text": ({"azp": "jwt-1", "cnf": THUMB}, THUMB),
    "bound to a number": ({"azp": "jwt-1", "cnf": {"x5t#S256": 7}}, THUMB),
    "a client that nobody knows": ({"azp": "stranger"}, None),
    "no client": ({}, None),
}


@pytest.fixture
def systems(tmp_path):
    """An issuer of two systems, one by certificate and one by signed assertion."""
    issuer = AnIssuer()
    clients = {"mtls-1": "mtls", "jwt-1": "private_key_jwt"}
    configured = issuer.configured(
        tmp_path, roles=("system",), fixed_role="system", clients=clients
    )
    return issuer, Authenticator([configured], tmp_path)


@pytest.mark.parametrize(("changes", "thumbprint"), BINDINGS.values(), ids=BINDINGS)
async def test_a_stolen_system_token_is_worth_nothing(systems, changes, thumbprint):
    """A bound token works with its certificate alone (RFC 8705), also when it is remembered."""
    issuer, authenticator = systems
    token = issuer.token(nif=None, **changes)
    for _ in range(2):
        with pytest.raises(InvalidToken) as caught:
            await authenticator.caller(token, thumbprint)
        assert caught.value.reason in ("binding", "client")


async def test_a_system_proves_itself_by_its_certificate_or_by_its_assertion(systems):
    """Both kinds of client come in with what is theirs."""
    issuer, authenticator = systems
    bound = issuer.token(azp="mtls-1", cnf=BOUND, nif=None)
    for _ in range(2):
        assert (await authenticator.caller(bound, THUMB)).client == "mtls-1"
    signed_for = issuer.token(azp="jwt-1", nif=None)
    assert (await authenticator.caller(signed_for)).client == "jwt-1"


class CountedKeys:
    """A key set that counts how often a key is looked for."""

    def __init__(self, issuer):
        self.keys, self.asked = read_keys(issuer.jwks(), (issuer.algorithm,)), 0

    async def find(self, kid, algorithm):
        """The key."""
        self.asked += 1
        return self.keys[kid, algorithm]


@pytest.mark.parametrize(("lives_s", "again_after_s"), [(20, 20), (3600, REMEMBERED_S)])
async def test_a_remembered_token_is_verified_again(tmp_path, lives_s, again_after_s):
    """When it expires, and after a minute at the latest: its key may have been withdrawn."""
    issuer, ahead = AnIssuer(), [0.0]
    configured = issuer.configured(tmp_path, jwks_file=None, jwks_url="https://x", leeway_s=0)
    keys = CountedKeys(issuer)
    authenticator = Authenticator(
        [configured], tmp_path, lambda _: keys, now=lambda: time.time() + ahead[-1]
    )
    token = issuer.token(exp=past(-lives_s / 60))
    for seconds in (0.0, 1.0, again_after_s - 2):
        ahead.append(seconds)
        await authenticator.caller(token)
        assert keys.asked == 1
    ahead.append(again_after_s + 1)
    await authenticator.caller(token)
    assert keys.asked == 2


@pytest.mark.parametrize("count", [REMEMBERED + 10])
async def test_what_is_remembered_is_bounded(systems, monkeypatch, count):
    """However many tokens there are, a bounded number is kept."""
    issuer, authenticator = systems
    verified = await authenticator._verified(issuer.token(azp="jwt-1", nif=None))
    monkeypatch.setattr(authenticator, "_verified", lambda _token: asyncio.sleep(0, verified))
    for number in range(count):
        await authenticator.caller(f"token-{number}")
    assert len(authenticator._known) == REMEMBERED


@pytest.mark.parametrize(
    "body", ['{"iss": "a", "iss": "https://i.example"}', '{"iss": {"a": 1, "a": 2}}'], ids=repr
)
async def test_a_name_that_stands_twice_is_refused(authenticator, body):
    """Two readers must never see two tokens in one text."""
    parts = ['{"alg": "ES256", "kid": "k1"}', body, "x"]
    token = ".".join(base64.urlsafe_b64encode(p.encode()).rstrip(b"=").decode() for p in parts)
    with pytest.raises(InvalidToken, match="twice"):
        await authenticator.caller(token)
