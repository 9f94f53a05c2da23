"""The runner listens before it says so, ends when told, and starts nothing that is wrong."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from hub.core.errors import SettingsError
from hub.core.secret import Secret
from hub.sandbox.runner import Running, SimulatedSource, open_sandbox
from hub.sandbox.stage import Stage

MODULE = "tests.unit.sandbox.tiny"
PROGRAM = """
import asyncio, json, sys
from pathlib import Path
from hub.sandbox.runner import SimulatedSource, serve_sandbox
from hub.sandbox.stage import Fault

def announce(readiness):
    print(json.dumps([readiness.control, readiness.sources]), flush=True)

sources = [SimulatedSource(name=n, module="tests.unit.sandbox.tiny") for n in ("one", "two")]
announced = {} if sys.argv[2] == "plain" else {"announce": announce}
ill = {"two": Fault(mode="status", values={"code": 503})}
asyncio.run(serve_sandbox(sources, keys=Path(sys.argv[1]), faults=ill, **announced))
print("ended")
"""


def started(keys: Path, style: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PROGRAM, str(keys), style]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_until_it_is_told_to_end(tmp_path: Path, number: signal.Signals):
    """When it announces, every port answers, ill or well as it was told; a signal ends it cleanly."""
    process = started(tmp_path, "json")
    try:
        assert process.stdout is not None
        control, sources = json.loads(process.stdout.readline())
        assert sources.keys() == {"one", "two"}
        with httpx.Client(trust_env=False) as client:
            assert client.get(sources["one"]).json()["served"] == 1
            assert client.get(sources["two"]).status_code == 503
            client.delete(f"{control}/faults/two").raise_for_status()
            assert client.get(sources["two"]).json()["served"] == 1
            client.put(f"{control}/faults/one", json={"mode": "hang"}).raise_for_status()
        host, port = sources["one"].removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as hanging:
            hanging.sendall(b"GET / HTTP/1.1\r\nHost: one\r\n\r\n")
            process.send_signal(number)
            out, err = process.communicate(timeout=10)
    finally:
        process.kill()
    assert (process.returncode, out, err) == (0, "ended\n", "")


def test_it_prints_where_it_listens(tmp_path: Path):
    """One line per address, the control port last."""
    process = started(tmp_path, "plain")
    try:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(3)]
    finally:
        process.terminate()
        process.communicate(timeout=10)
    assert [line.split(" http://")[0] for line in lines] == [
        "sandbox: one",
        "sandbox: two",
        "sandbox: control",
    ]


async def test_a_call_in_hand_is_cut_when_its_source_stops(
    running: Running, source: httpx.AsyncClient
):
    """A dead source gives no answer at all, not even an error page."""
    await running.sandbox.put_fault("tiny", "hang", {})
    call = asyncio.create_task(source.get("/"))
    while running.sandbox.calls.of("tiny")["total"] == 0:  # noqa: ASYNC110 - over a socket
        await asyncio.sleep(0.01)
    await running.sandbox.stop("tiny")
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        await call


async def test_everything_is_closed_at_the_end(tmp_path: Path):
    """After the block no port answers, and none of the server's tasks is left."""
    source = SimulatedSource(name="tiny", module=MODULE)
    before = asyncio.all_tasks()
    async with open_sandbox([source], keys=tmp_path) as running:
        urls = [running.readiness.control, running.readiness.sources["tiny"]]
    assert asyncio.all_tasks() == before
    for url in urls:
        host, port = url.removeprefix("http://").split(":")
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(host, int(port))


async def test_signal_handlers_are_left_alone(running: Running):
    """Who runs the sandbox inside another program keeps that program's signals."""
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    assert running.sandbox.is_listening("tiny")


async def test_a_simulator_gets_its_stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Name, population, settings with their secrets, keys folder and clock reach `simulate`."""
    from tests.unit.sandbox.tiny import simulator

    stages: list[Stage] = []
    play = simulator.simulate

    def simulate(stage: Stage) -> Any:
        stages.append(stage)
        return play(stage)

    monkeypatch.setattr(simulator, "simulate", simulate)
    settings = {"password": Secret("abc"), "tenant": "100"}
    source = SimulatedSource(name="sap", module=MODULE, settings=settings)
    async with open_sandbox([source], keys=tmp_path) as running:
        [stage] = stages
        assert (stage.source, stage.keys) == ("sap", tmp_path)
        assert stage.secret("password") == "abc"
        assert stage.settings["tenant"] == "100"
        assert stage.population is running.sandbox.population
        assert stage.faults is running.sandbox.board


def a_source(**changes: Any) -> SimulatedSource:
    return SimulatedSource(**({"name": "tiny", "module": MODULE} | changes))


async def test_the_control_port_is_the_machines_own(tmp_path: Path):
    """Nobody outside this machine may break its sources."""
    with pytest.raises(SettingsError, match="loopback"):
        async with open_sandbox([], keys=tmp_path, control_host="0.0.0.0"):  # noqa: S104
            pass


@pytest.mark.parametrize("taken_by", ["source", "control"])
async def test_a_port_that_is_taken_stops_the_start(tmp_path: Path, taken_by: str):
    """The error names the port, and what already listened is closed again."""
    with (
        socket.create_server(("127.0.0.1", 0)) as other,
        socket.create_server(("127.0.0.1", 0)) as chosen,
    ):
        taken, free = other.getsockname()[1], chosen.getsockname()[1]
        chosen.close()
        first = a_source(port=free)
        second = a_source(name="second", port=taken if taken_by == "source" else 0)
        control = taken if taken_by == "control" else 0
        with pytest.raises(SettingsError, match=str(taken)):
            async with open_sandbox([first, second], keys=tmp_path, control_port=control):
                pass
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", free)


async def test_a_failing_start_up_hook_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A simulator that cannot start stops the start; it does not end the process."""
    from tests.unit.sandbox.tiny import simulator

    def simulate(_: Any) -> Any:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            await receive()
            await send({"type": "lifespan.startup.failed", "message": ""})

        return app

    monkeypatch.setattr(simulator, "simulate", simulate)
    with pytest.raises(RuntimeError, match="tiny"):
        async with open_sandbox([a_source()], keys=tmp_path):
            pass


async def test_ipv6_loopback_is_loopback(tmp_path: Path):
    """A source may listen on ::1; its address is written with brackets."""
    async with open_sandbox([a_source(host="::1")], keys=tmp_path) as running:
        url = running.readiness.sources["tiny"]
        assert url.startswith("http://[::1]:")
        async with httpx.AsyncClient(trust_env=False) as client:
            assert (await client.get(url)).status_code == 200
