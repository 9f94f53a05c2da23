"""Each common fault breaks what it says and nothing else, on a real socket."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from hub.sandbox.faults import COMMON_FAULTS
from hub.sandbox.runner import Running
from hub.sandbox.spoiling import Spoiler
from hub.sandbox.stage import Fault, FaultBoard
from tests.support.serving import a_stage
from tests.unit.sandbox.tiny import simulator


async def put(running: Running, mode: str, **values: Any) -> None:
    await running.sandbox.put_fault("tiny", mode, values)


async def raw(running: Running, seconds: float = 5) -> bytes:
    """What comes back on a bare socket until the other side closes it."""
    host, port = running.readiness.sources["tiny"].removeprefix("http://").split(":")
    async with asyncio.timeout(seconds):
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"GET / HTTP/1.1\r\nHost: tiny\r\nConnection: close\r\n\r\n")
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
    return answer


async def test_without_a_fault_the_answer_is_genuine(source: httpx.AsyncClient):
    """The simulator's answer passes unchanged, and the label of its operation stays inside."""
    answer = await source.post("/", content="Ávila")
    assert answer.json() == {"name": "Muñoz Ibáñez", "served": 1, "body": "Ávila", "fault": None}
    assert "x-sandbox-operation" not in answer.headers


async def test_latency_delays_the_genuine_answer(running: Running, source: httpx.AsyncClient):
    """The answer is the same, and comes after the delay; the request's body is not lost."""
    await put(running, "latency", ms=150)
    began = time.monotonic()
    answer = await source.post("/", content="body")
    assert time.monotonic() - began >= 0.15
    assert answer.json()["body"] == "body"


async def test_a_share_of_the_calls_is_struck_evenly(running: Running, source: httpx.AsyncClient):
    """Of 0.25 every fourth call is struck; the others are genuine."""
    await put(running, "status", code=503, share=0.25)
    statuses = [(await source.get("/")).status_code for _ in range(8)]
    assert statuses == [200, 200, 200, 503] * 2


async def test_hanging_says_nothing(running: Running, source: httpx.AsyncClient):
    """No byte comes, and the simulator is never reached."""
    await put(running, "hang")
    with pytest.raises(httpx.ReadTimeout):
        await source.get("/", timeout=0.2)
    running.sandbox.board.clear()
    assert (await source.get("/")).json()["served"] == 1


@pytest.mark.parametrize("wait", [2, 99999, -1, "Fri, 31 Dec 1999 23:59:59 GMT", "soon", None])
async def test_status_answers_with_any_retry_after(
    running: Running, source: httpx.AsyncClient, wait: int | str | None
):
    """The status and the header are sent as ordered, sensible or not."""
    await put(running, "status", code=503, retry_after=wait)
    answer = await source.get("/")
    assert answer.status_code == 503
    assert answer.headers.get("retry-after") == (None if wait is None else str(wait))


@pytest.mark.parametrize("code", [204, 304, 418, 499, 302])
async def test_any_status_keeps_the_connection_sound(
    running: Running, source: httpx.AsyncClient, code: int
):
    """Statuses without a body, and unknown ones, leave no bytes behind for the next answer."""
    await put(running, "status", code=code)
    assert (await source.get("/")).status_code == code
    running.sandbox.board.clear()
    assert (await source.get("/")).json()["served"] == 1


@pytest.mark.parametrize(("page", "word"), [("login", "clave"), ("maintenance", "mantenimiento")])
async def test_html_is_a_page_with_status_200(
    running: Running, source: httpx.AsyncClient, page: str, word: str
):
    """A page for people, sent as success."""
    await put(running, "html", page=page)
    answer = await source.get("/")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert word in answer.text


async def test_truncate_hangs_up_within_the_body(running: Running, source: httpx.AsyncClient):
    """The declared length is the whole body's, and only a part of it comes."""
    await put(running, "truncate")
    with pytest.raises(httpx.RemoteProtocolError, match="without sending complete"):
        await source.get("/")
    await put(running, "truncate", after=10)
    head, _, body = (await raw(running)).partition(b"\r\n\r\n")
    declared = next(line for line in head.split(b"\r\n") if line.startswith(b"content-length"))
    assert body == b'{"name":"M'
    assert int(declared.split(b":")[1]) > 50


async def test_truncate_never_sends_all(running: Running, source: httpx.AsyncClient):
    """However late the cut is ordered, the last byte is missing."""
    await put(running, "truncate", after=10_000)
    with pytest.raises(httpx.RemoteProtocolError, match="without sending complete"):
        await source.get("/")


async def test_garbage_keeps_the_headers(running: Running, source: httpx.AsyncClient):
    """Noise of the ordered size, under the genuine content type."""
    await put(running, "garbage", bytes=333)
    answer = await source.get("/")
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert len(answer.content) == 333
    with pytest.raises(ValueError, match=r"codec|Expecting"):
        answer.json()


async def test_huge_is_as_large_as_ordered(running: Running, source: httpx.AsyncClient):
    """The genuine body and blanks, without a declared length."""
    await put(running, "huge", bytes=300_000)
    answer = await source.get("/")
    assert len(answer.content) == 300_000
    assert "content-length" not in answer.headers
    assert answer.json()["served"] == 1


async def test_huge_stops_when_the_client_has_gone():
    """Who has read enough and leaves does not keep the sandbox busy."""
    board = FaultBoard()
    board.put("tiny", Fault(mode="huge", values={"bytes": 1_073_741_824}))
    sent: list[Any] = []
    left = asyncio.Event()
    requests = iter([{"type": "http.request", "body": b""}])

    async def receive() -> Any:
        for request in requests:
            return request
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message["type"])
        if len(sent) == 5:
            left.set()

    app = simulator.simulate(a_stage("tiny", Path()))
    await Spoiler(app, "tiny", frozenset(), board)({"type": "http", "path": "/"}, receive, send)
    assert 5 <= len(sent) < 20


async def test_wrong_charset_declares_what_it_is_not(running: Running, source: httpx.AsyncClient):
    """Latin-1 bytes, declared UTF-8: decoding as declared fails."""
    await put(running, "wrong-charset")
    answer = await source.get("/")
    assert answer.headers["content-type"].endswith("utf-8")
    assert "Muñoz Ibáñez".encode("latin-1") in answer.content
    with pytest.raises(UnicodeDecodeError):
        answer.content.decode()


async def test_slow_drip_comes_in_drops(running: Running, source: httpx.AsyncClient):
    """The genuine body, whole, a few bytes at a time."""
    await put(running, "slow-drip", bytes=20, every_ms=20)
    began = time.monotonic()
    async with source.stream("GET", "/") as answer:
        drops = [drop async for drop in answer.aiter_raw()]
    assert len(drops) >= 3
    assert max(map(len, drops)) < 60
    assert b"".join(drops).endswith(b"}")
    assert time.monotonic() - began >= 0.05


async def test_a_simulators_own_mode_is_its_own(
    running: Running, source: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
):
    """A mode that the simulator declares reaches it, also under a common name."""
    monkeypatch.setattr(simulator, "FAULTS", frozenset({"upside-down", "empty"}))
    await running.sandbox.reset()
    for mode in ("upside-down", "empty"):
        await put(running, mode)
        assert (await source.get("/")).json()["fault"] == mode


async def test_empty_is_success_without_a_body(running: Running, source: httpx.AsyncClient):
    """Status 200, and not a byte."""
    await put(running, "empty")
    answer = await source.get("/")
    assert (answer.status_code, answer.content) == (200, b"")


async def test_a_new_fault_replaces_the_one_before(running: Running, source: httpx.AsyncClient):
    """At most one fault is in force, and lifting it makes the source whole."""
    await put(running, "status", code=500)
    await put(running, "status", code=429)
    assert (await source.get("/")).status_code == 429
    running.sandbox.board.clear("tiny")
    assert (await source.get("/")).status_code == 200


def test_every_common_mode_is_tested_here():
    """A mode that is added is added here: the list is the promise to other suites."""
    assert set(COMMON_FAULTS) == {
        "latency",
        "hang",
        "status",
        "html",
        "empty",
        "truncate",
        "garbage",
        "huge",
        "wrong-charset",
        "slow-drip",
    }
