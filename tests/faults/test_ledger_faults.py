"""The ledger's fail matrix: what is written by how it fails; then the whole log, from disk.

After each step the independent verifier reads everything, and nothing that was acknowledged
is missing. "Fails but persists" is a write that was made while its caller was told that it
was not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from pathlib import Path
from typing import Any, Literal

import pytest

from hub.core.document import parse_document
from hub.core.errors import LedgerError
from hub.ledger.recorder import entry_of
from hub.ledger.sqlite import SqliteLedger
from hub.ledger.store import Entry
from tests.support.ledgers import (
    FaultyDisk,
    Mode,
    a_ledger,
    a_sent,
    an_entry,
    its_outcome,
    verified,
)

MEMBER = parse_document("99000003E")

Written = Literal["sent", "outcome", "people", "answer", "checkpoint"]
WRITTEN: list[Written] = ["sent", "outcome", "people", "answer", "checkpoint"]
FAULTS: list[Mode] = ["fails", "fails but persists", "slow"]


class Story:
    """A ledger with something on record, the write in question, and what was acknowledged."""

    def __init__(self, folder: Path, ledger: SqliteLedger, what: Written) -> None:
        self.folder, self.ledger, self.what = folder, ledger, what
        self.acknowledged: list[Entry] = []
        self.sent, self.asked = a_sent(), a_sent()
        self.entry = {
            "sent": entry_of(a_sent()),
            "outcome": entry_of(its_outcome(self.sent)),
            "people": an_entry("people", others=[MEMBER], exchanges=[self.asked.id], payload=None),
            "answer": an_entry("answer"),
        }.get(what)

    async def begin(self) -> None:
        await self.append(entry_of(self.asked), entry_of(its_outcome(self.asked)))
        await self.append(entry_of(self.sent), an_entry())
        await self.ledger.checkpoint()
        await self.append(an_entry())

    async def append(self, *entries: Entry) -> None:
        await self.ledger.append(entries)
        self.acknowledged += entries

    def write(self) -> Awaitable[Any]:
        """The write in question."""
        return self.ledger.checkpoint() if self.entry is None else self.append(self.entry)

    async def check(self) -> None:
        """The whole ledger verifies from disk, and what was acknowledged reads back."""
        report = verified(self.folder)
        assert report.findings == []
        assert report.records >= len(self.acknowledged)
        for entry in self.acknowledged:
            assert await self.ledger.payload(entry.kind, entry.id) == entry.payload


@pytest.mark.parametrize("what", WRITTEN)
@pytest.mark.parametrize("mode", FAULTS)
async def test_a_write_that_fails_is_told_and_the_next_one_works(
    tmp_path: Path, what: Written, mode: Mode
) -> None:
    """The caller learns of the failure, no record is lost or doubled, and the log goes on."""
    disk = FaultyDisk()
    async with a_ledger(tmp_path, disk) as ledger:
        story = Story(tmp_path, ledger, what)
        await story.begin()
        before = await ledger.size()
        disk.mode = mode
        if mode == "slow":
            await story.write()
        else:
            with pytest.raises(LedgerError, match="disk I/O error"):
                await story.write()
        assert disk.faults == 1
        grown = await ledger.size() - before
        assert grown == (what != "checkpoint" and mode != "fails")
        disk.mode = "works"
        await story.check()
        await story.append(an_entry(), an_entry("answer"))
        await ledger.checkpoint()
        await story.check()
    report = verified(tmp_path)
    assert report.findings == []
    assert report.covered == report.records


@pytest.mark.parametrize("what", WRITTEN)
@pytest.mark.parametrize("after_s", [0, 0.05], ids=["at once", "while it commits"])
async def test_a_cancelled_write_is_still_carried_out(
    tmp_path: Path, what: Written, after_s: float
) -> None:
    """The caller stops waiting; the record and its neighbours in the group are written."""
    disk = FaultyDisk()
    async with a_ledger(tmp_path, disk) as ledger:
        story = Story(tmp_path, ledger, what)
        await story.begin()
        before = await ledger.size()
        disk.mode = "slow"
        neighbour = asyncio.ensure_future(story.append(an_entry()))
        cancelled = asyncio.ensure_future(story.write())
        await asyncio.sleep(after_s)
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        await neighbour
        disk.mode = "works"
        await story.append(an_entry())
        assert await ledger.size() == before + 2 + (what != "checkpoint")
        await story.check()
    assert verified(tmp_path).findings == []


async def test_a_cancelled_caller_does_not_take_its_group_along(tmp_path: Path) -> None:
    """Of a hundred callers in one group, the fifty that stay all get their receipts."""
    disk = FaultyDisk()
    async with a_ledger(tmp_path, disk) as ledger:
        disk.mode, disk.seconds = "slow", 0.05
        entries = [an_entry() for _ in range(100)]
        tasks = [asyncio.ensure_future(ledger.append([entry])) for entry in entries]
        await asyncio.sleep(0.02)
        for task in tasks[::2]:
            task.cancel()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        assert sum(isinstance(result, asyncio.CancelledError) for result in done) == 50
        assert len({result.first for result in done if not isinstance(result, BaseException)}) == 50
        disk.mode = "works"
        for entry in entries:
            assert await ledger.payload("access", entry.id) is not None
    assert verified(tmp_path).records == 100


async def test_every_caller_of_a_failed_group_is_told(tmp_path: Path) -> None:
    """Nobody of a group whose commit failed believes to be on record, and nobody hangs."""
    disk = FaultyDisk()
    async with a_ledger(tmp_path, disk) as ledger:
        disk.mode = "fails"
        calls = [ledger.append([an_entry()]) for _ in range(50)]
        async with asyncio.timeout(10):
            done = await asyncio.gather(*calls, return_exceptions=True)
        assert {type(result) for result in done} == {LedgerError}
        assert len({id(result) for result in done}) == 50
        disk.mode = "works"
        assert await ledger.size() == 0
        assert (await ledger.append([an_entry()])).first == 0
    assert verified(tmp_path).findings == []


async def fill(story: Story) -> None:
    """Append until something refuses."""
    for _ in range(1000):
        await story.append(an_entry(payload=bytes(range(256)) * 8))


async def test_a_full_disk_refuses_and_a_freed_one_works_again(tmp_path: Path) -> None:
    """Disk full: appends are refused and the probe says so; space again: both work, all is whole."""
    disk = FaultyDisk()
    async with a_ledger(tmp_path, disk) as ledger:
        story = Story(tmp_path, ledger, "answer")
        await story.begin()
        assert await ledger.writable()
        disk.max_pages = 40
        with pytest.raises(LedgerError, match="full"):
            await fill(story)
        assert not await ledger.writable()
        with pytest.raises(LedgerError, match="full"):
            await story.append(an_entry(payload=b"x" * 100_000))
        await story.check()
        disk.max_pages = None
        assert await ledger.writable()
        await story.append(*(an_entry() for _ in range(20)))
        await story.check()
    report = verified(tmp_path)
    assert (report.findings, report.covered) == ([], report.records)


async def test_the_probe_says_when_writing_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that does not answer is not writable, and the probe does not wait for it."""
    disk = FaultyDisk()
    async with a_ledger(tmp_path, disk) as ledger:
        assert await ledger.writable()
        monkeypatch.setattr("hub.ledger.sqlite._PROBE_S", 0.02)
        disk.mode = "slow"
        assert not await ledger.writable()
        disk.mode = "fails"
        assert not await ledger.writable()
        disk.mode = "works"
        monkeypatch.setattr("hub.ledger.sqlite._PROBE_S", 5)
        assert await ledger.writable()
    assert verified(tmp_path).findings == []


async def test_publishing_that_fails_is_tried_again(tmp_path: Path) -> None:
    """A head that could not be signed now is signed at a later turn."""
    disk = FaultyDisk()
    async with a_ledger(tmp_path, disk, publish_every_s=0.02) as ledger:
        await ledger.append([an_entry()])
        disk.mode = "fails"
        await asyncio.sleep(0.1)
        with pytest.raises(LedgerError):
            await ledger.append([an_entry()])
        disk.mode = "works"
        await ledger.append([an_entry()])
        async with asyncio.timeout(5):
            while verified(tmp_path).covered < 2:  # noqa: ASYNC110 - the publisher is a thread
                await asyncio.sleep(0.01)
    assert verified(tmp_path).findings == []


async def test_a_write_lock_held_by_another_process_is_an_error_and_passes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who cannot get the lock in time is refused; once it is free, writing goes on."""
    monkeypatch.setattr("hub.ledger.schema._BUSY_MS", 20)
    disk = FaultyDisk()
    async with a_ledger(tmp_path, disk) as ledger:
        await ledger.append([an_entry()])
        other = disk.open(tmp_path / "ledger.db")
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerError, match="locked"):
            await ledger.append([an_entry()])
        other.execute("ROLLBACK")
        other.close()
        await ledger.append([an_entry()])
    assert verified(tmp_path).records == 2
