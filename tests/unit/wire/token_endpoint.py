"""Sources with a token endpoint: one at the transport seam, one on a socket that misbehaves."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from hub.core.connector import Echo, Operation, Patience, Spec
from hub.core.secret import Secret
from hub.wire.client import Call, SourceClient
from hub.wire.oauth import ClientCredentials
from tests.support.builders import MemoryRecorder, a_client, a_query

READ = Operation(name="read", echoes=(Echo(path="document"),), patience=Patience(timeout_s=1.0))
SPEC = Spec(name="acme", title="Acme", owner="Acme", operations=(READ,), blocks={})
SECRET = "pass:word/with %"


class Endpoint:
    """A source with a token endpoint, at httpx's transport seam; counts what it is asked."""

    def __init__(self, **faults: Any) -> None:
        self.tokens: list[httpx.Request] = []
        self.reads: list[str] = []
        self.answer = faults.get("answer")
        self.refuses: set[str] = faults.get("refuses", set())
        self.gate: asyncio.Event | None = faults.get("gate")
        self.asked = asyncio.Event()

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/oauth/token":
            self.tokens.append(request)
            serial = len(self.tokens)
            self.asked.set()
            if self.gate:
                await self.gate.wait()
            return self.answer or granted(access_token=f"token-{serial}")
        token = request.headers["authorization"].removeprefix("Bearer ")
        self.reads.append(token)
        await asyncio.sleep(0)
        refused = token in self.refuses or "*" in self.refuses
        return httpx.Response(401 if refused else 200, json={})


def granted(**changes: Any) -> httpx.Response:
    body = {"access_token": "token-1", "token_type": "Bearer", "expires_in": 600, **changes}
    return httpx.Response(200, json={k: v for k, v in body.items() if v is not None})


def opened(
    endpoint: Endpoint, recorder: MemoryRecorder | None = None, url: str = "oauth/token"
) -> tuple[SourceClient, ClientCredentials]:
    client = a_client(
        "acme", "http://acme.test/", recorder, transport=httpx.MockTransport(endpoint)
    )
    credentials = ClientCredentials(
        client, url=url, client_id="hub id", client_secret=Secret(SECRET), scope="read.a read.b"
    )
    return client.with_credentials(credentials), credentials


def a_call(client: SourceClient, seconds: float = 5.0) -> Call:
    return client.call(SPEC, "read", a_query(seconds=seconds))


@asynccontextmanager
async def straying() -> AsyncIterator[tuple[str, list[int]]]:
    """A server that writes an unasked second answer, shaped like a token, after each answer."""
    connections: list[int] = []
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = len(connections)
        connections.append(0)
        writers.append(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = [x for x in head.lower().split("\r\n") if x.startswith("content-length")]
                await reader.readexactly(int(length[0].split(":")[1]) if length else 0)
                connections[number] += 1
                mine = _token_bytes("genuine") if "/oauth/token" in head else _http(b"{}")
                writer.write(mine + _token_bytes("stray"))
                await writer.drain()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}/", connections
    finally:
        server.close()
        for writer in writers:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


def _token_bytes(token: str) -> bytes:
    body = {"access_token": token, "token_type": "Bearer", "expires_in": 600}
    return _http(json.dumps(body).encode())


def _http(body: bytes) -> bytes:
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body
