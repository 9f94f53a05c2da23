"""One ASGI application on one loopback port, which can be closed and opened again."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import sys
from collections.abc import Iterator
from typing import Any

import uvicorn

from hub.core.errors import SettingsError


def is_loopback(host: str) -> bool:
    """Whether *host* is an address of this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _Server(uvicorn.Server):
    """A server among others in one process: signals are not its own, and it says when it is up."""

    def __init__(self, name: str, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._name = name
        self.listening = asyncio.Event()
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leaves the signals to whoever runs the process."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets)
        except SystemExit:
            raise RuntimeError(f"{self._name}: the start-up hook failed") from None
        self.listening.set()

    async def main_loop(self) -> None:
        """Uvicorn's own, except that it ends at once and not at the next tenth of a second."""
        counter = 0
        while not await self.on_tick(counter):
            counter = (counter + 1) % 864_000
            await asyncio.wait({self.ended}, timeout=0.1)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Cuts the calls in hand too: who watches sees a machine that has gone."""
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            if (transport := connection.transport) is not None:
                transport.abort()
        await asyncio.sleep(0)  # lets the connections learn of it
        await super().shutdown(sockets)


class Listener:
    """Serves *app* on `host:port` between `open` and `close`; port 0 is chosen once and kept."""

    def __init__(self, name: str, app: Any, host: str, port: int) -> None:
        self.name, self.app, self.host, self.port = name, app, host, port
        self._server: _Server | None = None
        self._task: asyncio.Task[None] | None = None
        self._place: socket.socket | None = None

    @property
    def is_open(self) -> bool:
        """Whether connections are accepted."""
        return self._task is not None and not self._task.done()

    @property
    def url(self) -> str:
        """`http://host:port`, without a final slash."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    async def open(self) -> None:
        """Return when connections are accepted. SettingsError if the port cannot be had."""
        if self.is_open:
            return
        listening = self._listening()
        # asyncio sets it only where the socket names its protocol; else each answer waits 40 ms
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.port = listening.getsockname()[1]
        self._server = server = _Server(self.name, _config(self.app))
        self._task = asyncio.create_task(server.serve([listening]), name=f"sandbox {self.name}")
        up = asyncio.create_task(server.listening.wait())
        await asyncio.wait([up, self._task], return_when=asyncio.FIRST_COMPLETED)
        up.cancel()
        if self._task.done():
            listening.close()
            failed, self._server, self._task = self._task, None, None
            failed.result()

    def _listening(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        try:
            if self._place is None and sys.platform == "linux":
                self._place = socket.socket(family)
                self._place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                self._place.bind((self.host, self.port))
                self.port = self._place.getsockname()[1]
            return socket.create_server((self.host, self.port), family=family)
        except OSError as error:
            self.release()
            fault = f"{self.name}: port {self.port} cannot be had: {error.strerror}"
            raise SettingsError([fault]) from None

    def release(self) -> None:
        """Keep the port no longer; until then nobody is given it while this is closed.

        Only Linux lets a socket that is bound and does not listen keep the place of one that does.
        """
        if self._place is not None:
            self._place.close()
            self._place = None

    async def close(self) -> None:
        """Refuse connections and cut those in hand; return when it is done."""
        if self._server is not None and self._task is not None:
            self._server.should_exit = True
            if not self._server.ended.done():
                self._server.ended.set_result(None)
            await self._task
        self._server = self._task = None


def _config(app: Any) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        ws="none",
        timeout_keep_alive=75,  # longer than the hub's pool keeps a connection
        timeout_graceful_shutdown=1,
    )
