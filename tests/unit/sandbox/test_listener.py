"""A port that is closed for a while stays this listener's own."""

from __future__ import annotations

import socket
import sys

import httpx
import pytest

from hub.core.errors import SettingsError
from hub.sandbox.listener import Listener


async def app(scope, receive, send):
    """Answers 204 to everything."""
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})


async def answers(port):
    """Whether somebody answers there."""
    try:
        async with httpx.AsyncClient(trust_env=False) as client:
            return (await client.get(f"http://127.0.0.1:{port}/")).status_code == 204
    except httpx.ConnectError:
        return False


async def test_a_closed_listener_refuses_and_opens_on_its_port_again():
    """Three times over, as a system that goes and comes back."""
    listener = Listener("x", app, "127.0.0.1", 0)
    try:
        for _ in range(3):
            await listener.open()
            port = listener.port
            assert await answers(port)
            await listener.close()
            assert not await answers(port)
        assert port == listener.port
    finally:
        listener.release()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can keep a closed port")
async def test_nobody_is_given_the_port_of_a_closed_listener():
    """Whoever asks for any port gets another, and whoever names this one is refused it."""
    listener = Listener("x", app, "127.0.0.1", 0)
    await listener.open()
    await listener.close()
    other = socket.socket()
    try:
        with pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", listener.port))
        listener.release()
        other.bind(("127.0.0.1", listener.port))
    finally:
        other.close()
        listener.release()


async def test_a_port_that_somebody_has_is_a_fault_that_names_it():
    """And nothing is kept of the attempt."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=f"x: port {port} cannot be had"):
            await Listener("x", app, "127.0.0.1", port).open()
