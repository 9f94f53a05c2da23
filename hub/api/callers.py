"""Wire together what tells who calls: the issuers, their key sets, and the refusals' record."""

from __future__ import annotations

from collections.abc import Mapping

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

KeyPlace = tuple[str, str, tuple[str, ...]]
"""An issuer, the URL of its key set, and the algorithms that it signs with."""


class Published(Struct, frozen=True, kw_only=True):
    """The key set of an issuer that publishes it, and the way there."""

    keys: UrlKeys
    endpoint: KeyEndpoint


class Callers(Struct, frozen=True, kw_only=True):
    """The parts, and what has to be begun and ended with the hub."""

    identifier: Identifier
    published: Mapping[KeyPlace, Published]
    """By place, once each."""

    def start(self) -> None:
        """Begin to write refusals in the background."""
        self.identifier.refusals.start()

    def peers(self) -> dict[str, KeyEndpoint]:
        """By issuer, the way to its key set."""
        return {f"issuer:{place[0]}": one.endpoint for place, one in self.published.items()}

    async def aclose(self) -> None:
        """End what runs, and write what is owed; the ledger must still be open."""
        await self.identifier.refusals.aclose()
        await self.leave_to(None)

    async def leave_to(self, after: Callers | None) -> None:
        """Close what *after* does not use."""
        used = {id(one) for one in after.published.values()} if after else set()
        for one in self.published.values():
            if id(one) not in used:
                await one.keys.aclose()
                await one.endpoint.aclose()


def open_callers(
    settings: Settings,
    ledger: Ledger,
    recorder: Recorder,
    inner: Inner,
    clock: Clock,
    before: Callers | None = None,
) -> Callers:
    """What tells who calls, for the issuers of *settings*; SettingsError lists their faults.

    The keys that *before* has fetched of an issuer that did not change are kept: its key set
    may be out of reach just now. Keys in files are read again, and no token is remembered.
    """
    published: dict[KeyPlace, Published] = {}
    known = before.published if before else {}

    def by_url(issuer: Issuer) -> KeySet:
        place = (issuer.issuer, issuer.jwks_url or "", issuer.algorithms)
        published[place] = known.get(place) or opened(issuer)
        return published[place].keys

    def opened(issuer: Issuer) -> Published:
        transport, url = inner(f"issuer:{issuer.issuer}"), issuer.jwks_url or ""
        endpoint = open_key_endpoint(url, recorder, transport=transport, clock=clock)
        return Published(keys=UrlKeys(endpoint.fetch, issuer.algorithms), endpoint=endpoint)

    identifier = Identifier(
        authenticator=Authenticator(settings.issuers, settings.root, by_url),
        refusals=before.identifier.refusals if before else Refusals(ledger, clock),
        trusted=trusted_networks(settings.server.trusted_proxies),
    )
    return Callers(identifier=identifier, published=published)
