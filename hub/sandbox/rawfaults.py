"""A server that misbehaves below HTTP: bytes, pace and end of a connection exactly as ordered.

Higher servers cannot misbehave enough: they finish headers, count bodies and close politely.
Every number comes with the order (`values`), none from here. One fault is in force at a time;
without one the server is a genuine, if simple, HTTP/1.1 server.
"""

from __future__ import annotations

import asyncio
import re
import socket
import struct
import zlib
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any

Genuine = Callable[[bytes], bytes]
"""The body that a healthy source would give for a request, head and body as they came."""

Values = Mapping[str, Any]
Writer = asyncio.StreamWriter
Mode = Callable[[Writer, bytes, Values], Coroutine[Any, Any, None]]
"""Answers one request, given the genuine body and the numbers of the order."""


def http(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    """A whole HTTP/1.1 answer with its length."""
    lines = [f"HTTP/1.1 {status}", "content-type: application/json", *headers]
    lines.append(f"content-length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


async def _say(writer: Writer, *parts: bytes) -> None:
    writer.write(b"".join(parts))
    await writer.drain()


def _reset(writer: Writer) -> None:
    plain = writer.get_extra_info("socket")
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def _drip(writer: Writer, data: bytes, values: Values) -> None:
    for byte in data:
        await asyncio.sleep(values["every_ms"] / 1000)
        await _say(writer, bytes([byte]))


async def reset(writer: Writer, _: bytes, __: Values) -> None:
    """RST before any byte of an answer."""
    _reset(writer)


async def reset_mid_body(writer: Writer, body: bytes, values: Values) -> None:
    """RST after `after` bytes of the body, once they have arrived."""
    whole = http(body)
    await _say(writer, whole[: whole.index(b"\r\n\r\n") + 4 + values["after"]])
    await asyncio.sleep(values["pause_ms"] / 1000)
    _reset(writer)


async def close_mid_body(writer: Writer, body: bytes, values: Values) -> None:
    """FIN after `after` bytes of a body whose length was declared."""
    whole = http(body)
    await _say(writer, whole[: whole.index(b"\r\n\r\n") + 4 + values["after"]])
    writer.close()


async def close_without_length(writer: Writer, body: bytes, values: Values) -> None:
    """FIN after `after` bytes of a body of unknown length: HTTP says that it is whole."""
    await _say(writer, b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n", body[: values["after"]])
    writer.close()


async def hang(_: Writer, __: bytes, ___: Values) -> None:
    """No byte, until the caller leaves."""
    await asyncio.get_running_loop().create_future()


async def slow_headers(writer: Writer, body: bytes, values: Values) -> None:
    """The genuine answer, one byte every `every_ms`, from the first on."""
    await _drip(writer, http(body), values)


async def slow_drip(writer: Writer, body: bytes, values: Values) -> None:
    """The genuine headers at once, then the body, one byte every `every_ms`."""
    head, _, rest = http(body).partition(b"\r\n\r\n")
    await _say(writer, head, b"\r\n\r\n")
    await _drip(writer, rest, values)


async def endless(writer: Writer, _: bytes, values: Values) -> None:
    """Blanks in chunks up to `bytes`, without a declared length."""
    await _say(writer, b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    for _sent in range(0, values["bytes"], 65_536):
        await _say(writer, b"10000\r\n", b" " * 65_536, b"\r\n")
    await _say(writer, b"0\r\n\r\n")


async def gzip_bomb(writer: Writer, _: bytes, values: Values) -> None:
    """A small body that expands to `bytes`, in an encoding that nobody asked for."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    small = packer.compress(b" " * values["bytes"]) + packer.flush()
    await _say(writer, http(small, "content-encoding: gzip"))


async def huge_header(writer: Writer, body: bytes, values: Values) -> None:
    """One header line of `bytes`."""
    await _say(writer, http(body, "x-long: " + "a" * values["bytes"]))


async def garbage(writer: Writer, _: bytes, values: Values) -> None:
    """`text` where a status line should be."""
    await _say(writer, values["text"].encode("latin-1"), b"\r\n\r\n")


async def second_answer(writer: Writer, body: bytes, values: Values) -> None:
    """The genuine answer and, in the same segment, one that nobody asked for: `text`."""
    await _say(writer, http(body), http(values["text"].encode()))


async def redirect(writer: Writer, _: bytes, values: Values) -> None:
    """302 to `location`."""
    await _say(writer, http(b"", f"location: {values['location']}", status="302 Found"))


async def status(writer: Writer, body: bytes, values: Values) -> None:
    """`line` as the status, with any `headers`."""
    await _say(writer, http(body, *values.get("headers", ()), status=values["line"]))


async def other_body(writer: Writer, _: bytes, values: Values) -> None:
    """Status 200 and `body`, whatever was asked."""
    await _say(writer, http(values["body"]))


RAW_MODES: Mapping[str, Mode] = {
    "reset": reset,
    "reset-mid-body": reset_mid_body,
    "close-mid-body": close_mid_body,
    "close-without-length": close_without_length,
    "hang": hang,
    "slow-headers": slow_headers,
    "slow-drip": slow_drip,
    "endless": endless,
    "gzip-bomb": gzip_bomb,
    "huge-header": huge_header,
    "garbage": garbage,
    "second-answer": second_answer,
    "redirect": redirect,
    "status": status,
    "other-body": other_body,
}


class FaultServer:
    """Counts connections and keeps the requests; `order` and `heal` set what it does."""

    def __init__(self, genuine: Genuine) -> None:
        self._genuine = genuine
        self._order: tuple[Mode, Values] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self.port = 0
        self.connections = 0
        self.requests: list[bytes] = []

    @property
    def url(self) -> str:
        """Where it listens, or listened."""
        return f"http://127.0.0.1:{self.port}/"

    @property
    def open_connections(self) -> int:
        """How many callers are connected now."""
        return len(self._tasks)

    def order(self, mode: str, **values: Any) -> None:
        """Put a fault in force; KeyError for one that does not exist."""
        self._order = (RAW_MODES[mode], values)

    def heal(self) -> None:
        """Be genuine again."""
        self._order = None

    async def start(self) -> None:
        """Listen; on the same port as before, if there was one."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Refuse connections, and cut those that are open."""
        assert self._server is not None  # noqa: S101 - started first
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: Writer) -> None:
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

    async def _answer(self, reader: asyncio.StreamReader, writer: Writer, request: bytes) -> None:
        body = self._genuine(request)
        if self._order is None:
            await _say(writer, http(body))
        else:
            mode, values = self._order
            await _until_gone(reader, mode(writer, body, values))


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
    except (asyncio.IncompleteReadError, ConnectionError):
        return b""


@asynccontextmanager
async def fault_server(genuine: Genuine) -> AsyncIterator[FaultServer]:
    """A server on a loopback port, for the length of the block."""
    server = FaultServer(genuine)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()
