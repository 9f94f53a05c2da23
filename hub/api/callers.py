"""Wire together what tells who calls: the issuers, their key sets, and the refusals' record."""

from __future__ import annotations

import asyncio

from msgspec import Struct

from hub.api.auth import Authenticator
from hub.api.certificate import trusted_networks
from hub.api.identifying import Identifier
from hub.api.keysets import KeySet, UrlKeys
from hub.api.refusals import Refusals
from hub.core.exchange import Recorder
from hub.core.moment import Clock
from hub.ledger.store import Ledger
from hub.position.sources import Inner
from hub.settings import Issuer, Settings
from hub.wire.jwks import KeyEndpoint, open_key_endpoint


class Callers(Struct, frozen=True, kw_only=True):
    """The parts, and what has to be begun and ended with the hub."""

    identifier: Identifier
    key_sets: tuple[UrlKeys, ...]
    endpoints: tuple[KeyEndpoint, ...]

    def start(self) -> None:
        """Begin to write refusals in the background."""
        self.identifier.refusals.start()

    async def aclose(self) -> None:
        """End what runs, and write what is owed; the ledger must still be open."""
        await self.identifier.refusals.aclose()
        await asyncio.gather(*(keys.aclose() for keys in self.key_sets))
        await asyncio.gather(*(endpoint.aclose() for endpoint in self.endpoints))


def open_callers(
    settings: Settings, ledger: Ledger, recorder: Recorder, inner: Inner, clock: Clock
) -> Callers:
    """What tells who calls, for the issuers of *settings*; SettingsError lists their faults."""
    endpoints: list[KeyEndpoint] = []
    key_sets: list[UrlKeys] = []

    def by_url(issuer: Issuer) -> KeySet:
        url = issuer.jwks_url or ""
        transport = inner(f"issuer:{issuer.issuer}")
        endpoints.append(open_key_endpoint(url, recorder, transport=transport, clock=clock))
        key_sets.append(UrlKeys(endpoints[-1].fetch, issuer.algorithms))
        return key_sets[-1]

    identifier = Identifier(
        authenticator=Authenticator(settings.issuers, settings.root, by_url),
        refusals=Refusals(ledger, clock),
        trusted=trusted_networks(settings.server.trusted_proxies),
    )
    return Callers(identifier=identifier, key_sets=tuple(key_sets), endpoints=tuple(endpoints))
