"""Serve an ASGI application on a real loopback socket for the length of a `with` block."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import uvicorn

from hub.core.secret import Secret
from hub.sandbox.population import Population
from hub.sandbox.stage import FaultBoard, Stage


@asynccontextmanager
async def serving(app: Any) -> AsyncIterator[str]:
    """The address (`http://127.0.0.1:port/`) under which *app* answers."""
    listener = socket.create_server(("127.0.0.1", 0))
    # asyncio sets it only where the socket names its protocol; else each answer waits 40 ms
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    config = uvicorn.Config(app, log_config=None, lifespan="off", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server._serve([listener]))
    try:
        while not server.started:  # noqa: ASYNC110 - uvicorn offers no event
            await asyncio.sleep(0.005)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    finally:
        server.should_exit = True
        await task
        listener.close()


def a_stage(
    source: str, keys: Path, settings: dict[str, Any] | None = None, **secrets: str
) -> Stage:
    """A stage for one simulator, with its secrets in clear."""
    values = {**(settings or {}), **{name: Secret(text) for name, text in secrets.items()}}
    return Stage(
        source=source,
        population=Population(),
        faults=FaultBoard(),
        settings=values,
        keys=keys,
    )
