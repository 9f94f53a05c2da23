"""Run the sandbox: every simulator on its own port, and one control port, in one process."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from msgspec import Struct

from hub.core.collector import spare_what_lasts
from hub.core.errors import SettingsError
from hub.core.moment import Clock, utc_now
from hub.sandbox.control import control_app
from hub.sandbox.keys import ensure_folder
from hub.sandbox.listener import Listener, is_loopback
from hub.sandbox.population import Population
from hub.sandbox.sandbox import Sandbox
from hub.sandbox.sources import SimulatedSource
from hub.sandbox.stage import Fault

__all__ = ["Readiness", "SimulatedSource", "open_sandbox", "print_ready", "serve_sandbox"]


class Readiness(Struct, frozen=True, kw_only=True):
    """Where everything listens: `http://host:port`, of the control port and per source."""

    control: str
    sources: dict[str, str]


class Running(Struct, frozen=True, kw_only=True):
    """A sandbox that listens."""

    sandbox: Sandbox
    readiness: Readiness


@asynccontextmanager
async def open_sandbox(
    sources: Sequence[SimulatedSource],
    *,
    keys: Path,
    control_host: str = "127.0.0.1",
    control_port: int = 0,
    population: Population | None = None,
    clock: Clock = utc_now,
) -> AsyncIterator[Running]:
    """The sandbox, listening on every port from the first line of the block to its last.

    Raises SettingsError for what cannot be played or a port that cannot be had. Touches no
    signal handler. *keys* is created where it is missing.
    """
    if not is_loopback(control_host):
        raise SettingsError(["the control port listens on a loopback address only"])
    ensure_folder(keys)
    sandbox = Sandbox(sources, keys=keys, population=population, clock=clock)
    control = Listener("control port", control_app(sandbox), control_host, control_port)
    await sandbox.open()
    try:
        await control.open()
        urls = {source: sandbox.url(source) for source in sandbox.sources}
        yield Running(sandbox=sandbox, readiness=Readiness(control=control.url, sources=urls))
    finally:
        try:
            await control.close()
        finally:
            control.release()
            await sandbox.close()


async def serve_sandbox(
    sources: Sequence[SimulatedSource],
    *,
    keys: Path,
    control_host: str = "127.0.0.1",
    control_port: int = 0,
    population: Population | None = None,
    clock: Clock = utc_now,
    faults: Mapping[str, Fault] = {},
    announce: Callable[[Readiness], None] | None = None,
) -> None:
    """Run the sandbox until SIGTERM or SIGINT; *announce* hears when everything listens.

    *faults* are in force from the start, per source. Errors as open_sandbox. Must run in the
    main thread.
    """
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    signals = (signal.SIGTERM, signal.SIGINT)
    for number in signals:
        loop.add_signal_handler(number, ended.set)
    try:
        async with open_sandbox(
            sources,
            keys=keys,
            control_host=control_host,
            control_port=control_port,
            population=population,
            clock=clock,
        ) as running:
            for source, fault in faults.items():
                await running.sandbox.put_fault(source, fault.mode, fault.values)
            spare_what_lasts()
            (announce or print_ready)(running.readiness)
            await ended.wait()
    finally:
        for number in signals:
            loop.remove_signal_handler(number)


def print_ready(readiness: Readiness) -> None:
    """One line on standard output per address, the control port last."""
    lines = [f"sandbox: {name} {url}" for name, url in readiness.sources.items()]
    sys.stdout.write("\n".join([*lines, f"sandbox: control {readiness.control}\n"]))
    sys.stdout.flush()
