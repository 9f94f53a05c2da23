"""Move bytes, bounded: an allow-list for the way out, a byte cap and no surprises back.

httpx bounds neither the bytes nor the duration of a call, and expands compressed bodies;
here the answer is read raw, up to a cap, under the caller's deadline; an encoding other than
identity (all that the client asks for) is refused, and a redirect is an error.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import socket
import ssl
import time
from collections import Counter
from collections.abc import Callable
from email.utils import parsedate_to_datetime

import httpx
from msgspec import Struct

from hub.core.errors import SourceError, SourceMalformed, SourceUnavailable, TechnicalReason
from hub.wire.finish import cancelled_between, to_its_end
from hub.wire.tag import EXTENSION, Tag

LATE_S, LATE_TRIES = 0.02, 2
"""A timer that rings so late (an idle event loop's is some 2 ms late) says that the loop was busy."""

LOOK_EVERY_S = 60.0
"""How often the far end's certificate and clock are looked at."""


class FarEnd(Struct, frozen=True, kw_only=True):
    """What a source showed of itself, beside its answers."""

    ends: float | None = None
    """When its TLS certificate ends (Unix seconds); None if it showed none."""
    ahead_s: float | None = None
    """By how much its clock is ahead of the hub's; None if it told no time."""


class RawAnswer(Struct, frozen=True, kw_only=True):
    """Status, header lines and body bytes as they came; `fault` when they are not usable."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    fault: SourceError | None = None


class GuardedTransport:
    """One attempt over an inner httpx transport. The deadline is the caller's to enforce.

    An answer without an echo (a token, a ping) cannot be told from one that was left on a
    connection; so such a message has a connection of its own, from *single_use*. *new_pool*
    opens the pool that all other messages share, and another when that one is discarded.
    """

    def __init__(
        self,
        new_pool: Callable[[], httpx.AsyncBaseTransport],
        egress: frozenset[str],
        single_use: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._new_pool, self._egress = new_pool, egress
        self._pool = new_pool()
        self._single_use = single_use or self._pool
        self._busy: Counter[httpx.AsyncBaseTransport] = Counter()
        self.far_end = FarEnd()
        """As it was last seen."""
        self._looked_at = float("-inf")

    async def exchange(self, request: httpx.Request) -> RawAnswer:
        """Send *request* and read its answer; raise SourceError when none came."""
        tag: Tag = request.extensions[EXTENSION]
        if origin_of(request.url) not in self._egress:
            raise SourceMalformed(tag.source, "redirect", "the address is not on the allow-list")
        way = self._pool if tag.echoed else self._single_use
        self._busy[way] += 1
        try:
            return await cancelled_between(self._exchanged(way, tag, request))
        except (httpx.TransportError, ssl.SSLError, OSError) as error:
            raise SourceUnavailable(tag.source, classify(error), type(error).__name__) from error
        finally:
            self._busy[way] -= 1
            await self._close_if_idle(way)

    async def _exchanged(
        self, way: httpx.AsyncBaseTransport, tag: Tag, request: httpx.Request
    ) -> RawAnswer:
        answer = await _answered(way, tag, request)
        self._look_at(answer)
        try:
            return await _read(tag, answer)
        finally:
            await answer.aclose()

    def _look_at(self, answer: httpx.Response) -> None:
        """Note, once a minute, until when the far end's certificate holds, and its clock."""
        now = time.monotonic()
        if now - self._looked_at >= LOOK_EVERY_S:
            self._looked_at = now
            self.far_end = FarEnd(ends=_end_of(answer), ahead_s=_ahead(answer))

    async def discard(self) -> None:
        """Use none of the pooled connections again; messages on their way are not cut."""
        old, self._pool = self._pool, self._new_pool()
        if self._single_use is old:
            self._single_use = self._pool
        await self._close_if_idle(old)

    async def _close_if_idle(self, way: httpx.AsyncBaseTransport) -> None:
        """Close a discarded pool when its last message is through."""
        if way not in (self._pool, self._single_use) and not self._busy[way]:
            del self._busy[way]
            await to_its_end(way.aclose())

    async def aclose(self) -> None:
        """Close every connection."""
        await self._pool.aclose()
        await self._single_use.aclose()


async def _answered(
    way: httpx.AsyncBaseTransport, tag: Tag, request: httpx.Request
) -> httpx.Response:
    """The answer's head. Connect timeouts that rang late blame nobody: there are two more tries.

    They say that the hub itself stood still while the connection may have been there; nothing
    of the message has left, and the deadline is the caller's as before.
    """
    for _ in range(LATE_TRIES):
        began = time.monotonic()
        try:
            return await way.handle_async_request(request)
        except httpx.ConnectTimeout:
            if time.monotonic() - began < tag.connect_s + LATE_S:
                raise
    return await way.handle_async_request(request)


async def _read(tag: Tag, answer: httpx.Response) -> RawAnswer:
    body, too_large = bytearray(), False
    assert isinstance(answer.stream, httpx.AsyncByteStream)  # noqa: S101 - httpx's own promise
    async for chunk in answer.stream:
        body += chunk
        if too_large := len(body) > tag.max_bytes:
            break
    return RawAnswer(
        status=answer.status_code,
        headers=tuple((k.decode("latin-1"), v.decode("latin-1")) for k, v in answer.headers.raw),
        body=bytes(body[: tag.max_bytes]),
        fault=_fault(tag, answer, too_large=too_large),
    )


def _fault(tag: Tag, answer: httpx.Response, *, too_large: bool) -> SourceError | None:
    if too_large:
        return SourceMalformed(tag.source, "too_large", f"more than {tag.max_bytes} bytes")
    if 300 <= answer.status_code < 400:  # noqa: PLR2004 - RFC 9110 section 15.4
        return SourceMalformed(tag.source, "redirect", f"HTTP {answer.status_code}")
    if answer.headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
        return SourceMalformed(tag.source, "malformed", "an encoding that was not asked for")
    return None


def _end_of(answer: httpx.Response) -> float | None:
    stream = answer.extensions.get("network_stream")
    secured = stream.get_extra_info("ssl_object") if stream is not None else None
    shown = secured.getpeercert() if secured is not None else None
    return ssl.cert_time_to_seconds(shown["notAfter"]) if shown else None


def _ahead(answer: httpx.Response) -> float | None:
    """None for what is no date: a clock that nobody can read is no reason to refuse an answer."""
    with contextlib.suppress(ValueError, TypeError, IndexError, OverflowError):
        told = parsedate_to_datetime(answer.headers.get("date", ""))
        return told.replace(tzinfo=told.tzinfo or dt.UTC).timestamp() - time.time()
    return None


def classify(error: BaseException) -> TechnicalReason:
    """The technical reason behind an error of httpx or of the socket below it."""
    for cause in _causes(error):
        if isinstance(cause, socket.gaierror):
            return "dns"
        if isinstance(cause, ssl.SSLError):
            return "tls"
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        return "connect_failed"
    if isinstance(error, httpx.TimeoutException):
        return "timeout"
    if isinstance(error, httpx.RemoteProtocolError) and "disconnected" not in str(error):
        return "connection_lost" if "peer closed" in str(error) else "malformed"
    return "connection_lost"


def _causes(error: BaseException) -> list[BaseException]:
    """The error and what it was raised from, outermost first."""
    chain: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and len(chain) < 10:  # noqa: PLR2004 - guards against a cycle
        chain.append(cause)
        cause = cause.__cause__ or cause.__context__
    return chain


def origin_of(url: httpx.URL) -> str:
    """`scheme://host:port`, the form of the allow-list."""
    port = url.port or {"http": 80, "https": 443}.get(url.scheme, 0)
    return f"{url.scheme}://{url.host}:{port}"


def guarded_transport(
    allowed: frozenset[str], transport: httpx.AsyncBaseTransport | None
) -> GuardedTransport:
    """A pool of connections, and beside it connections for one message each."""
    if transport is not None:
        return GuardedTransport(lambda: transport, allowed)
    trust = httpx.create_ssl_context(trust_env=False)

    def sockets(keepalive: int) -> httpx.AsyncHTTPTransport:
        limits = httpx.Limits(max_connections=100, max_keepalive_connections=keepalive)
        return httpx.AsyncHTTPTransport(verify=trust, limits=limits, trust_env=False)

    return GuardedTransport(lambda: sockets(20), allowed, sockets(0))
