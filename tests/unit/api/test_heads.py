"""What comes before a request has an end, in bytes and in seconds."""

from __future__ import annotations

import asyncio

import pytest
import uvicorn

from hub.api import heads
from hub.api.heads import MAX_HEAD_BYTES, BoundedProtocol

GET = b"GET / HTTP/1.1\r\nhost: hub\r\n\r\n"


async def hello(scope, receive, send):
    """Answers 200 to everything, once the body has come."""
    assert scope["type"] == "http"
    while (await receive())["more_body"]:
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@pytest.fixture
async def port(monkeypatch):
    """A server of `hello` with a short patience."""
    monkeypatch.setattr(heads, "HEAD_S", 0.2)
    config = uvicorn.Config(hello, port=0, http=BoundedProtocol, ws="none", lifespan="off")
    config.load()
    state = uvicorn.server.ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: BoundedProtocol(config=config, server_state=state, app_state={}, _loop=loop),
        "127.0.0.1",
        0,
    )
    yield server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()


async def told(port, *parts, pause=0.0):
    """The first line that comes back after *parts*; empty when the connection was cut."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(pause)
        return await asyncio.wait_for(reader.readline(), 10)
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def test_a_request_is_answered(port):
    """In one piece, and in two."""
    assert b"200" in await told(port, GET)
    assert b"200" in await told(port, GET[:20], GET[20:])


async def test_a_second_request_on_a_connection_has_a_bound_of_its_own(port):
    """The bytes of the first do not count, and a long body is no head."""
    body = b"x" * (MAX_HEAD_BYTES * 2)
    post = b"POST / HTTP/1.1\r\nhost: hub\r\ncontent-length: %d\r\n\r\n" % len(body)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(3):
        writer.write(post + body)
        await writer.drain()
        assert b"200" in await reader.readuntil(b"\r\n\r\n")
        await reader.readuntil(b"0\r\n\r\n")
    writer.close()


@pytest.mark.parametrize("size", [MAX_HEAD_BYTES + 1, MAX_HEAD_BYTES * 4])
async def test_a_head_that_is_too_large_is_400(port, size):
    """Whether it comes at once or never ends."""
    head = b"GET / HTTP/1.1\r\nx: " + b"y" * size
    assert b"400" in await told(port, head + b"\r\n\r\n")
    assert b"400" in await told(port, head)


async def test_a_head_that_does_not_come_is_cut(port):
    """Neither silence nor a byte now and then holds a socket for ever."""
    assert await told(port) == b""
    assert await told(port, *(bytes([byte]) for byte in GET), pause=0.02) == b""
