"""A handler whose client has gone is cancelled; any other is left alone."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from hub.api.hangup import stops_when_alone
from tests.support.serving import serving


class App:
    """Takes its time, and tells how it ended."""

    def __init__(self, takes_s: float) -> None:
        self.takes_s = takes_s
        self.begun = asyncio.Event()
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def __call__(self, scope, receive, send) -> None:
        self.begun.set()
        message = await receive()
        try:
            await asyncio.sleep(self.takes_s)
        except asyncio.CancelledError:
            self.ended.set_result("cancelled")
            raise
        self.ended.set_result("answered")
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": message["body"], "more_body": False})


async def hangs_up(app: App, method: str) -> None:
    async with serving(stops_when_alone(app)) as url:
        host, port = httpx.URL(url).host, httpx.URL(url).port
        _, writer = await asyncio.open_connection(host, port)
        writer.write(f"{method} / HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n".encode())
        await app.begun.wait()
        writer.close()
        await writer.wait_closed()
        async with asyncio.timeout(5):
            await app.ended


async def test_a_handler_whose_client_hangs_up_is_cancelled():
    """A closed socket ends the work at once."""
    app = App(60)
    await hangs_up(app, "GET")
    assert app.ended.result() == "cancelled"


async def test_a_declaration_is_carried_out_although_its_client_hangs_up():
    """What a POST asks for is not half done."""
    app = App(0.2)
    await hangs_up(app, "POST")
    assert app.ended.result() == "answered"


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_an_answer_comes_as_without_the_watch(method):
    """Whoever stays is served, and a body reaches the handler of a POST."""
    app = App(0)
    async with serving(stops_when_alone(app)) as url, httpx.AsyncClient() as client:
        answer = await client.request(method, url, content=b"text" if method == "POST" else None)
    assert (answer.status_code, answer.content) == (200, b"text" if method == "POST" else b"")


async def test_an_error_of_the_handler_goes_where_it_went():
    """A bug is not swallowed by the watch."""

    async def broken(scope, receive, send) -> None:
        raise ValueError("a bug")

    async def receive():
        await asyncio.sleep(60)

    with pytest.raises(ValueError, match="a bug"):
        await stops_when_alone(broken)({"type": "http", "method": "GET"}, receive, receive)  # type: ignore[arg-type]
