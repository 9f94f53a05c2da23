"""A fixed address that takes bytes: bounded and on record, as everything that leaves."""

from __future__ import annotations

import httpx

from hub.core.connector import Operation, Patience
from hub.core.exchange import Recorder
from hub.core.moment import Clock, utc_now
from hub.wire.client import SourceClient, open_client
from hub.wire.decode import check_status
from hub.wire.transport import FarEnd, origin_of

POST = Operation(
    name="post",
    echoes=(),
    patience=Patience(timeout_s=10.0, connect_s=3.0, attempts=1, max_bytes=256 * 1024),
)


class PostEndpoint:
    """An address behind a URL; made by `open_post_endpoint`."""

    def __init__(self, client: SourceClient, url: str) -> None:
        self._client, self._url = client, url

    async def post(self, content: bytes, media_type: str) -> bytes:
        """The body of the answer to *content*; SourceError when it was not taken."""
        headers = {"content-type": media_type}
        answer = await self._client.technical_call(POST).post(self._url, content, headers)
        check_status(answer)
        return answer.body

    @property
    def far_end(self) -> FarEnd:
        """What the place last showed of itself."""
        return self._client.far_end

    async def aclose(self) -> None:
        """Close every connection."""
        await self._client.aclose()


def open_post_endpoint(
    name: str,
    url: str,
    recorder: Recorder,
    *,
    transport: httpx.AsyncBaseTransport | None = None,
    clock: Clock = utc_now,
) -> PostEndpoint:
    """The way to *url*, and to nothing else; records name it *name*."""
    origin = origin_of(httpx.URL(url))
    client = open_client(name, origin, recorder, transport=transport, clock=clock)
    return PostEndpoint(client, url)
