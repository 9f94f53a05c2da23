"""A bound on what comes before a request: bytes and seconds of its head.

The server's parser reads headers without end and waits for them without end; both would let a
single client without a token fill the hub's memory or use up its sockets.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MAX_HEAD_BYTES = 32_768
"""Request line and headers together; a token alone may have 16 KB."""

HEAD_S = 10.0
"""How long a head may take from the opening of its connection, or from its first byte."""


class BoundedProtocol(HttpToolsProtocol):
    """One connection. A head that is too large is 400, one that is too slow is cut."""

    _head = 0
    _reads_head = True
    _alarm: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._head_is_here()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._head += len(data) if self._reads_head else 0
        super().data_received(data)
        if self._reads_head and self._head > MAX_HEAD_BYTES and not self.transport.is_closing():
            self.send_400_response("Invalid HTTP request received.")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._reads_head = True
        self._wait_for_head()

    def on_headers_complete(self) -> None:
        self._head_is_here()
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if size > MAX_HEAD_BYTES:
            raise ValueError("the head is too large")  # the parser's caller answers 400
        super().on_headers_complete()

    def _wait_for_head(self) -> None:
        if self._alarm is None:
            self._alarm = self.loop.call_later(HEAD_S, self.transport.close)

    def _head_is_here(self) -> None:
        self._head, self._reads_head = 0, False
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
