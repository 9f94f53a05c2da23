"""Long work does not hold up whoever else wants a turn of the event loop."""

from __future__ import annotations

import asyncio
import threading

import pytest
import structlog

from hub.core.errors import SourceMalformed
from hub.core.moment import utc_now
from hub.wire.client import Answer
from hub.wire.decode import json_value
from hub.wire.offload import SMALL_BYTES, beside_the_loop
from hub.wire.signature import PinnedVerifier
from hub.wire.xml import MAX_BYTES, parse_xml
from tests.support.sealing import signed, the_certificate

LARGE = MAX_BYTES - 64


async def test_small_work_is_done_where_it_came_and_large_work_is_not():
    """The bound itself is small."""
    here = threading.get_ident()
    assert await beside_the_loop(SMALL_BYTES, threading.get_ident) == here
    assert await beside_the_loop(SMALL_BYTES + 1, threading.get_ident) != here


async def test_others_have_their_turn_while_work_lasts():
    """The work ends only after somebody else was served: on the loop it would never end."""
    served = threading.Event()

    async def somebody_else() -> None:
        await asyncio.sleep(0)
        served.set()

    waits = asyncio.create_task(somebody_else())
    assert await beside_the_loop(LARGE, lambda: served.wait(30))
    await waits


def _rows() -> bytes:
    row = b"<request><service_request_id>1</service_request_id><text>some words</text></request>"
    return b"<service_requests>" + row * (LARGE // len(row) - 1) + b"</service_requests>"


def _sealed() -> tuple[PinnedVerifier, object]:
    return PinnedVerifier("x", the_certificate(), utc_now), signed(text="some words " * 300_000)


KINDS = ["parse", "verify", "json"]


@pytest.mark.parametrize("kind", KINDS)
async def test_four_mebibytes_are_read_while_the_loop_turns(kind):
    """Turns are counted, not timed: read on the loop there would be one, before it began."""
    verifier, sealed = _sealed()
    text = b"[" + b'{"a":"some words","b":1},' * (LARGE // 26) + b"0]"
    answer = Answer(source="x", status=200, headers={}, body=text, exchange="")
    work = {
        "parse": lambda: parse_xml("x", _rows()),
        "verify": lambda: verifier.verify(sealed, "rsa-sha256"),  # type: ignore[arg-type]
        "json": lambda: json_value(answer, object),
    }[kind]
    task = asyncio.create_task(beside_the_loop(LARGE, work))
    turns = 0
    while not task.done():
        turns += 1
        await asyncio.sleep(0)
    assert await task is not None
    assert turns > 3


async def test_an_error_of_the_work_is_the_callers():
    """As if it had been done on the loop."""
    with pytest.raises(SourceMalformed, match="malformed"):
        await beside_the_loop(LARGE, lambda: parse_xml("x", b"<a>" * 3))


async def test_the_log_knows_whose_work_it_is():
    """The request's id goes along."""
    structlog.contextvars.bind_contextvars(request="r")
    try:
        found = await beside_the_loop(LARGE, structlog.contextvars.get_contextvars)
        assert found["request"] == "r"
    finally:
        structlog.contextvars.clear_contextvars()


async def test_who_leaves_does_not_wait_for_the_end():
    """A cancelled caller goes at once; what the thread finds is dropped."""
    goes_on = threading.Event()
    task = asyncio.create_task(beside_the_loop(LARGE, goes_on.wait))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    goes_on.set()
