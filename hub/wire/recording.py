"""Record, then act: nothing is sent or believed before it is durable.

Trap: a call that is cancelled *was made*. So `Sent` is written first, and a cancellation,
wherever it strikes, still leaves an `Outcome`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable

import httpx

from hub.core.errors import SourceError, SourceUnavailable
from hub.core.exchange import Message, Origin, Outcome, Recorder, Sent
from hub.core.moment import Clock
from hub.tracing import current_traceparent, note_attempt
from hub.wire.finish import settled
from hub.wire.tag import EXTENSION, Tag
from hub.wire.transport import GuardedTransport, RawAnswer

SECRET_HEADERS = frozenset(
    {"authorization", "cookie", "set-cookie", "proxy-authorization", "x-csrf-token", "x-api-key"}
)
"""Header names whose values are credentials: recorded as present, never with their value.

What a source's Credentials add to a message is such a header too, whatever its name.
"""

EXCHANGE = "hub_exchange"
"""Key of the exchange id among an httpx response's extensions."""


class RecordingTransport(httpx.AsyncBaseTransport):
    """The seam between httpx's client and the network: every message passes here."""

    def __init__(
        self,
        inner: GuardedTransport,
        recorder: Recorder,
        clock: Clock,
        new_id: Callable[[], str],
        *,
        tells_trace: bool = False,
    ) -> None:
        self._inner, self._recorder, self._clock, self._new_id = inner, recorder, clock, new_id
        self._tells_trace = tells_trace

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        tag: Tag = request.extensions[EXTENSION]
        note_attempt(tag.attempt)
        if self._tells_trace and (line := current_traceparent()):
            request.headers["traceparent"] = line
        sent = await self._sent(tag, request)
        await self._begun(sent, time.perf_counter())
        if tag.departed:
            tag.departed()
        began = time.perf_counter()
        try:
            answer = await self._attempt(tag, request)
        except asyncio.CancelledError:
            await self._cancelled(sent, began)
            raise
        except SourceError as error:
            await self._durable(self._outcome(sent, began, None, error.reason))
            raise
        except Exception:
            await self._durable(self._outcome(sent, began, None, "unknown"))
            raise
        fault = answer.fault
        await self._durable(self._outcome(sent, began, answer, fault.reason if fault else None))
        if fault:
            raise fault
        return httpx.Response(
            answer.status,
            headers=list(answer.headers),
            content=answer.body,
            extensions={EXCHANGE: sent.id},
        )

    async def _attempt(self, tag: Tag, request: httpx.Request) -> RawAnswer:
        try:
            async with asyncio.timeout_at(tag.until):
                return await self._inner.exchange(request)
        except TimeoutError as error:
            raise SourceUnavailable(tag.source, "timeout", "no whole answer in time") from error

    async def _sent(self, tag: Tag, request: httpx.Request) -> Sent:
        return Sent(
            id=self._new_id(),
            origin=tag.origin,
            source=tag.source,
            operation=tag.operation,
            ordinal=tag.ordinal,
            attempt=tag.attempt,
            at=self._clock(),
            method=request.method,
            url=str(request.url),
            message=_message(
                tag.origin, request.headers.multi_items(), await request.aread(), tag.secrets
            ),
        )

    def _outcome(
        self, sent: Sent, began: float, answer: RawAnswer | None, error: str | None
    ) -> Outcome:
        return Outcome(
            id=sent.id,
            origin=sent.origin,
            source=sent.source,
            operation=sent.operation,
            at=self._clock(),
            elapsed_ms=round((time.perf_counter() - began) * 1000, 3),
            status=answer.status if answer else None,
            message=_message(sent.origin, answer.headers, answer.body) if answer else None,
            error=error,
        )

    async def _begun(self, sent: Sent, began: float) -> None:
        """Write *sent*; cancelled meanwhile, close it too, unless it could not be written."""
        task = asyncio.ensure_future(self._recorder.record(sent))
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            if await settled(task):
                await self._cancelled(sent, began)
            raise

    async def _durable(self, outcome: Outcome) -> None:
        """Write *outcome*; a cancellation waits until it is written, then goes on."""
        task = asyncio.ensure_future(self._recorder.record(outcome))
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            await settled(task)
            raise

    async def _cancelled(self, sent: Sent, began: float) -> None:
        """Write that *sent* was cancelled, whatever else happens to the task that writes it."""
        outcome = self._outcome(sent, began, None, "cancelled")
        await settled(asyncio.ensure_future(self._recorder.record(outcome)))

    async def aclose(self) -> None:
        await self._inner.aclose()


def _message(
    origin: Origin,
    lines: Iterable[tuple[str, str]],
    body: bytes,
    secrets: frozenset[str] = frozenset(),
) -> Message:
    """What is kept: without a subject (a token, a ping) no body, for it may be a credential."""
    return Message(headers=_safe(lines, secrets), body=body if origin.keeps_bodies else b"")


def _safe(lines: Iterable[tuple[str, str]], secrets: frozenset[str]) -> tuple[tuple[str, str], ...]:
    hidden = SECRET_HEADERS | secrets
    return tuple(
        (name, "[credential]" if name.lower() in hidden else value) for name, value in lines
    )
