"""kill -9 in the middle of a write: what was acknowledged is there, and the log is whole."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from hub.ledger.store import Kind
from tests.support.ledgers import a_ledger, an_entry, verified

ROOT = Path(__file__).parents[2]


def acknowledged_until_killed(folder: Path, what: str, when: str, enough: int) -> list[list[str]]:
    """Start a writer, kill it at its stop or after *enough* lines; what it acknowledged."""
    command = [sys.executable, "-m", "tests.support.ledger_child", str(folder), what, when]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as child:
        assert child.stdout is not None
        lines: list[str] = []
        while len(lines) < enough and (line := child.stdout.readline()) not in ("stopped\n", ""):
            lines.append(line)
        child.kill()
        lines += [
            line for line in child.stdout.read().splitlines(keepends=True) if line != "stopped\n"
        ]
    assert child.returncode == -9
    return [line.split() for line in lines if line.endswith("\n")]


async def check(folder: Path, acknowledged: list[list[str]]) -> None:
    """Whole from disk; nothing acknowledged is missing; the log goes on after its orphans."""
    report = verified(folder)
    assert report.findings == []
    async with a_ledger(folder) as ledger:
        for kind, id_ in acknowledged:
            assert kind in get_args(Kind)
            assert await ledger.read(id_, kind) is not None  # type: ignore[arg-type]
        assert await ledger.close_orphans() == report.without_outcome
        await ledger.append([an_entry()])
    after = verified(folder)
    assert (after.findings, after.without_outcome) == ([], 0)
    assert after.covered == after.records == report.records + report.without_outcome + 1


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("what", ["sent", "outcome", "answer", "checkpoint"])
def test_a_kill_around_a_commit_loses_nothing_acknowledged(
    tmp_path: Path, what: str, when: str
) -> None:
    """Killed just before or just after the commit of a kind, before anyone was told of it."""
    acknowledged = acknowledged_until_killed(tmp_path, what, when, enough=100_000)
    assert not any(kind == what for kind, _ in acknowledged)
    asyncio.run(check(tmp_path, acknowledged))


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_kill_while_a_ledger_is_begun_leaves_one_that_opens(tmp_path: Path, when: str) -> None:
    """Around the signature of the empty log, when nobody was told anything."""
    assert acknowledged_until_killed(tmp_path, "opening", when, enough=100_000) == []

    async def begin() -> None:
        async with a_ledger(tmp_path):
            pass

    asyncio.run(begin())
    asyncio.run(check(tmp_path, []))


@pytest.mark.parametrize("enough", [40, 333])
def test_a_kill_at_any_moment_loses_nothing_acknowledged(tmp_path: Path, enough: int) -> None:
    """Killed wherever it happens to be while five callers write."""
    acknowledged = acknowledged_until_killed(tmp_path, "nothing", "-", enough)
    assert len(acknowledged) >= enough
    asyncio.run(check(tmp_path, acknowledged))
