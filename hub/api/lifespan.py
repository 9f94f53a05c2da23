"""The server's own beginning and end (the ASGI lifespan), for an application of several parts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import structlog

log = structlog.get_logger()

Step = Callable[[], Awaitable[None]]


async def lifespan(opened: Step, closed: Step, receive: Any, send: Any) -> None:
    """Open before the first request and close after the last, and tell the server how it went.

    What goes wrong is told by its type alone: a text may hold a path or a value.
    """
    await receive()
    if not await _done("startup", opened, send):
        return
    await receive()
    await _done("shutdown", closed, send)


async def _done(name: str, step: Step, send: Any) -> bool:
    try:
        await step()
    except Exception as error:  # noqa: BLE001 - the server has to hear of it
        # no traceback: its frames may hold somebody's data
        log.error("lifespan_failed", step=name, error=type(error).__name__)  # noqa: TRY400
        await send({"type": f"lifespan.{name}.failed", "message": type(error).__name__})
        return False
    await send({"type": f"lifespan.{name}.complete"})
    return True
