"""Where an issuer publishes its keys: fetched as everything is, bounded and on record."""

from __future__ import annotations

import httpx

from hub.core.connector import Operation, Patience
from hub.core.exchange import Recorder
from hub.core.moment import Clock, utc_now
from hub.wire.client import SourceClient, open_client
from hub.wire.decode import check_status
from hub.wire.transport import FarEnd, origin_of

KEYS = Operation(
    name="keys",
    echoes=(),
    patience=Patience(timeout_s=2.0, connect_s=1.0, attempts=1, max_bytes=256 * 1024),
)
"""One try: the callers wait, and the next one may come in half a minute."""

_ACCEPT = {"accept": "application/jwk-set+json, application/json"}


class KeyEndpoint:
    """A JWK set behind a URL; made by `open_key_endpoint`."""

    def __init__(self, client: SourceClient, url: str) -> None:
        self._client, self._url = client, url

    async def fetch(self) -> bytes:
        """The document; SourceError when there is none, LedgerError when it cannot be recorded."""
        answer = await self._client.technical_call(KEYS).get(self._url, _ACCEPT)
        check_status(answer)
        return answer.body

    @property
    def far_end(self) -> FarEnd:
        """What the place last showed of itself."""
        return self._client.far_end

    async def aclose(self) -> None:
        """Close every connection."""
        await self._client.aclose()


def open_key_endpoint(
    url: str,
    recorder: Recorder,
    *,
    transport: httpx.AsyncBaseTransport | None = None,
    clock: Clock = utc_now,
) -> KeyEndpoint:
    """The way to the key set at *url*, and to nothing else."""
    address = httpx.URL(url)
    client = open_client(
        f"issuer:{address.host}", origin_of(address), recorder, transport=transport, clock=clock
    )
    return KeyEndpoint(client, url)
