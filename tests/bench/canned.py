"""A process that gives prepared answers over loopback, each to the request that names it.

Its CPU is not the measured side's. Argument: a msgpack file of answers by IdPeticion. Prints
the port that it listens on, and ends with its standard input.
"""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

import msgspec

_LENGTH = re.compile(rb"content-length:\s*(\d+)", re.IGNORECASE)
_NUMBER = re.compile(rb"IdPeticion>([0-9A-Z]+)<")


async def serve(answers: dict[str, bytes]) -> None:
    """Answer until standard input ends."""

    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await _head(reader):
            length = _LENGTH.search(head)
            body = await reader.readexactly(int(length.group(1)) if length else 0)
            number = _NUMBER.search(body)
            content = answers[number.group(1).decode()] if number else b""
            writer.write(
                b"HTTP/1.1 200 OK\r\ncontent-type: text/xml; charset=UTF-8\r\n"
                b"content-length: %d\r\n\r\n" % len(content) + content
            )
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(conversation, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


async def _head(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""


if __name__ == "__main__":
    asyncio.run(
        serve(msgspec.msgpack.decode(Path(sys.argv[1]).read_bytes(), type=dict[str, bytes]))
    )
