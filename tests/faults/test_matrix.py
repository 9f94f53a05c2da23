"""Faults of a socket, and what the hub promises in each, over a real REST source.

Rows bear the numbers of the fault matrix. Deadlines are scaled to part of a second, and an
answer may take three of them: figures of speed belong to the benchmarks.
"""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import pytest
from msgspec import Struct

from hub.core.connector import Echo, Operation, Patience, Spec
from hub.core.exchange import SourceRecord
from hub.core.limits import CacheLimits, SourceLimits
from hub.position.failure import Failure
from hub.sandbox.rawfaults import RAW_MODES, FaultServer, fault_server
from tests.support.builders import CITIZEN, a_query
from tests.support.scripted import STEPS, World

WAIT_S = 0.6
OTHER = "99000003E"
CAP = 256 * 1024
PATIENCE = Patience(timeout_s=WAIT_S, connect_s=0.5, attempts=2, max_bytes=CAP)
SPEC = Spec(
    name="x",
    title="X",
    owner="X",
    operations=(
        Operation(name="read", echoes=(Echo(path="id"),), patience=PATIENCE),
        Operation(name="act", echoes=(Echo(path="id"),), patience=PATIENCE, repeatable=False),
    ),
    blocks={"plain": ("read",), "evidence": ("act",)},
)
LIMITS = SourceLimits(slow_s=0.5, open_s=0.2, open_max_s=0.2)
PAGE = b"<!DOCTYPE html><html><body>En mantenimiento</body></html>"


class Row(Struct, frozen=True, kw_only=True):
    """A fault, and what the block says; *again*: whether a read may be asked once more."""

    number: int
    mode: str
    values: dict[str, Any] = {}
    reason: str
    again: bool = False
    opens: bool = False


ROWS = [
    Row(number=4, mode="reset", reason="connection_lost", again=True),
    Row(
        number=5,
        mode="reset-mid-body",
        values={"after": 5, "pause_ms": 20},
        reason="connection_lost",
        again=True,
    ),
    Row(number=6, mode="close-mid-body", values={"after": 5}, reason="connection_lost", again=True),
    Row(number=7, mode="close-without-length", values={"after": 5}, reason="malformed"),
    Row(number=8, mode="hang", reason="timeout"),
    Row(number=9, mode="slow-headers", values={"every_ms": 60}, reason="timeout"),
    Row(number=10, mode="slow-drip", values={"every_ms": 60}, reason="timeout"),
    Row(number=12, mode="endless", values={"bytes": 8 * 1024 * 1024}, reason="too_large"),
    Row(number=13, mode="gzip-bomb", values={"bytes": 4 * 1024 * 1024}, reason="malformed"),
    Row(number=14, mode="huge-header", values={"bytes": 200_000}, reason="malformed"),
    Row(number=15, mode="garbage", values={"text": "\x16\x03\x01 hello"}, reason="malformed"),
    Row(
        number=17,
        mode="other-body",
        values={"body": json.dumps({"id": OTHER}).encode()},
        reason="identity_mismatch",
        opens=True,
    ),
    Row(
        number=18,
        mode="redirect",
        values={"location": "http://169.254.169.254/latest"},
        reason="redirect",
    ),
    Row(number=19, mode="other-body", values={"body": PAGE}, reason="maintenance"),
    Row(number=20, mode="other-body", values={"body": b""}, reason="malformed"),
    Row(number=21, mode="status", values={"line": "404 Not Found"}, reason="backend_fault"),
    Row(number=22, mode="status", values={"line": "401 Unauthorized"}, reason="hub_credentials"),
    Row(
        number=23,
        mode="status",
        values={"line": "429 Too Many Requests", "headers": ("retry-after: -5",)},
        reason="throttled",
    ),
    Row(number=24, mode="status", values={"line": "500 Internal"}, reason="backend_fault"),
    Row(number=38, mode="other-body", values={"body": b'{"id": "\xf1"}'}, reason="charset"),
    Row(number=40, mode="other-body", values={"body": b'{"id": 1, "id": 2}'}, reason="malformed"),
]


def genuine(request: bytes) -> bytes:
    """About whoever was asked for, with a name that is nobody else's."""
    person = re.search(rb"x-person: (\S+)", request)
    return json.dumps({"id": person.group(1).decode() if person else "", "name": "Núñez"}).encode()


def a_world(server: FaultServer) -> World:
    return World(limits=LIMITS, cache=CacheLimits(fresh_s=0, stale_s=0), url=server.url, spec=SPEC)


async def asked(world: World, operation: str, number: str = CITIZEN) -> Any:
    query = a_query(number, seconds=WAIT_S)
    return (await world.obtainer.obtain(STEPS[operation], query, short=True)).got


async def healed(world: World) -> Any:
    """What a healthy source gives; on a busy machine the first try may run out of its time."""
    for _ in range(5):
        got = await asked(world, "read")
        if isinstance(got, SourceRecord):
            break
    return got


@pytest.mark.parametrize("operation", ["read", "act"])
@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.number}-{row.mode}")
async def test_a_fault_of_the_socket_is_what_it_is_and_passes(row: Row, operation: str, capfd):
    """In time, named, on record, without a trace of the person, and gone when the fault is."""
    before = asyncio.all_tasks()
    async with fault_server(genuine) as server:
        world = a_world(server)
        server.order(row.mode, **row.values)
        began = asyncio.get_running_loop().time()
        got = await asked(world, operation)
        assert asyncio.get_running_loop().time() - began < 3 * WAIT_S  # G1
        late_act = operation == "act" and row.reason == "timeout" and not isinstance(got, Failure)
        if not late_act:  # an act that was sent is waited for: `pending`
            assert isinstance(got, Failure)
            assert got.reason == row.reason  # G3, G8
        repeats = row.again and operation == "read"
        assert len(server.requests) == (2 if repeats else 1)
        assert world.guard.breaker.opened == (1 if row.opens else 0)

        assert len(world.recorder.sent) == len(server.requests)  # G4
        server.heal()
        if row.opens:
            await asyncio.sleep(LIMITS.open_s * 1.2)
        healthy = await healed(world)
        assert isinstance(healthy, SourceRecord)  # G6
        assert healthy.payload == {"id": CITIZEN, "name": "Núñez"}
        await world.obtainer.aclose()
        await world.close()
        sent, ended = world.recorder.sent, world.recorder.outcomes
        assert sorted(e.id for e in sent) == sorted(e.id for e in ended)
        if not late_act:
            assert isinstance(got, Failure)
            assert CITIZEN not in repr(got)  # G5
        async with asyncio.timeout(5):
            while server.open_connections:  # noqa: ASYNC110 - the far end has no event for it
                await asyncio.sleep(0.01)  # G7
        assert world.guard.limit.in_flight == 0
    assert asyncio.all_tasks() == before
    said = capfd.readouterr()
    assert CITIZEN not in said.out + said.err


async def test_a_stray_answer_is_given_to_nobody():
    """Row 16: bytes that nobody asked for, behind an answer, never become the next person's."""
    async with fault_server(genuine) as server:
        world = a_world(server)
        server.order("second-answer", text=json.dumps({"id": CITIZEN, "name": "stray"}))
        first = await asked(world, "read", CITIZEN)
        server.heal()
        second = await asked(world, "read", OTHER)
        if isinstance(first, SourceRecord):
            assert first.payload["name"] == "Núñez"
        if isinstance(second, SourceRecord):
            assert second.payload == {"id": OTHER, "name": "Núñez"}
        else:
            assert second.reason == "identity_mismatch"
        await world.close()


async def test_a_source_that_refuses_connections_is_named_and_found_again():
    """Row 1: at once, and on the same address when it is back."""
    async with fault_server(genuine) as server:
        world = a_world(server)
        await server.stop()
        got = await asked(world, "read")
        assert got.reason == "connect_failed"
        await server.start()
        assert isinstance(await asked(world, "read"), SourceRecord)
        await world.close()


def test_every_mode_is_in_the_matrix():
    """A mode without a row would be a fault that nobody promises anything about."""
    assert {row.mode for row in ROWS} | {"second-answer"} == set(RAW_MODES)
