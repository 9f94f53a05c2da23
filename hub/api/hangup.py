"""Notice a client that hangs up, and stop working for it.

Servers tell it in a message that nobody reads while a handler runs. Here it is read, and the
handler is cancelled; what lies below ends its calls and writes how they ended. Only requests
without a body are watched: a declaration of an access is carried out once it has come.
"""

from __future__ import annotations

import asyncio

import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

log = structlog.get_logger()

_WATCHED = frozenset({"GET", "HEAD"})


def stops_when_alone(app: ASGIApp) -> ASGIApp:
    """*app*, whose handlers are cancelled when their client has gone."""

    async def watched(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP or scope["method"] not in _WATCHED:
            await app(scope, receive, send)
            return
        work = asyncio.ensure_future(app(scope, _bodyless(), send))
        gone = asyncio.ensure_future(_gone(receive))
        try:
            await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                log.info("client_gone", route=scope.get("path_template") or "none")
        finally:
            for task in (work, gone):
                task.cancel()
            await asyncio.gather(work, gone, return_exceptions=True)
        if not work.cancelled():
            work.result()

    return watched


def _bodyless() -> Receive:
    """What the handler hears: an empty body, and nothing more as long as it runs."""
    told = False

    async def receive() -> object:
        nonlocal told
        if told:
            await asyncio.get_running_loop().create_future()
        told = True
        return {"type": "http.request", "body": b"", "more_body": False}

    return receive  # type: ignore[return-value]  # the message is one of the union's dicts


async def _gone(receive: Receive) -> None:
    """Return when the client has hung up; a body that a GET brings is read past."""
    while (await receive())["type"] != "http.disconnect":
        continue
