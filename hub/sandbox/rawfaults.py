"""Faults below HTTP: bytes, pace and end of a connection exactly as ordered.

Higher servers cannot misbehave enough: they finish headers, count bodies and close politely.
Each mode is a Struct of its numbers, with defaults to play with; tests order their own.
"""

from __future__ import annotations

import asyncio
import re
import socket
import struct
import zlib
from abc import abstractmethod
from collections.abc import Mapping
from typing import Annotated, Literal

from msgspec import Meta, Struct

Writer = asyncio.StreamWriter

_Size = Annotated[int, Meta(ge=0, le=1_073_741_824)]
_Pause = Annotated[int, Meta(ge=0, le=60_000)]
_Text = Annotated[str, Meta(max_length=16_777_216)]
_Line = Annotated[str, Meta(max_length=1000, pattern="^[ -~]*$")]
_Encoding = Literal["utf-8", "utf-8-sig", "utf-16", "utf-7", "iso-8859-1", "iso-8859-15"]

_CHUNK = 65_536
_FRAMING = frozenset({"content-length", "transfer-encoding", "connection"})


class Reply(Struct, frozen=True, kw_only=True):
    """A whole answer of a healthy source. Header names are lower case."""

    status: _Line = "200 OK"
    headers: tuple[tuple[str, str], ...] = (("content-type", "application/json"),)
    body: bytes = b""

    def head(self, *more: str, length: int | None) -> bytes:
        """Status and header lines, *more* among them, with *length* where one is declared."""
        kept = [f"{name}: {value}" for name, value in self.headers if name not in _FRAMING]
        told = [] if length is None else [f"content-length: {length}"]
        return "\r\n".join([f"HTTP/1.1 {self.status}", *kept, *more, *told, "", ""]).encode(
            "latin-1"
        )

    def whole(self, *more: str) -> bytes:
        """The answer as a good server writes it."""
        return self.head(*more, length=len(self.body)) + self.body


class RawFault(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One way of going wrong."""

    @abstractmethod
    async def strike(self, writer: Writer, reply: Reply) -> None:
        """Answer one request for which *reply* would have been right."""


async def say(writer: Writer, *parts: bytes) -> None:
    """Write, and wait until it can leave."""
    writer.write(b"".join(parts))
    await writer.drain()


def _reset(writer: Writer) -> None:
    plain = writer.get_extra_info("socket")
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def _drip(writer: Writer, data: bytes, every_ms: int) -> None:
    for byte in data:
        await asyncio.sleep(every_ms / 1000)
        await say(writer, bytes([byte]))


class Reset(RawFault, frozen=True, kw_only=True):
    """RST before any byte of an answer."""

    async def strike(self, writer: Writer, reply: Reply) -> None:  # noqa: ARG002 - none is given
        _reset(writer)


class ResetMidBody(RawFault, frozen=True, kw_only=True):
    """RST after `after` bytes of the body, `pause_ms` later, when they have arrived."""

    after: _Size = 5
    pause_ms: _Pause = 20

    async def strike(self, writer: Writer, reply: Reply) -> None:
        await say(writer, reply.head(length=len(reply.body)), reply.body[: self.after])
        await asyncio.sleep(self.pause_ms / 1000)
        _reset(writer)


class CloseMidBody(RawFault, frozen=True, kw_only=True):
    """FIN after `after` bytes of a body whose length was declared."""

    after: _Size = 5

    async def strike(self, writer: Writer, reply: Reply) -> None:
        await say(writer, reply.head(length=len(reply.body) + 1), reply.body[: self.after])
        writer.close()


class CloseWithoutLength(RawFault, frozen=True, kw_only=True):
    """FIN after `after` bytes of a body of unknown length: HTTP says that it is whole."""

    after: _Size = 5

    async def strike(self, writer: Writer, reply: Reply) -> None:
        await say(writer, reply.head("connection: close", length=None), reply.body[: self.after])
        writer.close()


class Hang(RawFault, frozen=True, kw_only=True):
    """No byte, until the caller leaves."""

    async def strike(self, writer: Writer, reply: Reply) -> None:  # noqa: ARG002 - none is given
        await asyncio.get_running_loop().create_future()


class SlowDrip(RawFault, frozen=True, kw_only=True):
    """The genuine headers at once, then the body, one byte every `every_ms`."""

    every_ms: _Pause = 100

    async def strike(self, writer: Writer, reply: Reply) -> None:
        await say(writer, reply.head(length=len(reply.body)))
        await _drip(writer, reply.body, self.every_ms)


class SlowHeaders(RawFault, frozen=True, kw_only=True):
    """The genuine answer, one byte every `every_ms`, from the first on."""

    every_ms: _Pause = 100

    async def strike(self, writer: Writer, reply: Reply) -> None:
        await _drip(writer, reply.whole(), self.every_ms)


class Endless(RawFault, frozen=True, kw_only=True):
    """Blanks in chunks up to `bytes`, without a declared length."""

    bytes: _Size = 209_715_200

    async def strike(self, writer: Writer, reply: Reply) -> None:
        await say(writer, reply.head("transfer-encoding: chunked", length=None))
        for _sent in range(0, self.bytes, _CHUNK):
            await say(writer, b"%x\r\n" % _CHUNK, b" " * _CHUNK, b"\r\n")
        await say(writer, b"0\r\n\r\n")


class Bomb(RawFault, frozen=True, kw_only=True):
    """A small body that expands to `bytes`, in an `encoding` that nobody asked for.

    What calls itself `br` is deflated too: no library here writes it.
    """

    bytes: _Size = 209_715_200
    encoding: Literal["gzip", "deflate", "br"] = "gzip"

    async def strike(self, writer: Writer, reply: Reply) -> None:
        packer = zlib.compressobj(9, zlib.DEFLATED, 31 if self.encoding == "gzip" else 15)
        blanks = b" " * _CHUNK
        small = b"".join(packer.compress(blanks) for _ in range(0, self.bytes, _CHUNK))
        small += packer.flush()
        head = reply.head(f"content-encoding: {self.encoding}", length=len(small))
        await say(writer, head, small)


class HugeHeader(RawFault, frozen=True, kw_only=True):
    """`lines` header lines of `bytes` together."""

    bytes: _Size = 200_000
    lines: Annotated[int, Meta(ge=1, le=10_000)] = 1

    async def strike(self, writer: Writer, reply: Reply) -> None:
        filler = "a" * (self.bytes // self.lines)
        await say(writer, reply.whole(*(f"x-long-{n}: {filler}" for n in range(self.lines))))


class NoHttp(RawFault, frozen=True, kw_only=True):
    """`text` where a status line should be."""

    text: _Text = "\x16\x03\x01 hello"

    async def strike(self, writer: Writer, reply: Reply) -> None:  # noqa: ARG002 - none is given
        await say(writer, self.text.encode("latin-1", "replace"), b"\r\n\r\n")


class SecondAnswer(RawFault, frozen=True, kw_only=True):
    """The genuine answer and, in the same segment, one that nobody asked for.

    That is `text`; with a `pattern`, the genuine answer in which `text` replaces it.
    """

    pattern: Annotated[str, Meta(max_length=1000)] = ""
    text: _Text = "{}"

    async def strike(self, writer: Writer, reply: Reply) -> None:
        told = reply.body.decode("utf-8", "replace")
        body = re.sub(self.pattern, self.text, told) if self.pattern else self.text
        stray = Reply(headers=reply.headers, body=body.encode())
        await say(writer, reply.whole(), stray.whole())


class Redirect(RawFault, frozen=True, kw_only=True):
    """302 to `location`."""

    location: _Line = "http://169.254.169.254/latest/meta-data/"

    async def strike(self, writer: Writer, reply: Reply) -> None:  # noqa: ARG002 - none is given
        moved = Reply(status="302 Found", headers=(("location", self.location),))
        await say(writer, moved.whole())


class Said(RawFault, frozen=True, kw_only=True):
    """`status`, `headers` and `body` (repeated `times`), whatever was asked.

    Where no `headers` are ordered, those of the genuine answer stay.
    """

    status: _Line = "200 OK"
    headers: Mapping[str, _Line] = {}
    body: _Text = ""
    encoding: _Encoding = "utf-8"
    times: Annotated[int, Meta(ge=1, le=1_000_000)] = 1

    async def strike(self, writer: Writer, reply: Reply) -> None:
        lines = tuple((name.lower(), value) for name, value in self.headers.items())
        body = (self.body * self.times).encode(self.encoding, "replace")
        said = Reply(status=self.status, headers=lines or reply.headers, body=body)
        await say(writer, said.whole())


class Edited(RawFault, frozen=True, kw_only=True):
    r"""The genuine answer with `pattern` replaced by `text`, then encoded in `encoding`.

    Both are Python's regular expressions; `text` may use groups, and `\g<0>` is the match.
    """

    pattern: Annotated[str, Meta(min_length=1, max_length=1000)]
    text: _Text = ""
    encoding: _Encoding = "utf-8"
    count: Annotated[int, Meta(ge=0, le=1000)] = 0
    """How many matches at most; 0 is all."""

    async def strike(self, writer: Writer, reply: Reply) -> None:
        told = reply.body.decode("utf-8", "replace")
        body = re.sub(self.pattern, self.text, told, count=self.count, flags=re.DOTALL)
        edited = Reply(
            status=reply.status,
            headers=reply.headers,
            body=body.encode(self.encoding, "xmlcharrefreplace"),
        )
        await say(writer, edited.whole())


RAW_FAULTS: Mapping[str, type[RawFault]] = {
    "reset": Reset,
    "reset-mid-body": ResetMidBody,
    "close-mid-body": CloseMidBody,
    "close-without-length": CloseWithoutLength,
    "hang": Hang,
    "slow-headers": SlowHeaders,
    "slow-drip": SlowDrip,
    "endless": Endless,
    "bomb": Bomb,
    "huge-header": HugeHeader,
    "no-http": NoHttp,
    "second-answer": SecondAnswer,
    "redirect": Redirect,
    "said": Said,
    "edited": Edited,
}
"""Mode -> its parameters. Where hub.sandbox.faults has a mode of the same name, the sandbox uses
that one, which can strike a share of the calls."""
