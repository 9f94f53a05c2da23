"""The fail matrix where bytes leave and come in: no request without its record, no answer either.

Each case is played by a real socket server, through the wire's client, over a real ledger.
"fails but persisted" is a message that arrived whole though the other side was told otherwise.
The rows for records and checkpoints stand in `test_ledger_faults` and `test_ledger_killed`.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from hub.core.connector import Operation, Patience
from hub.core.errors import LedgerError, SourceError
from hub.ledger.recorder import LedgerRecorder
from hub.wire.client import open_client
from tests.support.ledgers import FaultyDisk, a_ledger, verified

ROOT = Path(__file__).parents[2]
READ = Operation(
    name="read", echoes=(), patience=Patience(timeout_s=0.3, connect_s=0.2, attempts=1)
)
BODY = b'{"held": true}'
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 14\r\n\r\n"

Play = Callable[[asyncio.StreamReader, asyncio.StreamWriter, asyncio.Event], Awaitable[None]]


async def asked(reader: asyncio.StreamReader) -> None:
    """The whole request has arrived."""
    await reader.readuntil(b"\r\n\r\n")


def reset(writer: asyncio.StreamWriter) -> None:
    """Close the connection by RST."""
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.close()


async def resets_at_once(_: Any, writer: asyncio.StreamWriter, here: asyncio.Event) -> None:
    here.set()
    reset(writer)


async def takes_and_resets(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, here: asyncio.Event
) -> None:
    await asked(reader)
    here.set()
    reset(writer)


async def takes_and_is_silent(
    reader: asyncio.StreamReader, _: asyncio.StreamWriter, here: asyncio.Event
) -> None:
    await asked(reader)
    here.set()
    await reader.read()


async def breaks_off(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, here: asyncio.Event
) -> None:
    await asked(reader)
    writer.write(HEAD + BODY[:5])
    await writer.drain()
    here.set()
    reset(writer)


async def halts_in_the_middle(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, here: asyncio.Event
) -> None:
    await asked(reader)
    writer.write(HEAD + BODY[:5])
    await writer.drain()
    here.set()
    await reader.read()


async def answers_and_resets(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, here: asyncio.Event
) -> None:
    await asked(reader)
    writer.write(HEAD + BODY)
    await writer.drain()
    here.set()
    await reader.read()


@asynccontextmanager
async def playing(play: Play) -> AsyncIterator[tuple[str, asyncio.Event]]:
    """A server that does *play* with each connection; its URL, and that it has come so far."""
    here = asyncio.Event()

    async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await play(reader, writer, here)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(served, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", here
    finally:
        server.close()
        await server.wait_closed()


async def pairs(folder: Path) -> list[tuple[str, str | None]]:
    """The kinds on record in order, with their errors; the whole verifies from disk."""
    assert verified(folder).findings == []
    async with a_ledger(folder) as ledger:
        return [(r.kind, r.header.get("error")) for r in await ledger.records(0)]


CASES: dict[str, tuple[Play, bool, str]] = {
    "bytes out, fails": (resets_at_once, False, "connection_lost"),
    "bytes out, fails but persisted": (takes_and_resets, False, "connection_lost"),
    "bytes out, slow": (takes_and_is_silent, False, "timeout"),
    "bytes out, cancelled": (takes_and_is_silent, True, "cancelled"),
    "bytes in, fails": (breaks_off, False, "connection_lost"),
    "bytes in, slow": (halts_in_the_middle, False, "timeout"),
    "bytes in, cancelled": (halts_in_the_middle, True, "cancelled"),
}


@pytest.mark.parametrize(("play", "is_cancelled", "error"), CASES.values(), ids=CASES)
async def test_a_message_that_fails_on_the_way_has_both_its_records(
    tmp_path: Path, play: Play, is_cancelled: bool, error: str
) -> None:
    """Nobody gets an answer, and the log says that it was asked and what came of it."""
    async with a_ledger(tmp_path) as ledger, playing(play) as (url, here):
        client = open_client("source", url, LedgerRecorder(ledger))
        call = asyncio.ensure_future(client.technical_call(READ).get("/read"))
        await here.wait()
        if is_cancelled:
            call.cancel()
        with pytest.raises(asyncio.CancelledError if is_cancelled else SourceError):
            await call
        await client.aclose()
    assert await pairs(tmp_path) == [("sent", None), ("outcome", error)]


@pytest.mark.parametrize("mode", ["fails", "fails but persists"])
async def test_an_answer_that_came_in_and_was_not_acknowledged_is_shown_to_nobody(
    tmp_path: Path, mode: Any
) -> None:
    """The bytes are all there, the record of them may be or not: the caller gets an error."""
    disk = FaultyDisk()

    async def falls_ill_and_answers(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, here: asyncio.Event
    ) -> None:
        await asked(reader)  # so the request is on record
        disk.mode = mode
        writer.write(HEAD + BODY)
        await writer.drain()
        here.set()
        await reader.read()

    async with a_ledger(tmp_path, disk) as ledger, playing(falls_ill_and_answers) as (url, here):
        client = open_client("source", url, LedgerRecorder(ledger))
        with pytest.raises(LedgerError):
            await client.technical_call(READ).get("/read")
        disk.mode = "works"
        await client.aclose()
        assert here.is_set()
        assert await ledger.close_orphans() == (mode == "fails")
    told = "unknown" if mode == "fails" else None
    assert await pairs(tmp_path) == [("sent", None), ("outcome", told)]


async def test_a_request_that_was_not_recorded_does_not_leave(tmp_path: Path) -> None:
    """A ledger that cannot write: the server sees no connection."""
    disk = FaultyDisk()
    async with a_ledger(tmp_path, disk) as ledger, playing(answers_and_resets) as (url, here):
        client = open_client("source", url, LedgerRecorder(ledger))
        disk.mode = "fails"
        with pytest.raises(LedgerError):
            await client.technical_call(READ).get("/read")
        disk.mode = "works"
        await client.aclose()
        assert not here.is_set()
    assert await pairs(tmp_path) == []


KILLS: dict[str, Play] = {
    "bytes out": takes_and_is_silent,
    "bytes in": halts_in_the_middle,
}


@pytest.mark.parametrize("play", KILLS.values(), ids=KILLS)
async def test_killed_while_bytes_are_on_the_way_the_question_stays_on_record(
    tmp_path: Path, play: Play
) -> None:
    """Kill -9 with the request out or half of the answer in: an orphan, closed at start-up."""
    async with playing(play) as (url, here):
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.support.wire_child",
            str(tmp_path),
            url,
            stdout=asyncio.subprocess.PIPE,
            cwd=ROOT,
        )
        await here.wait()
        child.kill()
        said, _ = await child.communicate()
    assert (child.returncode, said) == (-9, b"")
    assert verified(tmp_path).without_outcome == 1
    async with a_ledger(tmp_path) as ledger:
        assert await ledger.close_orphans() == 1
    assert await pairs(tmp_path) == [("sent", None), ("outcome", "unknown")]
