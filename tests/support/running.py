"""Run the real thing: `hub serve --sandbox` in processes of their own, on free ports."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import httpx
from click.testing import CliRunner

from hub.cli import main

ROOT = Path(__file__).parents[2]
START_S = 60
_STEPS = itertools.count(random.randrange(4_000))  # two runs on one machine rarely meet

_FORGETFUL = "fresh_s = 0\nstale_s = 0\n"
_PLAIN = """
[admission]
client_per_s = 100000
client_burst = 100000
caller_per_s = 100000
caller_burst = 100000
"""


class RunningHub:
    """A hub with its sandbox, its folder, what it printed, and ways to call it.

    It keeps no answers in memory and counts no quotas unless *keeps*: a test of one system sees
    that system, and a measure is not refused. With *only* it has no other sources than these.
    """

    def __init__(
        self,
        folder: Path,
        *,
        keeps: bool = False,
        root: Path = ROOT,
        only: tuple[str, ...] = (),
    ) -> None:
        """Of another checkout with *root*."""
        self.folder, self.root = folder, root
        self.config = folder / "hub.toml"
        text = (root / "hub.toml").read_text("utf-8")
        for port in sorted(set(re.findall(r"\b8[01]\d\d\b", text))):
            text = text.replace(port, str(free_port()))
        if only:
            text = re.sub(rf"(?ms)^\[sources\.(?!(?:{'|'.join(only)})\b).*?(?=^\[|\Z)", "", text)
        text = text.replace(_FORGETFUL, "") if keeps else text + _PLAIN
        self.config.write_text(text, "utf-8")
        self.port = int(re.search(r"^port = (\d+)", text, re.MULTILINE).group(1))  # type: ignore[union-attr]
        control = re.search(r"^control_port = (\d+)", text, re.MULTILINE)
        self.base = f"http://127.0.0.1:{self.port}"
        self.control = f"http://127.0.0.1:{control.group(1)}"  # type: ignore[union-attr]
        self.printed = ""
        self._process: subprocess.Popen[str] | None = None
        self._tokens: dict[tuple[str, ...], str] = {}

    @property
    def pid(self) -> int | None:
        """The hub's own process, without the sandbox's."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Return when the hub answers and has printed all that it prints."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "hub", "serve", "--sandbox", "--config", str(self.config)],
            cwd=self.root,
            env={**os.environ, **self._path()},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        watchdog = threading.Timer(START_S, self.kill)
        watchdog.start()
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.printed += line
            if line.startswith("Ctrl-C"):
                break
        watchdog.cancel()
        if "Ctrl-C" not in self.printed:
            self.kill()
            raise AssertionError(self.printed)

    def reload(self) -> dict[str, Any]:
        """SIGHUP; what the log says came of it."""
        seen = len(self._reloads())
        self.signal(signal.SIGHUP)
        while len(found := self._reloads()) == seen:
            time.sleep(0.02)
        return found[-1]

    def _reloads(self) -> list[dict[str, Any]]:
        return [line for line in self.log() if line["event"].startswith("reload")]

    def log(self) -> list[dict[str, Any]]:
        """Every whole line of the log."""
        text = (self.folder / "var" / "hub.log").read_text("utf-8")
        whole = text[: text.rfind("\n") + 1]
        return [json.loads(line) for line in whole.splitlines()]

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the hub's own process."""
        assert self._process is not None
        self._process.send_signal(number)

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        self.signal(signal.SIGTERM)
        return self.wait()

    def wait(self) -> int:
        """The exit code, once it has ended."""
        assert self._process is not None
        code = self._process.wait(timeout=60)
        self._close()
        return code

    def kill(self) -> None:
        """Kill -9 the hub and its sandbox at once."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        if self._process is not None:
            self._process.wait(timeout=30)
            self._close()

    def _close(self) -> None:
        if self._process is not None and self._process.stdout is not None:
            self._process.stdout.close()

    def command(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """The command line of this hub."""
        command = [sys.executable, "-m", "hub", *arguments, "--config", str(self.config)]
        return subprocess.run(
            command,
            cwd=self.root,
            env={**os.environ, **self._path()},
            capture_output=True,
            text=True,
            check=check,
        )

    def _path(self) -> dict[str, str]:
        return {} if self.root == ROOT else {"PYTHONPATH": str(self.root)}

    def token(self, *arguments: str) -> str:
        """What `hub token` prints; the same for the same arguments."""
        if arguments not in self._tokens:
            self._tokens[arguments] = self._made(arguments)
        return self._tokens[arguments]

    def _made(self, arguments: tuple[str, ...]) -> str:
        """In this process where it is the same code: to start another takes a second."""
        if self.root != ROOT:
            return self.command("token", *arguments).stdout.strip()
        line = ["token", *arguments, "--config", str(self.config)]
        return CliRunner().invoke(main, line, catch_exceptions=False).stdout.strip()

    def get(self, path: str, token: str | None = None, **headers: str) -> httpx.Response:
        """GET a path of the API."""
        proof = {"Authorization": f"Bearer {token}"} if token else {}
        return httpx.get(self.base + path, headers={**proof, **headers}, timeout=30)

    def post(self, path: str, token: str, body: Any) -> httpx.Response:
        """POST JSON to the API."""
        proof = {"Authorization": f"Bearer {token}"}
        return httpx.post(self.base + path, headers=proof, json=body, timeout=30)

    def delete(self, path: str, token: str) -> httpx.Response:
        """DELETE a path of the API."""
        proof = {"Authorization": f"Bearer {token}"}
        return httpx.delete(self.base + path, headers=proof, timeout=30)

    def fault(self, source: str, mode: str, **values: Any) -> None:
        """Put a fault of a simulator in force."""
        body = {"mode": mode, "values": values}
        httpx.put(f"{self.control}/faults/{source}", json=body).raise_for_status()

    def sandbox(self, method: str, path: str) -> Any:
        """Any other call of the control port."""
        answer = httpx.request(method, self.control + path, timeout=30)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def calls(self) -> dict[str, int]:
        """How many calls each simulator has counted."""
        return {name: counts["total"] for name, counts in self.sandbox("GET", "/calls").items()}


def free_port() -> int:
    """A port that nobody listens on, and that nobody is given before its taker listens.

    It lies below the range from which systems number outgoing connections (RFC 6335, section 6:
    49152 and above; Linux: 32768 and above), and each worker of one run has a stretch of its own.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw4")[2:]) % 5
    first = 12_000 + 4_000 * worker
    while True:
        port = first + next(_STEPS) % 4_000
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
