"""A thousand seeded corruptions of a ledger: the verifier finds and names every one."""

# ruff: noqa: S608 - the statements are the test's own

from __future__ import annotations

import asyncio
import datetime as dt
import json
import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hub.core.document import check_letter, parse_document
from hub.ledger.checkpoint import VerifierKey, sign_checkpoint
from hub.ledger.keys import FileKeys, open_keys
from hub.ledger.merkle import grow, leaf_hash, root_of
from hub.ledger.recorder import entry_of
from tests.support.builders import NOW
from tests.support.ledgers import ORIGIN, a_ledger, a_sent, an_entry, its_outcome, verified

SUBJECTS = [parse_document(f"{n}{check_letter(n)}") for n in (99000001, 99000002, 99000003)]


async def write(folder: Path, steps: int) -> list[str]:
    """Records of every kind about three people, over minutes, under several checkpoints; their
    notes.
    """
    dice, notes = random.Random(7), []
    async with a_ledger(folder) as ledger:
        for step in range(steps):
            subject = dice.choice(SUBJECTS)
            at = NOW + dt.timedelta(seconds=10 * step)
            sent = a_sent(subject=subject, at=at)
            await ledger.append([an_entry(subject=subject, retention=dice.choice("ab"), at=at)])
            await ledger.append([entry_of(sent)])
            answer = an_entry("answer", decoded=b"{}", at=at)
            await ledger.append([entry_of(its_outcome(sent, at=at)), answer])
            if step % 3 == 2:
                notes.append((await ledger.checkpoint()).note)
        await ledger.append([entry_of(a_sent(at=at))])
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
    return f"record {index}"


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


def cut(db: sqlite3.Connection, size: int) -> None:
    """Take back, in every table, what came after *size*, so that nothing inside shows it."""
    db.execute("DELETE FROM leaf WHERE idx >= ?", (size,))
    db.execute("DELETE FROM sealed WHERE idx >= ?", (size,))
    db.execute("DELETE FROM node WHERE ((idx + 1) << level) > ?", (size,))
    db.execute("DELETE FROM checkpoint WHERE size > ?", (size,))
    db.execute("DELETE FROM open_exchange")
    answered = "SELECT id FROM leaf WHERE kind = 'outcome'"
    db.execute(
        "INSERT INTO open_exchange SELECT id, idx FROM leaf"
        f" WHERE kind = 'sent' AND id NOT IN ({answered})"
    )


def unrecorded_keys(db: sqlite3.Connection) -> None:
    """Forget the data keys that no record that is left has made."""
    named = "SELECT json_extract(CAST(header AS TEXT), '$.key') FROM leaf"
    db.execute(
        f"DELETE FROM data_key WHERE id NOT IN ({named} WHERE CAST(header AS TEXT) LIKE '%key_digest%')"
    )


def truncate(db: sqlite3.Connection, dice: random.Random) -> str:
    cut(db, dice.randrange(1, 50))
    unrecorded_keys(db)
    return "outside checkpoint 1"


def roll_back(db: sqlite3.Connection, dice: random.Random) -> str:
    """An earlier state that the log really had: that of one of its checkpoints."""
    sizes = db.execute("SELECT size FROM checkpoint ORDER BY size").fetchall()
    cut(db, dice.choice(sizes[:-2])[0])
    unrecorded_keys(db)
    return "outside checkpoint 1"


def regrown(db: sqlite3.Connection) -> tuple[int, bytes]:
    """Grow the tree anew from the records; its size and root."""
    leaves = [leaf_hash(row[0]) for row in db.execute("SELECT header FROM leaf ORDER BY idx")]
    stack: list[bytes] = []
    db.execute("DELETE FROM node")
    db.executemany("INSERT INTO node VALUES (?, ?, ?)", grow(0, stack, leaves))
    return len(leaves), root_of(stack)


def resigned(db: sqlite3.Connection, keys: FileKeys) -> None:
    """Grow the tree anew from the records, and sign its head: what only the key's holder can."""
    log = VerifierKey(ORIGIN, keys.log_public)
    size, root = regrown(db)
    db.execute("DELETE FROM checkpoint")
    note = sign_checkpoint(log, size, root, keys.sign).note
    db.execute("INSERT INTO checkpoint VALUES (1, ?, 0, ?)", (size, note))


def rewritten(db: sqlite3.Connection, dice: random.Random) -> None:
    """Another moment in one record's header, in its canonical form."""
    index = dice.randrange(50)
    raw = db.execute("SELECT header FROM leaf WHERE idx = ?", (index,)).fetchone()[0]
    header = json.loads(raw)
    header["at"] += 1 + dice.randrange(1000)
    new = rfc8785.dumps(header)
    db.execute("UPDATE leaf SET header = ? WHERE idx = ?", (new, index))


def fork(db: sqlite3.Connection, dice: random.Random) -> str:
    """Another history, whole and signed with the log's own key."""
    rewritten(db, dice)
    db.commit()
    folder = Path(db.execute("PRAGMA database_list").fetchone()[2]).parent
    resigned(db, open_keys(folder / "keys", create=False))
    return "outside checkpoint 1"


def foreign_key(db: sqlite3.Connection, dice: random.Random) -> str:
    """Another history, whole and signed with a key that is not the log's."""
    rewritten(db, dice)
    resigned(db, FileKeys(Ed25519PrivateKey.generate(), bytes(32), bytes(32)))
    return "checkpoint 1"


def unsign(db: sqlite3.Connection, dice: random.Random) -> str:
    """Another history, whole, by somebody without any key: only signatures can go."""
    rewritten(db, dice)
    regrown(db)
    db.execute("DELETE FROM checkpoint WHERE seq > ?", (dice.randrange(2),))
    return "records from 0 on"


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
    roll_back,
    fork,
    foreign_key,
    unsign,
]
WITHOUT_TRACE = [truncate, roll_back, fork]
"""What nothing inside the file shows; a checkpoint kept elsewhere does."""
SEEDS, PER_TEST = 1000, 20


def corrupted(original: Path, folder: Path, seed: int) -> tuple[Corrupt, str]:
    """A copy of the ledger, corrupted by *seed*: how, and the place to be named."""
    (folder / "ledger.db").unlink(missing_ok=True)
    shutil.copy(original / "ledger.db", folder)
    shutil.copytree(original / "keys", folder / "keys", dirs_exist_ok=True)
    corrupt = CORRUPTIONS[seed % len(CORRUPTIONS)]
    with closing(sqlite3.connect(folder / "ledger.db")) as db:
        db.execute("PRAGMA synchronous=OFF")
        place = corrupt(db, random.Random(seed))
        db.commit()
    return corrupt, place


@pytest.mark.parametrize("first", range(0, SEEDS, PER_TEST))
def test_a_corruption_is_found_and_named(
    original: tuple[Path, str], tmp_path: Path, first: int
) -> None:
    """Whatever is flipped, dropped, swapped, inserted, cut off, rolled back, forked or signed
    by a stranger, the verifier names the place.
    """
    folder, note = original
    for seed in range(first, first + PER_TEST):
        corrupt, place = corrupted(folder, tmp_path, seed)
        findings = verified(tmp_path, note).findings
        named = any(finding.place.startswith(place) for finding in findings)
        assert named, (seed, corrupt.__name__, place, findings)
        if corrupt in WITHOUT_TRACE:
            assert verified(tmp_path).findings == [], (seed, corrupt.__name__)


def test_the_original_has_no_findings(original: tuple[Path, str], tmp_path: Path) -> None:
    """What is found in the copies was not there before."""
    folder, note = original
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    assert verified(tmp_path, note).findings == []


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
    for corrupt in dice.sample(CORRUPTIONS[:13], 2):
        corrupt(db, dice)
    db.commit()
    db.close()
    assert verified(tmp_path, note).findings
