"""The command itself, killed with -9 in the middle of 1,000 people, and started again."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from connectors.age.simulator.platform import Platform
from hub.ledger.verify import Report, verify_ledger
from hub.sandbox.issuer import SandboxIssuer
from hub.sandbox.magic import OFFICIAL
from hub.sandbox.stage import FaultBoard, Stage
from tests.contract.age.bulk_world import PEOPLE, a_folder, with_ledger, write_people
from tests.support.serving import serving

ROOT = Path(__file__).parents[3]
MANY = range(2, 1002)
Kills = tuple[tuple[int, float | None], ...]
TWO_REQUESTS: Kills = ((1, None), (2, None), (1, 0.1))
ONE_REQUEST: Kills = ((1, None), (1, None), (1, 0))
"""Killed with the request taken, with the answer made, and with the answer just received."""


class Deadly:
    """The platform behind a line that can be cut: kills the command at a chosen call."""

    def __init__(self, platform: Platform) -> None:
        self.platform, self.calls = platform, 0
        self.kill_at: int | None = None
        self.after_s: float | None = None
        self.child: asyncio.subprocess.Process | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """The platform has taken and answered; whether the answer arrives is another matter."""
        self.calls += 1
        if self.calls != self.kill_at or self.child is None:
            await self.platform(scope, receive, send)
            return
        if self.after_s is None:
            messages: list[Any] = []

            async def kept(message: Any) -> None:
                messages.append(message)

            await self.platform(scope, receive, kept)
            self.child.kill()
            await self.child.wait()
            return
        await self.platform(scope, receive, send)
        await asyncio.sleep(self.after_s)
        self.child.kill()


async def command(folder: Path, line: Deadly, *arguments: str) -> tuple[int, str, str]:
    """`hub age …` in a process of its own: exit code, output, errors."""
    line.child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "hub", "age", "--config", str(folder / "hub.toml")),
        *arguments,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await line.child.communicate()
    assert line.child.returncode is not None
    return line.child.returncode, output.decode(), errors.decode()


async def test_a_thousand_people_are_asked_about_once_through_three_kills(tmp_path, bulk_keys):
    """Killed with the request taken, with the answer made, and with the answer just received:
    after the last start each person was asked about exactly once and each answer is on record.
    """
    stage = Stage(source="age", population=PEOPLE, faults=FaultBoard(), settings={}, keys=bulk_keys)
    line = Deadly(Platform(stage))
    async with serving(line) as url:
        settings = a_folder(tmp_path, url, bulk_keys, "bulk_wait_s = 0.2")
        await with_ledger(settings)
        results = tmp_path / "results.jsonl"
        output = await _killed_and_gone_on_with(
            tmp_path, line, bulk_keys, "SVDSEPEDEMWS01", MANY, TWO_REQUESTS
        )
    assert "1000 of 1000 answered" in output
    asked = line.platform.asynchronous.asked
    assert asked == Counter(PEOPLE.number(index) for index in MANY)
    lines = [json.loads(text) for text in results.read_text("utf-8").splitlines()]
    assert sorted(row["row"] for row in lines) == list(range(2, 1002))
    states = Counter(row["blocks"]["jobSeeker"]["state"] for row in lines)
    assert not {"unavailable", "pending"} & set(states), states
    assert results.stat().st_mode & 0o077 == 0
    report = await asyncio.to_thread(_verified, tmp_path)
    assert (report.findings, report.without_outcome) == ([], 0)


KILLED = ("SVDTGSSVIDALABORALWS01", "SVDSCTFNWS01")
SOME = range(2, 42)


@pytest.mark.parametrize("service", KILLED)
async def test_other_profiles_survive_the_same_kills(tmp_path, bulk_keys, service):
    """Encrypted, or signed in the older way: killed at the same three places."""
    stage = Stage(source="age", population=PEOPLE, faults=FaultBoard(), settings={}, keys=bulk_keys)
    line = Deadly(Platform(stage))
    async with serving(line) as url:
        settings = a_folder(tmp_path, url, bulk_keys, "bulk_wait_s = 0.2")
        await with_ledger(settings)
        results = tmp_path / "results.jsonl"
        output = await _killed_and_gone_on_with(
            tmp_path, line, bulk_keys, service, SOME, ONE_REQUEST
        )
    assert "40 of 40 answered" in output
    assert line.platform.asynchronous.asked == Counter(PEOPLE.number(i) for i in SOME)
    lines = [json.loads(text) for text in results.read_text("utf-8").splitlines()]
    states = Counter(block["state"] for row in lines for block in row["blocks"].values())
    assert set(states) == {"fresh", "empty"}, states
    assert sum(states.values()) == len(SOME)
    report = await asyncio.to_thread(_verified, tmp_path)
    assert (report.findings, report.without_outcome) == ([], 0)


async def _killed_and_gone_on_with(
    folder: Path, line: Deadly, keys: Path, service: str, who: range, kills: Kills
) -> str:
    """What the command says after *kills*: at which call, and how long after its answer left,
    or before it did.
    """
    token = SandboxIssuer(keys).token("official", PEOPLE.person(OFFICIAL))
    (folder / "token").write_text(token, "utf-8")
    order = (
        *("request", "--service", service, "--procedure", "MAD_ESC_INF"),
        *("--file", str(write_people(folder / "people.csv", who))),
        *("--token-file", str(folder / "token"), "--output", str(folder / "results.jsonl")),
    )
    for line.kill_at, line.after_s in kills:
        line.calls = 0
        code, _, errors = await command(folder, line, *order)
        assert code == -9, errors
    line.kill_at = None
    code, output, errors = await command(folder, line, *order)
    assert code == 0, errors
    assert "answered" in errors  # the progress bar
    return output


def _verified(folder: Path) -> Report:
    key = (folder / "var" / "keys" / "log.pub").read_text("utf-8")
    return verify_ledger(folder / "var" / "ledger.db", key)
