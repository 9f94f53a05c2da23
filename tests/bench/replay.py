"""Mapping replay on one core: recorded answers per second, opened, mapped and compared."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from hub.audit.case import case_of, open_case
from hub.audit.choose import cases
from hub.audit.library import Library
from hub.audit.replay import Replayer
from hub.core.model import BLOCKS
from hub.ledger.store import Search
from tests.support.answering import World, a_world

ANSWERS = 400
AIM = 5000


def measure(folder: Path) -> list[tuple[str, str, str]]:
    """Exchanges per second of CPU: from open records, and from the sealed ledger."""
    return asyncio.run(_measured(folder))


async def _measured(folder: Path) -> list[tuple[str, str, str]]:
    async with a_world(folder) as world:
        for _ in range(ANSWERS):
            await world.answer()
        opened, exchanges = await _from_open_records(world)
        sealed, _ = await _from_the_ledger(world)
    return [
        _row(f"mapping replay, {exchanges} exchanges, records open", opened),
        _row("the same out of the sealed ledger", sealed),
    ]


def _row(label: str, rate: float) -> tuple[str, str, str]:
    verdict = "met" if rate >= AIM else "MISSED"
    return (label, f"{rate:,.0f} /s", f"exchanges per CPU second; aim >= {AIM:,}: {verdict}")


async def _from_open_records(world: World) -> tuple[float, int]:
    """Decode the evidence, run the mapping of then, compare the digest and what was shown."""
    found = [case async for case in cases(world.ledger, Search())]
    records = [case.record for case in found]
    replayer = Replayer(Library(world.ledger, BLOCKS))
    await replayer.run(found[0])  # compiles the mappings
    began = time.process_time()
    for record in records:
        await replayer.run(case_of(record))
    spent = time.process_time() - began
    return _checked(replayer) / spent, replayer.report.exchanges


async def _from_the_ledger(world: World) -> tuple[float, int]:
    """The same with reading, unsealing and unpacking of every record."""
    ids = [case.record.id async for case in cases(world.ledger, Search())]
    replayer = Replayer(Library(world.ledger, BLOCKS))
    began = time.process_time()
    for answer in ids:
        await replayer.run(await open_case(world.ledger, answer))
    spent = time.process_time() - began
    return _checked(replayer) / spent, replayer.report.exchanges


def _checked(replayer: Replayer) -> int:
    """How many exchanges were replayed; a replay that does not come out is no measure."""
    report = replayer.finish()
    if not report.ok or report.identical != report.blocks:
        raise AssertionError("the replay does not come out as it is on record")
    return report.exchanges
