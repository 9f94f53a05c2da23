"""Search in a ledger of a million records that was generated for it."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import random
import time
from pathlib import Path
from typing import Any

from hub.core.document import Document, check_letter, parse_document
from hub.ledger.batch import Batch
from hub.ledger.checkpoint import VerifierKey
from hub.ledger.index import Index, index_path
from hub.ledger.keys import open_keys
from hub.ledger.open import open_ledger
from hub.ledger.schema import connect, open_reading
from hub.ledger.store import Entry, Ledger, Search
from tests.bench.timing import percentile

RECORDS = int(os.environ.get("HUB_BENCH_RECORDS", "1000000"))
BEGAN = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
SOURCES = ["alpha", "beta", "gamma", "delta", "epsilon"]
PURPOSES = ["self_service", "nursery_admission", "case_handling"]
ERRORS = [None] * 95 + ["timeout"] * 3 + ["connect_failed", "schema"]
PEOPLE, OFFICIALS, UNITS = 100_000, 2_000, 60


def measure(folder: Path) -> list[tuple[str, str, str]]:
    """Indexing per record, and p50 and p95 of mixed searches."""
    opened = open_ledger(folder / "ledger.db", folder / "keys", origin="bench.invalid/ledger")
    asyncio.run(opened.close())
    generate(folder, RECORDS)
    indexing = _index(folder)
    alone, combined = asyncio.run(_searches(folder))
    bound = "aim < 500 ms"
    return [
        (f"search index of {RECORDS:,} records, CPU per record", f"{indexing:.1f} µs", "deferred"),
        ("search by one thing, p50", f"{percentile(alone, 0.5):.1f} ms", bound),
        ("search by one thing, p95", f"{percentile(alone, 0.95):.1f} ms", bound),
        ("search by two to four things, p50", f"{percentile(combined, 0.5):.1f} ms", bound),
        ("search by two to four things, p95", f"{percentile(combined, 0.95):.1f} ms", bound),
        ("search, slowest of all", f"{max(alone + combined):.1f} ms", ""),
    ]


def person(number: int) -> Document:
    """A synthetic person."""
    return parse_document(f"{99_000_000 + number}{check_letter(99_000_000 + number)}")


def generate(folder: Path, records: int) -> None:
    """Accesses with eight exchanges and an answer each, as the hub writes them, unsealed."""
    dice, keys = random.Random(5), open_keys(folder / "keys", create=False)
    batch = Batch(keys, VerifierKey("bench.invalid/ledger", keys.log_public))
    db = connect(folder / "ledger.db")
    db.execute("PRAGMA synchronous=OFF")
    entries: list[Entry] = []
    written = number = 0
    while written < records:
        entries += _one_access(dice, number, BEGAN + dt.timedelta(seconds=number * 100))
        number += 1
        if len(entries) >= 5000 or written + len(entries) >= records:
            batch.append(db, entries)
            written += len(entries)
            entries = []
    batch.checkpoint(db, 0)
    db.close()


def _one_access(dice: random.Random, number: int, at: dt.datetime) -> list[Entry]:
    subject, id_ = person(dice.randrange(PEOPLE)), f"A{number}"
    official = person(PEOPLE + dice.randrange(OFFICIALS)) if dice.random() < 0.7 else None
    header: dict[str, Any] = {"access": id_, "purpose": dice.choice(PURPOSES)}
    unit = {"unit": f"U{dice.randrange(UNITS)}"} if official else {}
    made: dict[str, Any] = {"at": at, "subject": subject, "retention": "citizen"}
    case = f"EX/{number // 3}" if official else None
    own = {**made, "official": official, "case_file": case, "header": {**header, **unit}}
    entries = [Entry(kind="access", id=id_, **own)]
    for ordinal in range(8):
        source = dice.choice(SOURCES)
        asked = {"access": id_, "source": source, "operation": f"{source}_{ordinal % 2}"}
        error = dice.choice(ERRORS)
        name = f"E{number}-{ordinal}"
        entries.append(Entry(kind="sent", id=name, header=asked, **made))
        failed = {"error": error} if error else {"status": 200}
        entries.append(Entry(kind="outcome", id=name, header={**asked, **failed}, **made))
    return [*entries, Entry(kind="answer", id=f"B{number}", header=header, **made)]


def _index(folder: Path) -> float:
    ledger, index = open_reading(folder / "ledger.db"), Index(index_path(folder / "ledger.db"))
    began = time.process_time()
    index.catch_up(ledger)
    used = time.process_time() - began
    count = ledger.execute("SELECT count(*) FROM leaf").fetchone()[0]
    index.close()
    ledger.close()
    return used / int(count) * 1e6


def a_question(dice: random.Random, things: int, days: int) -> Search:
    """A search by *things* that an auditor asks for, chosen at random."""
    since = BEGAN + dt.timedelta(days=dice.randrange(max(days, 1)))
    choices: list[dict[str, Any]] = [
        {"subject": person(dice.randrange(PEOPLE))},
        {"official": person(PEOPLE + dice.randrange(OFFICIALS))},
        {"unit": f"U{dice.randrange(UNITS)}"},
        {"purpose": dice.choice(PURPOSES)},
        {"case_file": f"EX/{dice.randrange(RECORDS // 54)}"},
        {"source": dice.choice(SOURCES)},
        {"kind": dice.choice(["sent", "outcome", "answer", "access", "security"])},
        {"error": dice.choice(["none", "timeout", "connect_failed", "schema"])},
        {"since": since, "until": since + dt.timedelta(days=dice.choice([1, 7, 30]))},
    ]
    asked: dict[str, Any] = {}
    for part in dice.sample(choices, things):
        asked |= part
    return Search(**asked)


async def _searches(folder: Path) -> tuple[list[float], list[float]]:
    ledger = open_ledger(folder / "ledger.db", folder / "keys", origin="bench.invalid/ledger")
    dice = random.Random(8)
    days = RECORDS // 18 * 100 // 86_400
    try:
        await ledger.search(Search(kind="access"))
        alone = [await _timed(ledger, a_question(dice, 1, days)) for _ in range(300)]
        mixed = [
            await _timed(ledger, a_question(dice, dice.choice([2, 3, 4]), days)) for _ in range(600)
        ]
    finally:
        await ledger.close()
    return alone, mixed


async def _timed(ledger: Ledger, query: Search) -> float:
    began = time.perf_counter()
    await ledger.search(query, limit=50)
    return (time.perf_counter() - began) * 1000
