"""The server that a process runs, and what signals do to it.

SIGHUP: read the configuration again; a bad one is refused, and the old one is served on.
SIGTERM and Ctrl-C: say so at `/readyz`, close the door after `server.drain_s`, finish what is
under way, and end.
"""

from __future__ import annotations

import asyncio
import contextvars
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

import structlog
import uvicorn

from hub.app import Hub
from hub.core.collector import spare_what_lasts
from hub.core.errors import SettingsError
from hub.settings import Settings

log = structlog.get_logger()


class HubServer(uvicorn.Server):
    """uvicorn around one hub, saying on standard output when it listens.

    uvicorn raises a caught signal again once it is done, which would end the process before
    the sandbox is stopped; here a signal ends the server and nothing else.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        hub: Hub,
        load: Callable[[], Settings],
        place: Callable[[Sequence[str]], list[str]],
        announce: str = "",
    ) -> None:
        """*place* puts file and line in front of faults of what *load* gives."""
        super().__init__(config)
        self._hub, self._load, self._place, self._announce = hub, load, place, announce
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {number: signal.signal(number, self._heard) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._loop = asyncio.get_running_loop()
        spare_what_lasts()
        if self.started and self._announce:
            sys.stdout.write(self._announce)
            sys.stdout.flush()

    def _heard(self, number: int, frame: FrameType | None) -> None:
        """Runs between two instructions of the main thread: everything else is the loop's."""
        if self._loop is None or not self.started:
            if number != signal.SIGHUP:  # nothing was begun that could be read again
                self.handle_exit(number, frame)
            return
        fresh = contextvars.Context()  # not that of the request that happened to run
        if number == signal.SIGHUP:
            self._loop.call_soon_threadsafe(self._begin, "reload", context=fresh)
        elif self._hub.is_leaving:  # told twice: it is urgent
            self.handle_exit(number, frame)
        else:
            self._hub.leave()
            self._loop.call_soon_threadsafe(self._begin, "leave", context=fresh)

    def _begin(self, what: str) -> None:
        task = asyncio.ensure_future(self._reload() if what == "reload" else self._leave())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _leave(self) -> None:
        """Keep the door open for those who were sent before the word got round."""
        drain_s = self._hub.settings.server.drain_s
        log.info("hub_leaving", drain_s=drain_s)
        await asyncio.sleep(drain_s)
        self.should_exit = True

    async def _reload(self) -> None:
        try:
            done = await self._hub.reload(self._load)
        except SettingsError as error:
            log.error("reload_refused", faults=self._place(error.faults))  # noqa: TRY400 - no traceback
        except Exception as error:  # noqa: BLE001 - whatever it is, the hub serves on
            log.error("reload_refused", faults=[type(error).__name__])  # noqa: TRY400 - as above
        else:
            spare_what_lasts()
            log.info("reloaded", changed=list(done.changed), needs_restart=list(done.needs_restart))
