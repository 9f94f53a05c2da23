"""The hub against a real OpenID provider that others wrote: logins, systems, key rotation."""

from __future__ import annotations

import base64

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from hub.api.keysets import EVERY_S, UrlKeys
from hub.settings import Claims, Issuer, Server
from tests.support.hubs import Served, a_hub
from tests.support.provider import Provider, a_certificate, a_signing_key

pytestmark = pytest.mark.node
CITIZEN = "99000002K"


@pytest.fixture(scope="module")
def provider():
    """The provider, for all tests of this module."""
    running = Provider()
    running.start()
    yield running
    running.stop()


def trusting(provider, **changes):
    """The provider as issuer of citizens and systems."""
    values = {
        "issuer": provider.issuer,
        "audience": "posicion-integral",
        "algorithms": ("RS256",),
        "jwks_url": f"{provider.issuer}/jwks",
        "roles": ("citizen",),
        "claims": Claims(client="client_id"),
        "assurance": {"http://eidas.europa.eu/LoA/substantial": "substantial"},
    }
    return Issuer(**{**values, **changes})


def of_systems(provider):
    """The provider as issuer of systems alone."""
    clients = {"becas-comedor": "private_key_jwt", "bono-social": "mtls"}
    return trusting(provider, roles=("system",), fixed_role="system", clients=clients)


async def test_a_citizen_who_logs_in_is_let_in(tmp_path, provider):
    """With the access token, and not with the ID token, which is for the portal."""
    granted = provider.by_login(CITIZEN)
    assert jwt.get_unverified_header(granted["access_token"])["typ"] == "at+jwt"
    async with a_hub(tmp_path, trusting(provider)) as served:
        good = await served.get("/v1/me/accesses", granted["access_token"])
        wrong = await served.get("/v1/me/accesses", granted["id_token"])
        records = await served.hub.ledger.records(0)
    assert (good.status_code, good.json()) == (200, {"items": []})
    assert (wrong.status_code, wrong.json()["type"]) == (401, "/problems/invalid-token")
    fetched = [r.kind for r in records if r.header.get("operation") == "keys"]
    assert fetched == ["sent", "outcome"]


async def test_a_system_by_signed_assertion_is_let_in(tmp_path, provider):
    """private_key_jwt (RFC 7523); the provider itself refuses another key."""
    token = provider.by_assertion().raise_for_status().json()["access_token"]
    assert provider.by_assertion(key=ec.generate_private_key(ec.SECP256R1())).status_code == 401
    async with a_hub(tmp_path, of_systems(provider)) as served:
        answer = await served.get("/v1/accesses/01M81NA0FF58PJA14E1H3Z80MV", token)
    assert answer.status_code == 404


async def test_a_system_by_certificate_is_let_in_with_it_alone(tmp_path, provider):
    """The token that the provider bound (RFC 8705) is worth nothing to a thief."""
    token = provider.by_certificate().raise_for_status().json()["access_token"]
    assert "x5t#S256" in jwt.decode(token, options={"verify_signature": False})["cnf"]
    path = "/v1/accesses/01M81NA0FF58PJA14E1H3Z80MV"
    own, other = (
        {"Client-Cert": f":{base64.b64encode(der).decode()}:"}
        for der in (provider.certificate, a_certificate()[1])
    )
    terminator = Server(trusted_proxies=("127.0.0.1",))
    async with a_hub(tmp_path, of_systems(provider), server=terminator) as served:
        statuses = [
            (await served.get(path, token, **headers)).status_code for headers in (own, other, {})
        ]
    assert statuses == [404, 401, 401]
    async with a_hub(tmp_path, of_systems(provider)) as served:
        untrusted = await served.get(path, token, **own)
    assert untrusted.status_code == 401


async def test_a_client_that_is_not_configured_is_refused(tmp_path, provider):
    """However well the provider knows it."""
    token = provider.by_assertion().raise_for_status().json()["access_token"]
    issuer = trusting(
        provider, roles=("system",), fixed_role="system", clients={"bono-social": "mtls"}
    )
    async with a_hub(tmp_path, issuer) as served:
        answer = await served.get("/v1/accesses/01M81NA0FF58PJA14E1H3Z80MV", token)
    assert answer.status_code == 401


def key_sets(served: Served) -> list[UrlKeys]:
    """The key sets by URL of a running hub."""
    keys = served.context.identifier.authenticator._keys.values()
    return [keys for keys in keys if isinstance(keys, UrlKeys)]


async def test_keys_outlive_the_provider_and_rotate_with_it(tmp_path):
    """While it is down tokens are believed; with its new key the old one is gone."""
    provider = Provider()
    provider.start()
    try:
        old = provider.by_assertion().raise_for_status().json()["access_token"]
        async with a_hub(tmp_path, of_systems(provider)) as served:
            path = "/v1/accesses/01M81NA0FF58PJA14E1H3Z80MV"
            assert (await served.get(path, old)).status_code == 404
            other = provider.by_assertion().json()["access_token"]
            provider.stop()
            assert (await served.get(path, other)).status_code == 404
            provider.settings["jwks"] = {"keys": [a_signing_key("second")]}
            provider.start()
            new = provider.by_assertion().raise_for_status().json()["access_token"]
            assert (await served.get(path, new)).status_code == 401
            [keys] = key_sets(served)
            began = keys._now
            keys._now = lambda: began() + EVERY_S
            assert (await served.get(path, new)).status_code == 404
    finally:
        provider.stop()


async def test_a_provider_that_was_never_reached_is_not_the_tokens_fault(tmp_path, provider):
    """503 with a time, and no refusal on record: the app must not throw the token away."""
    token = provider.by_assertion().raise_for_status().json()["access_token"]
    nobody = trusting(
        provider,
        jwks_url="http://127.0.0.1:9/jwks",
        roles=("system",),
        fixed_role="system",
        clients={"becas-comedor": "private_key_jwt"},
    )
    async with a_hub(tmp_path, nobody) as served:
        answer = await served.get("/v1/accesses/01M81NA0FF58PJA14E1H3Z80MV", token)
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/issuer-unavailable")
    assert answer.headers["retry-after"] == "30"
