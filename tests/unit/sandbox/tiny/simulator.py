"""A simulator in a few lines: answers with its own count, and echoes what it is sent."""

from __future__ import annotations

from typing import Any

import msgspec

from hub.sandbox.stage import Stage

FAULTS = frozenset({"upside-down"})
LABELS = {"/": b"read", "/person": b"person/99000002K"}


def simulate(stage: Stage) -> Any:
    """Answers `{"name": …, "served": n, "body": …}`, labelled by path."""
    served = 0

    async def app(scope: Any, receive: Any, send: Any) -> None:
        nonlocal served
        if scope["type"] != "http":
            return
        served += 1
        message = await receive()
        own = stage.faults.get(stage.source)
        content = {
            "name": "Muñoz Ibáñez",
            "served": served,
            "body": message["body"].decode(),
            "fault": own.mode if own else None,
        }
        body = msgspec.json.encode(content)
        label = LABELS.get(scope["path"])
        headers = [(b"content-type", b"application/json; charset=utf-8")]
        headers.append((b"content-length", b"%d" % len(body)))
        if label is not None:
            headers.append((b"x-sandbox-operation", label))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app
