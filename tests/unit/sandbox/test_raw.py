"""The raw faults of a source, seen on a bare socket, and the way there and back."""

from __future__ import annotations

import asyncio
import zlib
from typing import Any

import httpx
import pytest

from hub.sandbox.rawfaults import RAW_FAULTS
from hub.sandbox.rawserver import FaultServer
from hub.sandbox.runner import Running

pytest_plugins = ["hub.testing.faults"]


async def heard(url: str, seconds: float = 5.0) -> tuple[bytes, str]:
    """What a bare socket receives, and how the connection ended."""
    host, _, port = url.removeprefix("http://").strip("/").rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET / HTTP/1.1\r\nHost: tiny\r\n\r\n")
    got = b""
    try:
        async with asyncio.timeout(seconds):
            while more := await reader.read(65_536):
                got += more
    except ConnectionResetError:
        return got, "reset"
    except TimeoutError:
        return got, "open"
    finally:
        writer.close()
    return got, "closed"


CASES: list[tuple[str, dict[str, Any], str, bytes]] = [
    ("reset", {}, "reset", b""),
    ("reset-mid-body", {"after": 3}, "reset", b'\r\n\r\n{"n'),
    ("close-mid-body", {"after": 3}, "closed", b'\r\n\r\n{"n'),
    ("close-without-length", {"after": 3}, "closed", b'connection: close\r\n\r\n{"n'),
    ("slow-headers", {"every_ms": 100}, "open", b"HT"),
    ("huge-header", {"bytes": 3000, "lines": 3}, "open", b"x-long-2: " + b"a" * 1000),
    ("no-http", {"text": "hello"}, "open", b"hello\r\n\r\n"),
    ("redirect", {"location": "http://a.test/"}, "open", b"302 Found\r\nlocation: http://a.test/"),
    ("said", {"body": "ñ", "encoding": "utf-16"}, "open", "ñ".encode("utf-16")),
    ("said", {"status": "500 No", "headers": {"A": "b"}}, "open", b"HTTP/1.1 500 No\r\na: b\r\n"),
    ("said", {"body": "ab", "times": 3}, "open", b"ababab"),
    ("edited", {"pattern": "Mu.oz", "text": "X", "count": 1}, "open", b'"name":"X Ib'),
    ("second-answer", {"text": '{"a": 1}'}, "open", b'\r\n\r\n{"a": 1}'),
]


@pytest.mark.parametrize(("mode", "values", "end", "part"), CASES)
async def test_the_bytes_are_as_ordered(running: Running, mode, values, end, part):
    """What comes, and how the connection ends; the simulator still counts the call."""
    await running.sandbox.put_fault("tiny", mode, values)
    got, how = await heard(running.readiness.sources["tiny"], 0.3)
    assert part in got
    assert how == end
    assert running.sandbox.calls.of("tiny")["total"] == 1


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br"])
async def test_a_bomb_is_small_and_expands(running: Running, encoding):
    """As much as was ordered, from a thousandth of it."""
    await running.sandbox.put_fault("tiny", "bomb", {"bytes": 10_000_000, "encoding": encoding})
    got, _ = await heard(running.readiness.sources["tiny"], 0.5)
    head, _, body = got.partition(b"\r\n\r\n")
    assert f"content-encoding: {encoding}".encode() in head
    assert len(body) < 20_000
    assert len(zlib.decompress(body, 47 if encoding == "gzip" else 15)) >= 10_000_000


async def test_endless_is_as_long_as_ordered(running: Running):
    """In chunks, without a declared length."""
    await running.sandbox.put_fault("tiny", "endless", {"bytes": 1_000_000})
    got, _ = await heard(running.readiness.sources["tiny"], 0.5)
    assert got.endswith(b"0\r\n\r\n")
    assert got.count(b" ") >= 1_000_000


async def test_a_raw_fault_comes_and_goes_on_the_same_port(
    running: Running, source: httpx.AsyncClient
):
    """Put, replaced by a common one, put again, lifted: the address stays and the answers too."""
    for _ in range(2):
        await running.sandbox.put_fault("tiny", "reset", {})
        assert running.sandbox.is_listening("tiny")
        with pytest.raises(httpx.HTTPError):
            await source.get("/")
        await running.sandbox.put_fault("tiny", "status", {"code": 503})
        assert (await source.get("/")).status_code == 503
        await running.sandbox.put_fault("tiny", "no-http", {})
        await running.sandbox.lift("tiny")
        assert (await source.get("/")).json()["body"] == ""


async def test_a_stopped_source_stays_stopped_whatever_is_ordered(
    running: Running, source: httpx.AsyncClient
):
    """A fault that is put or lifted opens no socket; `start` opens it with the fault in force."""
    await running.sandbox.stop("tiny")
    await running.sandbox.put_fault("tiny", "no-http", {})
    with pytest.raises(httpx.ConnectError):
        await source.get("/")
    await running.sandbox.start("tiny")
    with pytest.raises(httpx.RemoteProtocolError):
        await source.get("/")
    await running.sandbox.reset()
    assert (await source.get("/")).status_code == 200


async def test_a_swallowed_source_accepts_nobody(running: Running, control: httpx.AsyncClient):
    """Even the first packet is lost, until it is started again."""
    assert (await control.post("/swallow/tiny")).json()["listening"] is False
    url = running.readiness.sources["tiny"]
    async with httpx.AsyncClient(base_url=url, timeout=0.3, trust_env=False) as client:
        with pytest.raises(httpx.ConnectTimeout):
            await client.get("/")
        await control.post("/start/tiny")
        assert (await client.get("/")).status_code == 200


async def test_the_fixture_serves_bytes_and_applications(misbehaving):
    """Genuine at first, ill on order, well again; every request is kept."""
    server: FaultServer = await misbehaving(b'{"id": 1}')
    assert (await heard(server.url, 0.2))[0].endswith(b'{"id": 1}')
    server.order("reset-mid-body", after=2)
    assert await heard(server.url) == (server_head(b'{"id": 1}') + b'{"', "reset")
    server.heal()
    assert (await heard(server.url, 0.2))[0].endswith(b'{"id": 1}')
    assert len(server.requests) == 3

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 201, "headers": [(b"a", b"b")]})
        await send({"type": "http.response.body", "body": scope["path"].encode()})

    other: FaultServer = await misbehaving(app)
    got, _ = await heard(other.url, 0.2)
    assert got.startswith(b"HTTP/1.1 201 Created\r\na: b\r\n")


def server_head(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(
        body
    )


def test_every_raw_mode_is_tried_here():
    """A mode that nobody has seen work is a mode that may not."""
    tried = {case[0] for case in CASES} | {"bomb", "endless"}
    assert tried | {"hang", "slow-drip"} == set(RAW_FAULTS)
