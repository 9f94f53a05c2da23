"""Search: what fits everything that is asked for, newest first, and nothing else."""

from __future__ import annotations

import asyncio
import datetime as dt
import random
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from hub.core.document import check_letter, parse_document
from hub.core.errors import LedgerError
from hub.ledger import index
from hub.ledger.find import cursor_before, cursor_index
from hub.ledger.index import STEP, index_path
from hub.ledger.open import open_ledger
from hub.ledger.recorder import entry_of
from hub.ledger.sqlite import SqliteLedger
from hub.ledger.store import Entry, Record, Search
from tests.support.builders import NOW
from tests.support.ledgers import ORIGIN, SUBJECT, a_ledger, a_sent, an_entry, its_outcome, verified

HOUR = dt.timedelta(hours=1)
OTHER, MEMBER, OFFICIAL = (
    parse_document(f"{n}{check_letter(n)}") for n in (99000021, 99000022, 99000023)
)
CASE = "EI/2026/000123"


async def all_of(ledger: SqliteLedger, query: Search, limit: int = 1000) -> list[Record]:
    """Every page of *query*."""
    records: list[Record] = []
    cursor = None
    while True:
        page = await ledger.search(query, limit=limit, cursor=cursor)
        assert len(page.items) <= limit
        records += page.items
        cursor = page.cursor
        if cursor is None:
            return records


async def told(ledger: SqliteLedger) -> None:
    """An access of an official, two exchanges under it, and one of another person alone."""
    access = an_entry(
        id="A1",
        header={"access": "A1", "purpose": "nursery_admission", "unit": "U7"},
        official=OFFICIAL,
        case_file=CASE,
    )
    good, bad, own = a_sent(), a_sent(source="civis", operation="cases"), a_sent(subject=OTHER)
    entries = [entry_of(good), entry_of(its_outcome(good)), entry_of(bad)]
    entries.append(entry_of(its_outcome(bad, status=None, message=None, error="timeout")))
    for number, entry in enumerate(entries):
        entry.header["access"] = "A1"  # type: ignore[index]
        assert number < 4
    await ledger.append([access, *entries])
    await ledger.append([entry_of(own)])
    await ledger.append(
        [
            an_entry("answer", id="B1", subject=OTHER, others=[MEMBER, SUBJECT], at=NOW + 3 * HOUR),
            an_entry("security", id="S1", header={"reason": "signature", "source": "civis"}),
        ]
    )


CASES: dict[str, tuple[dict[str, Any], list[int]]] = {
    "everything": ({}, [7, 6, 5, 4, 3, 2, 1, 0]),
    "a subject, and where they are one of the others": (
        {"subject": SUBJECT},
        [7, 6, 4, 3, 2, 1, 0],
    ),
    "a member of a household": ({"subject": MEMBER}, [6]),
    "an official, with what was asked under their access": (
        {"official": OFFICIAL},
        [4, 3, 2, 1, 0],
    ),
    "an official is not found as a subject": ({"subject": OFFICIAL}, []),
    "a subject is not found as an official": ({"official": SUBJECT}, []),
    "a case file, however it is spaced": ({"case_file": f" {CASE} "}, [4, 3, 2, 1, 0]),
    "another case file": ({"case_file": "EI/2026/000124"}, []),
    "a purpose": ({"purpose": "nursery_admission"}, [4, 3, 2, 1, 0]),
    "a unit": ({"unit": "U7"}, [4, 3, 2, 1, 0]),
    "an access": ({"access": "A1"}, [4, 3, 2, 1, 0]),
    "a kind": ({"kind": "outcome"}, [4, 2]),
    "a source": ({"source": "civis"}, [7, 4, 3]),
    "an operation": ({"operation": "cases"}, [4, 3]),
    "an error": ({"error": "timeout"}, [4]),
    "no error": ({"error": "none"}, [2]),
    "a security reason": ({"security": "signature"}, [7]),
    "combined": ({"official": OFFICIAL, "source": "civis", "kind": "sent"}, [3]),
    "combined, and nothing is both": ({"error": "timeout", "source": "padron"}, []),
    "a period": ({"since": NOW + HOUR, "until": NOW + 4 * HOUR}, [6]),
    "a period ends before its end": ({"since": NOW + HOUR, "until": NOW + 3 * HOUR}, []),
    "a period begins with its beginning": ({"since": NOW + 3 * HOUR}, [6]),
    "a period and a subject": ({"subject": OTHER, "until": NOW + HOUR}, [5]),
    "a period without records": ({"since": NOW + 100 * HOUR}, []),
    "an open beginning": ({"until": NOW}, []),
}


@pytest.mark.parametrize(("asked", "due"), CASES.values(), ids=CASES)
async def test_a_search_finds_what_fits_newest_first(
    tmp_path: Path, asked: dict[str, Any], due: list[int]
) -> None:
    """A record is found exactly when it fits every part of the question."""
    async with a_ledger(tmp_path) as ledger:
        await told(ledger)
        found = await all_of(ledger, Search(**asked))
        assert [record.index for record in found] == due
        assert all(record.payload is None for record in found)
        assert [record.index for record in await all_of(ledger, Search(**asked), limit=1)] == due


async def test_pages_stay_as_they_were_while_the_log_grows(tmp_path: Path) -> None:
    """What is appended between two pages neither repeats nor hides a record."""
    async with a_ledger(tmp_path) as ledger:
        await ledger.append([an_entry() for _ in range(5)])
        first = await ledger.search(Search(subject=SUBJECT), limit=2)
        await ledger.append([an_entry() for _ in range(5)])
        second = await ledger.search(Search(subject=SUBJECT), limit=3, cursor=first.cursor)
        assert [record.index for record in (*first.items, *second.items)] == [4, 3, 2, 1, 0]
        assert second.cursor is None


@pytest.mark.parametrize("limit", [0, -1, 1001])
async def test_a_page_without_bounds_is_refused(tmp_path: Path, limit: int) -> None:
    """A page has between one and a thousand records."""
    async with a_ledger(tmp_path) as ledger:
        with pytest.raises(LedgerError, match="a page has 1 to 1000 records"):
            await ledger.search(Search(), limit=limit)


@pytest.mark.parametrize(
    "cursor", ["", "12", "YmVmb3JlIC0x", "YmVmb3JlIDAx", "é", "YmVmb3JlIDE=", "\n"]
)
async def test_a_cursor_that_no_page_gave_is_refused(tmp_path: Path, cursor: str) -> None:
    """Nothing is guessed from a cursor that was made up."""
    async with a_ledger(tmp_path) as ledger:
        await ledger.append([an_entry()])
        with pytest.raises(LedgerError, match="no page gave this cursor"):
            await ledger.search(Search(), cursor=cursor)
    assert cursor_index(cursor_before(17)) == 17


async def test_a_moment_without_zone_is_refused(tmp_path: Path) -> None:
    """A period whose hours could be anybody's is not searched for."""
    async with a_ledger(tmp_path) as ledger:
        with pytest.raises(LedgerError, match="without time zone"):
            await ledger.search(Search(since=NOW.replace(tzinfo=None)))


async def test_a_deleted_index_is_filled_again(tmp_path: Path) -> None:
    """The index is derived: without its file the same records are found."""
    async with a_ledger(tmp_path) as ledger:
        await told(ledger)
        before = [record.index for record in await all_of(ledger, Search(official=OFFICIAL))]
    index_path(tmp_path / "ledger.db").unlink()
    async with a_ledger(tmp_path) as ledger:
        assert [r.index for r in await all_of(ledger, Search(official=OFFICIAL))] == before != []


@pytest.mark.parametrize("damage", ["garbage", "another format"])
async def test_a_damaged_index_is_begun_anew(tmp_path: Path, damage: str) -> None:
    """A file that is no index of this format costs time, never a record."""
    async with a_ledger(tmp_path) as ledger:
        await told(ledger)
        await all_of(ledger, Search())
    file = index_path(tmp_path / "ledger.db")
    if damage == "garbage":
        file.write_bytes(random.Random(1).randbytes(9000))
    else:
        db = sqlite3.connect(file)
        db.execute("PRAGMA user_version=77")
        db.close()
    async with a_ledger(tmp_path) as ledger:
        assert len(await all_of(ledger, Search(official=OFFICIAL))) == 5


async def test_an_index_that_somebody_holds_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not damaged: the search fails for now, and finds everything afterwards."""
    monkeypatch.setattr(index, "BUSY_MS", 1)
    file = index_path(tmp_path / "ledger.db")
    async with a_ledger(tmp_path) as ledger:
        await told(ledger)
        due = len(await all_of(ledger, Search(official=OFFICIAL)))
    before = file.stat().st_ino
    async with a_ledger(tmp_path) as ledger:
        with closing(sqlite3.connect(file, isolation_level=None)) as holder:
            holder.execute("BEGIN IMMEDIATE")
            with pytest.raises(LedgerError, match="locked"):
                await ledger.search(Search(official=OFFICIAL))
        assert len(await all_of(ledger, Search(official=OFFICIAL))) == due == 5
    assert file.stat().st_ino == before


async def test_an_index_of_another_tree_is_begun_anew(tmp_path: Path) -> None:
    """After a restore the index of the later log does not answer for the earlier one."""
    old, new = tmp_path / "old", tmp_path / "new"
    async with a_ledger(old) as ledger:
        await ledger.append([an_entry()])
    shutil.copytree(old, new)
    async with a_ledger(old) as ledger:
        await ledger.append([an_entry("answer")] * 1)
        assert len(await all_of(ledger, Search(kind="answer"))) == 1
    shutil.copy(index_path(old / "ledger.db"), index_path(new / "ledger.db"))
    async with a_ledger(new) as ledger:
        await ledger.append([an_entry("denial"), an_entry("denial")])
        assert await all_of(ledger, Search(kind="answer")) == []
        assert len(await all_of(ledger, Search(kind="denial"))) == 2


async def test_a_search_sees_what_another_process_wrote(tmp_path: Path) -> None:
    """Two who write and search side by side find each other's records."""
    async with a_ledger(tmp_path) as one, a_ledger(tmp_path) as two:
        for _ in range(3):
            await one.append([an_entry()])
            await two.append([an_entry("answer")])
            assert len(await all_of(one, Search())) == len(await all_of(two, Search()))
        assert len(await all_of(one, Search(kind="answer"))) == 3


async def test_a_list_model_finds_the_same(tmp_path: Path) -> None:
    """Over more records than one step holds, the index and a plain list agree."""
    dice = random.Random(3)
    kinds, sources = ["access", "answer", "denial"], ["one", "two", "three"]
    async with a_ledger(tmp_path) as ledger:
        model: list[Entry] = []
        while len(model) <= STEP:
            batch = [
                an_entry(
                    dice.choice(kinds),  # type: ignore[arg-type]
                    subject=dice.choice([SUBJECT, OTHER]),
                    header={"source": dice.choice(sources)},
                    at=NOW + dt.timedelta(minutes=dice.randrange(600)),
                    payload=None,
                )
                for _ in range(500)
            ]
            await ledger.append(batch)
            model += batch
        for _ in range(20):
            kind, source = dice.choice(kinds), dice.choice(sources)
            since = NOW + dt.timedelta(minutes=dice.randrange(600))
            due = [
                index
                for index, entry in enumerate(model)
                if (entry.kind, entry.header["source"]) == (kind, source)
                and entry.at >= since
                and entry.subject == OTHER
            ]
            query = Search(kind=kind, source=source, since=since, subject=OTHER)  # type: ignore[arg-type]
            assert [r.index for r in await all_of(ledger, query, 100)] == due[::-1]


async def test_an_altered_leaf_is_refused_when_found(tmp_path: Path) -> None:
    """The index leads to records, and each is held against the tree before it is given."""
    async with a_ledger(tmp_path) as ledger:
        await told(ledger)
        await all_of(ledger, Search())
    db = sqlite3.connect(tmp_path / "ledger.db")
    raw = db.execute("SELECT header FROM leaf WHERE idx = 0").fetchone()[0]
    db.execute("UPDATE leaf SET header = ? WHERE idx = 0", (raw.replace(b"U7", b"U8"),))
    db.commit()
    db.close()
    async with a_ledger(tmp_path) as ledger:
        with pytest.raises(LedgerError, match="record 0 was altered"):
            await ledger.search(Search(unit="U7", kind="access"))


def written(folder: Path) -> bytes:
    """Everything that stands in the ledger's files, its index included."""
    return b"".join(file.read_bytes() for file in folder.glob("ledger.db*"))


async def test_neither_official_nor_case_file_stands_in_clear(tmp_path: Path) -> None:
    """A leaf holds 64 digits for each, and no document and no case number."""
    async with a_ledger(tmp_path) as ledger:
        await told(ledger)
        await all_of(ledger, Search(official=OFFICIAL))
        leaf = (await ledger.records(0))[0].leaf.decode()
    assert CASE not in leaf
    raw = written(tmp_path)
    for text in (CASE, OFFICIAL.number, MEMBER.number):
        assert text.encode() not in raw
    assert verified(tmp_path).findings == []


def indexed(folder: Path) -> int:
    """How many records stand in the index file, whoever has it open."""
    file = index_path(folder / "ledger.db")
    if not file.exists():
        return 0
    with closing(sqlite3.connect(file)) as db:
        try:
            return int(db.execute("SELECT count(*) FROM moment").fetchone()[0])
        except sqlite3.OperationalError:
            return 0  # its tables are being made


async def test_the_index_is_kept_up_without_a_search(tmp_path: Path) -> None:
    """In the background the index follows the log, so that the first search need not wait."""
    ledger = open_ledger(
        tmp_path / "ledger.db", tmp_path / "keys", origin=ORIGIN, index_every_s=0.01
    )
    try:
        await ledger.append([an_entry() for _ in range(10)])
        async with asyncio.timeout(10):
            while indexed(tmp_path) < 10:  # noqa: ASYNC110 - the indexer is a thread
                await asyncio.sleep(0.01)
    finally:
        await ledger.close()
