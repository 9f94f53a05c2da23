"""Two hundred seeded corruptions of a ledger: the verifier finds and names every one."""

# ruff: noqa: S608 - the statements are the test's own

from __future__ import annotations

import asyncio
import random
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from hub.core.document import check_letter, parse_document
from hub.ledger.recorder import entry_of
from tests.support.ledgers import a_ledger, a_sent, an_entry, its_outcome, verified

SUBJECTS = [parse_document(f"{n}{check_letter(n)}") for n in (99000001, 99000002, 99000003)]


async def write(folder: Path, steps: int) -> list[str]:
    """Records of every kind about three people, under several checkpoints; their notes."""
    dice, notes = random.Random(7), []
    async with a_ledger(folder) as ledger:
        for step in range(steps):
            subject = dice.choice(SUBJECTS)
            sent = a_sent(subject=subject)
            await ledger.append([an_entry(subject=subject, retention=dice.choice("ab"))])
            await ledger.append([entry_of(sent)])
            await ledger.append([entry_of(its_outcome(sent)), an_entry("answer", decoded=b"{}")])
            if step % 3 == 2:
                notes.append((await ledger.checkpoint()).note)
        await ledger.append([entry_of(a_sent())])
    return notes


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A closed ledger, and a checkpoint of it that was kept elsewhere."""
    folder = tmp_path_factory.mktemp("original")
    return folder, asyncio.run(write(folder, 15))[-1]


def flipped(db: sqlite3.Connection, dice: random.Random, table: str, column: str, key: str) -> None:
    """One bit of one value of one row."""
    rows = db.execute(f"SELECT {key}, {column} FROM {table}").fetchall()
    *place, value = dice.choice(rows)
    raw = bytearray(value if isinstance(value, bytes) else value.encode())
    raw[dice.randrange(len(raw))] ^= 1 << dice.randrange(7)
    new: bytes | str = bytes(raw) if isinstance(value, bytes) else raw.decode("utf-8", "replace")
    where = " AND ".join(f"{name.strip()} = ?" for name in key.split(","))
    db.execute(f"UPDATE {table} SET {column} = ? WHERE {where}", (new, *place))


def a_record(db: sqlite3.Connection, dice: random.Random, table: str = "leaf") -> int:
    """The index of some row."""
    return int(dice.choice(db.execute(f"SELECT idx FROM {table}").fetchall())[0])


Corrupt = Callable[[sqlite3.Connection, random.Random], str]


def flip_header(db: sqlite3.Connection, dice: random.Random) -> str:
    index = a_record(db, dice)
    raw = bytearray(db.execute("SELECT header FROM leaf WHERE idx = ?", (index,)).fetchone()[0])
    raw[dice.randrange(len(raw))] ^= 1 << dice.randrange(8)
    db.execute("UPDATE leaf SET header = ? WHERE idx = ?", (bytes(raw), index))
    return f"record {index} "


def flip_payload(db: sqlite3.Connection, dice: random.Random) -> str:
    index = a_record(db, dice, "sealed")
    raw = bytearray(db.execute("SELECT data FROM sealed WHERE idx = ?", (index,)).fetchone()[0])
    raw[dice.randrange(len(raw))] ^= 1 << dice.randrange(8)
    db.execute("UPDATE sealed SET data = ? WHERE idx = ?", (bytes(raw), index))
    return f"record {index} "


def flip_node(db: sqlite3.Connection, dice: random.Random) -> str:
    level, index, value = dice.choice(db.execute("SELECT * FROM node").fetchall())
    raw = bytearray(value)
    raw[dice.randrange(32)] ^= 1 << dice.randrange(8)
    where = (bytes(raw), level, index)
    db.execute("UPDATE node SET hash = ? WHERE level = ? AND idx = ?", where)
    return f"tree node {level}/{index} " if level else f"record {index} "


def flip_checkpoint(db: sqlite3.Connection, dice: random.Random) -> str:
    flipped(db, dice, "checkpoint", "note", "seq")
    return "checkpoint "


def flip_key(db: sqlite3.Connection, dice: random.Random) -> str:
    flipped(db, dice, "data_key", dice.choice(["wrapped", "subject", "wrapping"]), "id")
    return "record "


def drop_record(db: sqlite3.Connection, dice: random.Random) -> str:
    index = a_record(db, dice)
    db.execute("DELETE FROM leaf WHERE idx = ?", (index,))
    last = db.execute("SELECT max(idx) FROM leaf").fetchone()[0]
    return f"record {index}" if index < last else f"tree node 0/{index}"


def drop_payload(db: sqlite3.Connection, dice: random.Random) -> str:
    index = a_record(db, dice, "sealed")
    db.execute("DELETE FROM sealed WHERE idx = ?", (index,))
    return f"record {index} "


def drop_node(db: sqlite3.Connection, dice: random.Random) -> str:
    level, index, _ = dice.choice(db.execute("SELECT * FROM node").fetchall())
    db.execute("DELETE FROM node WHERE level = ? AND idx = ?", (level, index))
    return f"tree node {level}/{index} " if level else f"record {index} "


def drop_key(db: sqlite3.Connection, dice: random.Random) -> str:
    (key_id,) = dice.choice(db.execute("SELECT id FROM data_key").fetchall())
    db.execute("DELETE FROM data_key WHERE id = ?", (key_id,))
    return "record "


def drop_checkpoint(db: sqlite3.Connection, dice: random.Random) -> str:
    last = db.execute("SELECT max(seq) FROM checkpoint").fetchone()[0]
    db.execute("DELETE FROM checkpoint WHERE seq = ?", (dice.randrange(1, last),))
    return "checkpoint "


def swap_records(db: sqlite3.Connection, dice: random.Random) -> str:
    total = db.execute("SELECT count(*) FROM leaf").fetchone()[0]
    one, two = dice.sample(range(total), 2)
    for old, new in ((one, -1), (two, one), (-1, two)):
        db.execute("UPDATE leaf SET idx = ? WHERE idx = ?", (new, old))
    return f"record {one} "


def swap_payloads(db: sqlite3.Connection, dice: random.Random) -> str:
    (one, first), (two, second) = dice.sample(db.execute("SELECT * FROM sealed").fetchall(), 2)
    db.execute("UPDATE sealed SET data = ? WHERE idx = ?", (second, one))
    db.execute("UPDATE sealed SET data = ? WHERE idx = ?", (first, two))
    return f"record {two} "


def insert_record(db: sqlite3.Connection, dice: random.Random) -> str:
    total = db.execute("SELECT count(*) FROM leaf").fetchone()[0]
    index = dice.randrange(total + 1)
    header = db.execute("SELECT header FROM leaf WHERE idx = 0").fetchone()[0]
    db.execute("UPDATE leaf SET idx = -2 - idx WHERE idx >= ?", (index,))
    db.execute("UPDATE leaf SET idx = -1 - idx WHERE idx < 0")
    db.execute("INSERT INTO leaf VALUES (?, 'access', 'forged', ?)", (index, header))
    return f"record {index} "


def truncate(db: sqlite3.Connection, dice: random.Random) -> str:
    """Cut back to a size, in every table, so that nothing inside shows it."""
    size = dice.randrange(1, 50)
    db.execute("DELETE FROM leaf WHERE idx >= ?", (size,))
    db.execute("DELETE FROM sealed WHERE idx >= ?", (size,))
    db.execute("DELETE FROM node WHERE ((idx + 1) << level) > ?", (size,))
    db.execute("DELETE FROM checkpoint WHERE size > ?", (size,))
    db.execute(
        "DELETE FROM open_exchange WHERE id NOT IN (SELECT id FROM leaf WHERE kind = 'sent')"
    )
    return "outside checkpoint 1"


CORRUPTIONS: list[Corrupt] = [
    flip_header,
    flip_payload,
    flip_node,
    flip_checkpoint,
    flip_key,
    drop_record,
    drop_payload,
    drop_node,
    drop_key,
    drop_checkpoint,
    swap_records,
    swap_payloads,
    insert_record,
    truncate,
]


@pytest.mark.parametrize("seed", range(200))
def test_a_corruption_is_found_and_named(
    original: tuple[Path, str], tmp_path: Path, seed: int
) -> None:
    """Whatever is flipped, dropped, swapped, inserted or cut off, the verifier names the place."""
    folder, note = original
    shutil.copy(folder / "ledger.db", tmp_path)
    shutil.copytree(folder / "keys", tmp_path / "keys")
    assert seed or verified(tmp_path, note).findings == []
    dice = random.Random(seed)
    db = sqlite3.connect(tmp_path / "ledger.db")
    place = CORRUPTIONS[seed % len(CORRUPTIONS)](db, dice)
    db.commit()
    db.close()
    findings = verified(tmp_path, note).findings
    assert any(finding.place.startswith(place) for finding in findings), (place, findings)


@pytest.mark.parametrize("seed", range(20))
def test_two_corruptions_at_once_are_found(
    original: tuple[Path, str], tmp_path: Path, seed: int
) -> None:
    """No corruption covers another one up so that both pass."""
    folder, note = original
    shutil.copy(folder / "ledger.db", tmp_path)
    shutil.copytree(folder / "keys", tmp_path / "keys")
    dice = random.Random(1000 + seed)
    db = sqlite3.connect(tmp_path / "ledger.db")
    for corrupt in dice.sample(CORRUPTIONS[:-1], 2):
        corrupt(db, dice)
    db.commit()
    db.close()
    assert verified(tmp_path, note).findings
