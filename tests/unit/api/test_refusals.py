"""Refusals on record: counted, never flooding, never lost to a ledger that is ill."""

from __future__ import annotations

import datetime as dt
import json

import pytest

from hub.api.refusals import MAX_WAITING, Refusals
from hub.core.errors import LedgerError
from tests.support.builders import NOW
from tests.support.ledgers import FaultyDisk, a_ledger, verified


class Clock:
    """A clock that a test moves."""

    def __init__(self):
        self.now = NOW

    def __call__(self):
        return self.now


async def refusals_in(ledger):
    """What is on record: issuer, reason, minute and count."""
    records = [r for r in await ledger.records(0, 1000) if r.kind == "refusal"]
    headers = [json.loads(record.leaf) for record in records]
    return sorted((h["issuer"], h["reason"], h["minute"][11:16], h["count"]) for h in headers)


async def test_a_flood_of_bad_tokens_is_a_few_records(tmp_path):
    """One record per issuer, reason and minute, with the number of them."""
    clock = Clock()
    async with a_ledger(tmp_path) as ledger:
        refusals = Refusals(ledger, clock)
        for second in range(120):
            clock.now = NOW + dt.timedelta(seconds=second)
            for _ in range(50):
                refusals.count("https://i.example", "expired")
            refusals.count(None, "issuer")
        assert await refusals.flush() == 2
        clock.now = NOW + dt.timedelta(minutes=2)
        assert await refusals.flush() == 2
        assert await refusals.flush(everything=True) == 0
        assert await refusals_in(ledger) == [
            ("https://i.example", "expired", "12:00", 3000),
            ("https://i.example", "expired", "12:01", 3000),
            ("unknown", "issuer", "12:00", 60),
            ("unknown", "issuer", "12:01", 60),
        ]
    assert verified(tmp_path).ok


async def test_a_minute_that_is_not_over_waits(tmp_path):
    """Else a minute would have several records."""
    async with a_ledger(tmp_path) as ledger:
        refusals = Refusals(ledger, Clock())
        refusals.count(None, "form")
        assert await refusals.flush() == 0
        assert await ledger.size() == 0


async def test_the_end_of_the_hub_writes_what_is_left(tmp_path):
    """A shutdown within the minute loses nothing."""
    async with a_ledger(tmp_path) as ledger:
        refusals = Refusals(ledger, Clock())
        refusals.start(every_s=3600)
        refusals.count(None, "form")
        await refusals.aclose()
        assert await refusals_in(ledger) == [("unknown", "form", "12:00", 1)]


async def test_a_ledger_that_cannot_write_loses_no_count(tmp_path):
    """The counts wait until it can."""
    disk, clock = FaultyDisk(), Clock()
    async with a_ledger(tmp_path, disk) as ledger:
        refusals = Refusals(ledger, clock)
        refusals.count(None, "form")
        disk.mode = "fails"
        with pytest.raises(LedgerError):
            await refusals.flush(everything=True)
        refusals.count(None, "form")
        disk.mode = "works"
        assert await refusals.flush(everything=True) == 1
        assert await refusals_in(ledger) == [("unknown", "form", "12:00", 2)]


async def test_counts_that_come_while_others_are_written_are_kept(tmp_path, monkeypatch):
    """Writing takes time, and the flood goes on."""
    disk = FaultyDisk()
    async with a_ledger(tmp_path, disk) as ledger:
        refusals = Refusals(ledger, Clock())
        refusals.count(None, "form")
        append = ledger.append

        async def slow(entries):
            refusals.count(None, "form")
            return await append(entries)

        monkeypatch.setattr(ledger, "append", slow)
        assert await refusals.flush(everything=True) == 1
        assert await refusals_in(ledger) == [("unknown", "form", "12:00", 1)]
        assert sum(refusals._counts.values()) == 1


async def test_what_waits_is_bounded(tmp_path):
    """A ledger that is ill for weeks does not fill the memory."""
    clock = Clock()
    async with a_ledger(tmp_path) as ledger:
        refusals = Refusals(ledger, clock)
        for minute in range(MAX_WAITING + 100):
            clock.now = NOW + dt.timedelta(minutes=minute)
            refusals.count(None, "form")
        assert len(refusals._counts) == MAX_WAITING
        assert sum(refusals._counts.values()) == MAX_WAITING + 100
