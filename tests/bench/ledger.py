"""Durable appends: alone, and when a hundred callers share a commit."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from hub.core.document import parse_document
from hub.core.moment import new_id, utc_now
from hub.ledger.open import open_ledger
from hub.ledger.store import Entry, Ledger
from hub.ledger.verify import verify_ledger

PAYLOAD = bytes(range(256)) * 20
"""5 KB, as an exchange; compresses better than a real one."""


def measure(folder: Path) -> list[tuple[str, str, str]]:
    """Appends per second, CPU per append, verification."""
    return asyncio.run(_measure(folder))


async def _measure(folder: Path) -> list[tuple[str, str, str]]:
    ledger = open_ledger(folder / "ledger.db", folder / "keys", origin="bench.invalid/ledger")
    alone, _ = await _appends(ledger, 400, 1)
    shared, cpu = await _appends(ledger, 20_000, 100)
    await ledger.close()
    key = (folder / "keys" / "log.pub").read_text("ascii")
    began = time.perf_counter()
    report = verify_ledger(folder / "ledger.db", key)
    verified = report.records / (time.perf_counter() - began)
    assert report.ok, report.findings
    return [
        ("durable sealed appends of 5 KB, one caller", f"{alone:,.0f}/s", ""),
        ("durable sealed appends of 5 KB, 100 callers", f"{shared:,.0f}/s", ""),
        ("CPU of one append, 100 callers", f"{cpu:.0f} µs", "aim ≤ 50 (two make an exchange)"),
        ("verification, payload digests included", f"{verified:,.0f}/s", "aim ≥ 200,000/s"),
    ]


async def _appends(ledger: Ledger, count: int, callers: int) -> tuple[float, float]:
    """Appends per second, and CPU microseconds of each."""
    subject = parse_document("99000002K")

    async def caller() -> None:
        for _ in range(count // callers):
            await ledger.append(
                [
                    Entry(
                        kind="sent",
                        id=new_id(),
                        at=utc_now(),
                        header={"source": "bench", "operation": "read"},
                        subject=subject,
                        retention="citizen",
                        payload=PAYLOAD,
                    )
                ]
            )

    began, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(caller() for _ in range(callers)))
    elapsed, used = time.perf_counter() - began, time.process_time() - cpu
    return count / elapsed, used / count * 1e6
