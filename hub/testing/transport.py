"""Stand between a connector and its source: watch what leaves, and answer in its place."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import httpx
from msgspec import Struct

from hub.testing.builders import MemoryRecorder
from hub.wire.tag import EXTENSION, Tag

Answering = Callable[[httpx.Request], Awaitable[httpx.Response]]
MOST_MESSAGES = 100
"""More messages than this in one fetch is a connector that does not know where to stop."""


class Runaway(BaseException):
    """A fetch has sent more messages than any honest one; no connector can swallow this."""


class Played(Struct, frozen=True, kw_only=True):
    """One answer as it came, to be given again."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    def again(self) -> httpx.Response:
        """The same answer; its length is left for httpx to say."""
        headers = [(k, v) for k, v in self.headers if k.lower() not in _FRAMING]
        return httpx.Response(
            self.status, headers=headers, stream=httpx.ByteStream(self.body or b"")
        )


_FRAMING = frozenset({b"content-length", b"transfer-encoding", b"connection"})


class Seen(Struct, frozen=True, kw_only=True):
    """One message that left: its bytes, its limits, and how many `Sent` were durable by then."""

    method: str
    url: str
    body: bytes
    tag: Tag
    recorded: int


class Watched(httpx.AsyncBaseTransport):
    """Lets every message through to *inner* and remembers it; where `keeps` is set, its answers too.

    Messages about a person go to *asked*, when there is one; a token or a ping never does.
    """

    def __init__(
        self,
        recorder: MemoryRecorder,
        inner: httpx.AsyncBaseTransport,
        asked: Answering | None = None,
    ) -> None:
        self._recorder, self._inner = recorder, inner
        self.asked, self.keeps = asked, False
        self.seen: list[Seen] = []
        self.answers: list[Played] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        tag: Tag = request.extensions[EXTENSION]
        self.seen.append(
            Seen(
                method=request.method,
                url=str(request.url),
                body=await request.aread(),
                tag=tag,
                recorded=len(self._recorder.sent),
            )
        )
        if len(self.seen) > MOST_MESSAGES:
            raise Runaway
        if tag.origin.subject is not None and self.asked is not None:
            return await self.asked(request)
        answer = await self._inner.handle_async_request(request)
        if not self.keeps or tag.origin.subject is None:
            return answer
        played = Played(
            status=answer.status_code, headers=answer.headers.raw, body=await answer.aread()
        )
        await answer.aclose()
        self.answers.append(played)
        return played.again()

    async def aclose(self) -> None:
        await self._inner.aclose()

    def afresh(self, asked: Answering | None) -> None:
        """Forget what was seen, and let *asked* answer from now on."""
        self.asked = asked
        self.seen.clear()
        self.answers.clear()

    @property
    def about_somebody(self) -> list[Seen]:
        """The messages that were sent on a person's behalf."""
        return [seen for seen in self.seen if seen.tag.origin.subject is not None]


def replaying(answers: list[Played]) -> Answering:
    """Gives *answers* one after another, whoever asks what; the last one for ever after."""
    left = list(answers)

    async def answer(request: httpx.Request) -> httpx.Response:
        played = left.pop(0) if len(left) > 1 else left[0]
        response = played.again()
        response.request = request
        return response

    return answer


class Nowhere(httpx.AsyncBaseTransport):
    """A source that is not there."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("nobody listens", request=request)
