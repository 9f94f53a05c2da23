"""A socket server under orders: genuine without a fault, and exactly as wrong as a mode says."""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import httpx
import msgspec

from hub.sandbox.rawfaults import RAW_FAULTS, RawFault, Reply, say

Genuine = Callable[[bytes], Awaitable[Reply]]
"""What a healthy source would answer to a request, head and body as they came."""


class FaultServer:
    """Counts connections and keeps the requests; `order` and `heal` set what it does.

    One fault is in force at a time. *host* is a loopback address; *port* 0 is chosen once.
    With *tls* it speaks TLS, as well or as badly as that context says.
    """

    def __init__(
        self,
        genuine: Genuine,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._genuine, self._tls = genuine, tls
        self._fault: RawFault | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._hole: list[socket.socket] = []
        self.host, self.port = host, port
        self.connections = 0
        self.requests: list[bytes] = []

    @property
    def url(self) -> str:
        """Where it listens, or listened."""
        return f"http{'s' if self._tls else ''}://{self.host}:{self.port}/"

    @property
    def is_open(self) -> bool:
        """Whether it listens."""
        return self._server is not None

    @property
    def open_connections(self) -> int:
        """How many callers are connected now."""
        return len(self._tasks)

    def order(self, mode: str, **values: Any) -> None:
        """Put a fault in force; KeyError for an unknown mode, ValidationError for its values."""
        self._fault = msgspec.convert(values, RAW_FAULTS[mode])

    def heal(self) -> None:
        """Be genuine again."""
        self._fault = None

    async def start(self) -> None:
        """Listen; on the same port as before, if there was one."""
        self._server = await asyncio.start_server(self._serve, self.host, self.port, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Refuse connections, and cut those that are open."""
        while self._hole:
            self._hole.pop().close()
        if self._server is None:
            return
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._server = None

    async def swallow(self) -> None:
        """Take the port and accept nobody: with the queue full, even the first packet is lost."""
        await self.stop()
        listening = socket.create_server((self.host, self.port), backlog=0)
        self._hole.append(listening)
        for _ in range(4):  # the kernel's queue is a little longer than was asked
            waiting = socket.socket()
            waiting.setblocking(False)
            waiting.connect_ex((self.host, self.port))
            self._hole.append(waiting)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine of a server runs in a task
        self._tasks.add(task)
        self.connections += 1
        try:
            while request := await _request(reader):
                self.requests.append(request)
                await self._answer(reader, writer, request)
        except (ConnectionError, asyncio.CancelledError):
            return
        finally:
            self._tasks.discard(task)
            writer.transport.abort()

    async def _answer(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes
    ) -> None:
        fault, reply = self._fault, await self._genuine(request)
        if fault is None:
            await say(writer, reply.whole())
        else:
            await _until_gone(reader, fault.strike(writer, reply))


async def _until_gone(reader: asyncio.StreamReader, answering: Coroutine[Any, Any, None]) -> None:
    """Run *answering*, and end it when the caller has hung up."""
    work, gone = asyncio.ensure_future(answering), asyncio.ensure_future(reader.read(1))
    try:
        await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (work, gone):
            task.cancel()
        ends = await asyncio.gather(work, gone, return_exceptions=True)
    if isinstance(ends[0], BaseException):
        raise ends[0]


async def _request(reader: asyncio.StreamReader) -> bytes:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
        return head + await reader.readexactly(int(length.group(1)) if length else 0)
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
        return b""


def answers_of(app: Any) -> Genuine:
    """What the ASGI application *app* answers."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)

    async def genuine(request: bytes) -> Reply:
        head, _, body = request.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ", 2)
        headers = [(name.strip(), value.strip()) for name, _, value in _pairs(lines)]
        host = {name.lower(): value for name, value in headers}.get("host", "localhost")
        asked = httpx.Request(method, f"http://{host}{target}", headers=headers, content=body)
        answer = await transport.handle_async_request(asked)
        lines_back = tuple((n.decode().lower(), v.decode("latin-1")) for n, v in answer.headers.raw)
        status = f"{answer.status_code} {answer.reason_phrase}"
        return Reply(status=status, headers=lines_back, body=await answer.aread())

    return genuine


def _pairs(lines: list[str]) -> list[tuple[str, str, str]]:
    return [line.partition(":") for line in lines]


@asynccontextmanager
async def fault_server(
    genuine: Genuine, *, tls: ssl.SSLContext | None = None
) -> AsyncIterator[FaultServer]:
    """A server on a loopback port, for the length of the block."""
    server = FaultServer(genuine, tls=tls)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()
