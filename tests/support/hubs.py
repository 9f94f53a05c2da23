"""Token issuers and whole hubs inside the test's own process, on real sockets."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from hub.api.context import Context
from hub.app import Hub, build_hub, no_inner
from hub.core.limits import AdmissionLimits
from hub.core.moment import Clock, utc_now
from hub.position.sources import Inner
from hub.settings import Claims, Issuer, LedgerSettings, Settings, SourceSettings
from tests.support.serving import serving

UNHURRIED = AdmissionLimits(
    client_per_s=100_000, client_burst=100_000, caller_per_s=100_000, caller_burst=100_000
)
"""A test of something else is not refused for its pace."""

RSA_KEY = rsa.generate_private_key(65537, 2048)
"""Made once: an RSA key costs a tenth of a second."""


class AnIssuer:
    """Signs what it is asked to, with one key of its own."""

    def __init__(
        self, name: str = "https://i.example", *, kid: str = "k1", algorithm: str = "ES256"
    ) -> None:
        self.name, self.kid, self.algorithm = name, kid, algorithm
        self.key: Any = ec.generate_private_key(ec.SECP256R1()) if algorithm == "ES256" else RSA_KEY

    def row(self, **changes: Any) -> dict[str, Any]:
        """The public key as a row of a key set."""
        kinds: dict[str, Any] = {"ES256": ECAlgorithm, "RS256": RSAAlgorithm}
        public = kinds[self.algorithm].to_jwk(self.key.public_key(), as_dict=True)
        row = {**public, "kid": self.kid, "use": "sig", "alg": self.algorithm, **changes}
        return {name: value for name, value in row.items() if value is not None}

    def jwks(self) -> bytes:
        """The key set."""
        return json.dumps({"keys": [self.row()]}).encode()

    def claims(self, **changes: Any) -> dict[str, Any]:
        """The claims of a citizen's good token, or as *changes* say; None takes one away."""
        now = dt.datetime.now(dt.UTC)  # noqa: TID251 - a token is compared with the real clock
        good = {
            "iss": self.name,
            "aud": "hub",
            "sub": "opaque",
            "iat": now,
            "exp": now + dt.timedelta(minutes=5),
            "role": "citizen",
            "nif": "99000002K",
            "given_name": "Ana",
            "first_surname": "Prueba",
            "acr": "loa:sub",
        }
        return {name: value for name, value in {**good, **changes}.items() if value is not None}

    def token(self, headers: Mapping[str, Any] | None = None, **changes: Any) -> str:
        """A signed token."""
        head = {"kid": self.kid, **(headers or {})}
        return jwt.encode(self.claims(**changes), self.key, self.algorithm, headers=head)

    def official(self, name: str = "official-1", **changes: Any) -> str:
        """A token of a member of staff."""
        staff = {
            "role": "official",
            "sub": name,
            "nif": "99000100G",
            "processing_unit": "L01280796",
        }
        return self.token(**{**staff, **changes})

    def configured(self, folder: Path, **changes: Any) -> Issuer:
        """This issuer as `hub.toml` would name it, with its keys in a file of *folder*."""
        file = folder / f"{self.kid}.jwks.json"
        file.write_bytes(self.jwks())
        values: dict[str, Any] = {
            "issuer": self.name,
            "audience": "hub",
            "algorithms": (self.algorithm,),
            "jwks_file": file,
            "roles": ("citizen", "official"),
            "assurance": {"loa:sub": "substantial"},
            "claims": Claims(),
        }
        return Issuer(**{**values, **changes})


class Served:
    """A hub of this process behind a socket, and ways to call it."""

    def __init__(self, hub: Hub, base: str, client: httpx.AsyncClient) -> None:
        self.hub, self.base, self._client = hub, base.rstrip("/"), client

    @property
    def context(self) -> Context:
        """The parts that the routes use."""
        return self.hub.context

    async def get(self, path: str, token: str | None = None, **headers: str) -> httpx.Response:
        """GET a path of the API."""
        return await self.call("GET", path, token, headers=headers)

    async def call(
        self, method: str, path: str, token: str | None = None, **options: Any
    ) -> httpx.Response:
        """Any request; *options* as httpx has them."""
        headers = dict(options.pop("headers", None) or {})
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        return await self._client.request(method, self.base + path, headers=headers, **options)

    async def declare(self, token: str, number: str = "99000002K", **changes: Any) -> Any:
        """Declare an access; the answer."""
        subject = {"document": number, "givenName": "PRUEBA", "firstSurname": "PRUEBA"}
        body = {"subject": subject, "purpose": "tax_attention", **changes}
        return await self.call("POST", "/v1/accesses", token, json=body)


@asynccontextmanager
async def a_hub(
    folder: Path,
    *issuers: Issuer,
    sources: Mapping[str, SourceSettings] | None = None,
    inner: Inner = no_inner,
    clock: Clock = utc_now,
    **changes: Any,
) -> AsyncIterator[Served]:
    """A hub with its ledger in *folder*, open and served for the length of the block."""
    values: dict[str, Any] = {
        "root": folder,
        "keys": folder / "keys",
        "ledger": LedgerSettings(file=folder / "ledger.db", origin="hub.test/ledger"),
        "issuers": issuers,
        "sources": sources or {},
        "admission": UNHURRIED,
    }
    async with served(Settings(**{**values, **changes}), inner=inner, clock=clock) as hub:
        yield hub


@asynccontextmanager
async def served(
    settings: Settings, *, inner: Inner = no_inner, clock: Clock = utc_now
) -> AsyncIterator[Served]:
    """The hub that *settings* describe, open and served for the length of the block."""
    hub = build_hub(settings, inner=inner, clock=clock)
    client = httpx.AsyncClient(
        timeout=30, trust_env=False, limits=httpx.Limits(max_keepalive_connections=0)
    )
    async with _lifespan(hub), serving(hub.asgi) as base, client:
        yield Served(hub, base, client)


@asynccontextmanager
async def _lifespan(hub: Hub) -> AsyncIterator[None]:
    await hub.open()
    try:
        yield
    finally:
        await hub.close()
