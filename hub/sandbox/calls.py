"""Count what a simulated source was asked, by the label of the operation alone.

A simulator names the operation in the response header `x-sandbox-operation`, which never
reaches the wire. Without it the route's template counts, then the method. A label that
could hold an identifier (four digits in a row) is not kept.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from hub.sandbox.spoiling import App, Message, Receive, Scope, Send

OPERATION_HEADER = "x-sandbox-operation"
UNLABELLED = "(unlabelled)"
MOST_LABELS = 100
"""Labels kept per source; a simulator that makes more is mislabelling its answers."""

_LABEL = re.compile(r"(?!.*[0-9]{4})[A-Za-z0-9_./:$(){}-]{1,80}")


class CallCounter:
    """Per source: all calls that arrived, and those answered, per operation."""

    def __init__(self) -> None:
        self._totals: Counter[str] = Counter()
        self._operations: dict[str, Counter[str]] = {}

    def arrived(self, source: str) -> None:
        """One more call, answered or not."""
        self._totals[source] += 1

    def answered(self, source: str, label: str) -> None:
        """The operation of a call, as soon as the simulator began to answer it."""
        operations = self._operations.setdefault(source, Counter())
        known = label in operations or len(operations) < MOST_LABELS
        operations[label if known and _LABEL.fullmatch(label) else UNLABELLED] += 1

    def of(self, source: str) -> Mapping[str, Any]:
        """`{"total": 3, "operations": {"name": 2}}`."""
        operations = self._operations.get(source, Counter())
        return {"total": self._totals[source], "operations": dict(sorted(operations.items()))}

    def clear(self) -> None:
        """Begin at nought."""
        self._totals.clear()
        self._operations.clear()


class Counting:
    """An ASGI application that counts the calls of the one behind it."""

    def __init__(self, app: App, source: str, counter: CallCounter) -> None:
        self._app, self._source, self._counter = app, source, counter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def labelled(message: Message) -> None:
            if message["type"] == "http.response.start":
                label, headers = _without_label(message.get("headers", ()))
                known = label or scope.get("path_template") or scope["method"]
                self._counter.answered(self._source, known)
                message = {**message, "headers": headers}
            await send(message)

        self._counter.arrived(self._source)
        await self._app(scope, receive, labelled)


def _without_label(headers: Any) -> tuple[str | None, list[tuple[bytes, bytes]]]:
    lines = [(bytes(name), bytes(value)) for name, value in headers]
    labels = [v.decode("latin-1") for n, v in lines if n.lower() == OPERATION_HEADER.encode()]
    rest = [(n, v) for n, v in lines if n.lower() != OPERATION_HEADER.encode()]
    return (labels[0] if labels else None), rest
