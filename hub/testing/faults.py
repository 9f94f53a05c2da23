"""The fault server as pytest fixtures. In a conftest: `pytest_plugins = ["hub.testing.faults"]`.

`misbehaving` gives servers for what a test says is genuine: bytes of a body, or an ASGI
application. `order` makes one ill, `heal` well again; `requests` is what it was asked.

    async def test_a_reset_is_survived(misbehaving):
        server = await misbehaving(b'{"id": 1}')
        server.order("reset-mid-body", after=3)
        …
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest_asyncio

from hub.sandbox.rawfaults import RAW_FAULTS, RawFault, Reply
from hub.sandbox.rawserver import FaultServer, answers_of, fault_server

__all__ = [
    "RAW_FAULTS",
    "FaultServer",
    "Misbehaving",
    "RawFault",
    "Reply",
    "answers_of",
    "fault_server",
    "misbehaving",
]

Misbehaving = Callable[[Any], Awaitable[FaultServer]]
"""Opens a server for a body (bytes), a Reply or an ASGI application; it ends with the test."""


@pytest_asyncio.fixture
async def misbehaving() -> AsyncIterator[Misbehaving]:
    """Servers that misbehave on order, on loopback ports, until the test is over."""
    async with AsyncExitStack() as stack:

        async def opened(genuine: Any) -> FaultServer:
            return await stack.enter_async_context(fault_server(_genuine(genuine)))

        yield opened


def _genuine(given: Any) -> Callable[[bytes], Awaitable[Reply]]:
    if not isinstance(given, bytes | Reply):
        return answers_of(given)
    reply = given if isinstance(given, Reply) else Reply(body=given)

    async def always(_: bytes) -> Reply:
        return reply

    return always
