"""Strike calls with the common faults: an ASGI application in front of a simulator."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, MutableMapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

from hub.sandbox.faults import (
    CommonFault,
    Empty,
    Garbage,
    Hang,
    Html,
    Huge,
    Latency,
    SlowDrip,
    Status,
    Truncate,
    WrongCharset,
    common_fault,
)
from hub.sandbox.stage import Fault, FaultBoard

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[..., Awaitable[None]]
"""An ASGI 3 application; frameworks type its three arguments each in their own way."""
Headers = Iterable[tuple[bytes, bytes]]

_CHUNK = 65_536
_PAGES = {
    "login": (
        "<!DOCTYPE html><html lang=es><head><title>Acceso</title></head><body><form method=post>"
        "<h1>Inicie sesi\u00f3n</h1><input name=usuario><input name=clave type=password></form>"
        "</body></html>"
    ),
    "maintenance": (
        "<!DOCTYPE html><html lang=es><head><title>Mantenimiento</title></head><body>"
        "<h1>Servicio en mantenimiento</h1><p>Disculpe las molestias.</p></body></html>"
    ),
}


class Spoiler:
    """Answers for *app*, spoiled by the fault that the board has for *source*."""

    def __init__(self, app: App, source: str, own: frozenset[str], board: FaultBoard) -> None:
        self.app = app
        self._source, self._own, self._board = source, own, board
        self._struck: tuple[Fault | None, int] = (None, 0)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        fault = self._due() if scope["type"] == "http" else None
        if fault is None:
            await self.app(scope, receive, send)
            return
        body = await _body_of(receive)
        if not await _replaced(fault, receive, send):
            await self._spoiled(fault, scope, _Again(body, receive), send)

    def _due(self) -> CommonFault | None:
        """The fault for this call. Of every n calls under one fault, floor(n * share) have it."""
        placed = self._board.get(self._source)
        fault = common_fault(placed, self._own)
        if fault is None:
            return None
        before = self._struck[1] if self._struck[0] is placed else 0
        self._struck = (placed, before + 1)
        hit = int((before + 1) * fault.share + 1e-9) > int(before * fault.share + 1e-9)
        return fault if hit else None

    async def _spoiled(self, fault: CommonFault, scope: Scope, receive: _Again, send: Send) -> None:
        if isinstance(fault, Latency):
            if await receive.stays(fault.ms / 1000):
                await self.app(scope, receive, send)
            return
        answer = _Answer()
        await self.app(scope, receive, answer.take)
        match fault:
            case Truncate():
                await answer.cut(send, fault.after)
            case Garbage():
                noise = random.Random(self._source).randbytes(fault.bytes)  # noqa: S311 - noise
                await answer.give(send, noise)
            case WrongCharset():
                await answer.give(send, _latin1(bytes(answer.body)))
            case Huge():
                await answer.pour(send, receive.inner, fault.bytes)
            case SlowDrip():
                await answer.drip(send, receive.inner, fault)
            case _:
                raise AssertionError("every common fault has its case")


class _Again:
    """Gives a request's body once more, then what comes after it."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self.inner = receive

    async def __call__(self) -> Message:
        if self._body is None:
            return await self.inner()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}

    async def stays(self, seconds: float) -> bool:
        """Whether the client is still there after *seconds*."""
        async with _watching(self.inner) as gone:
            await asyncio.wait([gone], timeout=seconds)
            return not gone.done()


class _Answer:
    """What the simulator answered, to be given otherwise."""

    def __init__(self) -> None:
        self.status = 500
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = bytearray()

    async def take(self, message: Message) -> None:
        """Collect one ASGI message of the simulator."""
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], list(message.get("headers", ()))
        else:
            self.body += message.get("body", b"")

    async def give(self, send: Send, body: bytes) -> None:
        """Status and headers as they are, and *body*."""
        await self._start(send, len(body))
        await send({"type": "http.response.body", "body": body})

    async def cut(self, send: Send, after: int | None) -> None:
        """Promise the whole body and leave after a part of it: the server hangs up."""
        promised = max(len(self.body), 1)
        part = len(self.body) // 2 if after is None else min(after, promised - 1)
        await self._start(send, promised)
        await send({"type": "http.response.body", "body": self.body[:part], "more_body": True})

    async def pour(self, send: Send, receive: Receive, total: int) -> None:
        """The body and blanks, until *total* bytes are sent or the client has gone."""
        await self._start(send, None)
        async with _watching(receive) as gone:
            await send({"type": "http.response.body", "body": bytes(self.body), "more_body": True})
            left = total - len(self.body)
            while left > 0 and not gone.done():
                blanks = b" " * min(left, _CHUNK)
                await send({"type": "http.response.body", "body": blanks, "more_body": True})
                left -= len(blanks)
                await asyncio.sleep(0)  # lets the watcher see that the client has gone
        await send({"type": "http.response.body", "body": b""})

    async def drip(self, send: Send, receive: Receive, fault: SlowDrip) -> None:
        """The body in drops, until it ends or the client has gone."""
        await self._start(send, len(self.body))
        async with _watching(receive) as gone:
            for at in range(0, len(self.body), fault.bytes):
                drop = bytes(self.body[at : at + fault.bytes])
                await send({"type": "http.response.body", "body": drop, "more_body": True})
                await asyncio.wait([gone], timeout=fault.every_ms / 1000)
                if gone.done():
                    return
        await send({"type": "http.response.body", "body": b""})

    async def _start(self, send: Send, length: int | None) -> None:
        headers = [
            (name, value) for name, value in self.headers if name.lower() != b"content-length"
        ]
        if length is not None:
            headers.append((b"content-length", b"%d" % length))
        await send({"type": "http.response.start", "status": self.status, "headers": headers})


async def _replaced(fault: CommonFault, receive: Receive, send: Send) -> bool:
    """Whether *fault* answers in the simulator's place; then it has."""
    match fault:
        case Hang():
            async with _watching(receive) as gone:
                await gone
        case Status():
            text = f"{fault.code} {_phrase(fault.code)}".encode()
            wait = fault.retry_after
            extra = [] if wait is None else [(b"retry-after", str(wait).encode())]
            await _answer(send, fault.code, [(b"content-type", b"text/plain"), *extra], text)
        case Html():
            page = _PAGES[fault.page].encode()
            await _answer(send, 200, [(b"content-type", b"text/html; charset=utf-8")], page)
        case Empty():
            await _answer(send, 200, [], b"")
        case _:
            return False
    return True


async def _answer(send: Send, status: int, headers: Headers, body: bytes) -> None:
    bodyless = status in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)
    answer = _Answer()
    answer.status, answer.headers = status, list(headers)
    await answer.give(send, b"" if bodyless else body)


def _phrase(code: int) -> str:
    return HTTPStatus(code).phrase if code in HTTPStatus._value2member_map_ else "Unknown"


def _latin1(body: bytes) -> bytes:
    """*body* in Latin-1; one without a letter beyond ASCII gets one, so that the fault bites."""
    text = body.decode("utf-8", "replace")
    if text.isascii():
        middle = len(text) // 2
        text = f"{text[:middle]}\u00f1{text[middle:]}"
    return text.encode("latin-1", "replace")


async def _body_of(receive: Receive) -> bytes:
    body, more = bytearray(), True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message["type"] == "http.request" and message.get("more_body", False)
    return bytes(body)


@asynccontextmanager
async def _watching(receive: Receive) -> AsyncIterator[asyncio.Future[None]]:
    """A future that is done when the client has gone."""

    async def gone() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    task = asyncio.ensure_future(gone())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])
