"""Opening: only one's own ledger, under one's own keys, and only if it is whole."""

from __future__ import annotations

import shutil
import sqlite3
import stat
from pathlib import Path

import pytest

from hub.core.errors import LedgerError, SettingsError
from hub.ledger.checkpoint import VerifierKey
from hub.ledger.keys import KEK_KEY, LOG_KEY, PSEUDONYM_KEY, open_keys
from hub.ledger.open import PUBLIC_KEY, open_ledger
from hub.ledger.schema import connect
from tests.support.ledgers import ORIGIN, a_ledger, an_entry, verified


async def written(folder: Path, count: int = 3) -> None:
    """A closed ledger with some records."""
    async with a_ledger(folder) as ledger:
        for _ in range(count):
            await ledger.append([an_entry()])


async def test_a_new_ledger_makes_its_keys_and_publishes_one(tmp_path: Path) -> None:
    """The first opening leaves everything that an auditor needs, and nothing open to others."""
    await written(tmp_path)
    key = VerifierKey.parse((tmp_path / "keys" / PUBLIC_KEY).read_text())
    assert key.name == ORIGIN
    assert key.public == open_keys(tmp_path / "keys").log_public
    assert stat.S_IMODE((tmp_path / "ledger.db").stat().st_mode) == 0o600
    assert verified(tmp_path).records == 3


@pytest.mark.parametrize("name", [LOG_KEY, KEK_KEY, PSEUDONYM_KEY])
async def test_an_old_ledger_does_not_get_new_keys(tmp_path: Path, name: str) -> None:
    """A lost key is an operator's matter: a fresh one would hide the loss."""
    await written(tmp_path)
    (tmp_path / "keys" / name).unlink()
    with pytest.raises(SettingsError, match=name):
        open_ledger(tmp_path / "ledger.db", tmp_path / "keys", origin=ORIGIN)


@pytest.mark.parametrize("name", [LOG_KEY, PSEUDONYM_KEY])
async def test_a_ledger_of_other_keys_is_refused(tmp_path: Path, name: str) -> None:
    """A swapped key would sign another log, or give everybody a second pseudonym."""
    await written(tmp_path)
    await written(tmp_path / "other")
    shutil.copy(tmp_path / "other" / "keys" / name, tmp_path / "keys" / name)
    (tmp_path / "keys" / PUBLIC_KEY).unlink()
    with pytest.raises(LedgerError, match="another"):
        open_ledger(tmp_path / "ledger.db", tmp_path / "keys", origin=ORIGIN)


async def test_a_public_key_that_is_not_ours_is_refused(tmp_path: Path) -> None:
    """Auditors would verify against what stands in that file."""
    await written(tmp_path)
    await written(tmp_path / "other")
    shutil.copy(tmp_path / "other" / "keys" / PUBLIC_KEY, tmp_path / "keys" / PUBLIC_KEY)
    with pytest.raises(LedgerError, match=PUBLIC_KEY):
        open_ledger(tmp_path / "ledger.db", tmp_path / "keys", origin=ORIGIN)


async def test_a_log_is_not_begun_twice(tmp_path: Path) -> None:
    """Where the key has signed a log and its file is gone, a second history is not begun."""
    await written(tmp_path)
    (tmp_path / "ledger.db").unlink()
    with pytest.raises(LedgerError, match="not here"):
        open_ledger(tmp_path / "ledger.db", tmp_path / "keys", origin=ORIGIN)
    assert not (tmp_path / "ledger.db").exists()


async def test_a_ledger_of_another_origin_is_refused(tmp_path: Path) -> None:
    """A log has one name for ever."""
    await written(tmp_path)
    (tmp_path / "keys" / PUBLIC_KEY).unlink()
    with pytest.raises(LedgerError, match="another"):
        open_ledger(tmp_path / "ledger.db", tmp_path / "keys", origin="elsewhere.test/ledger")


CONTRADICTIONS = {
    "truncated": "DELETE FROM leaf WHERE idx = 2",
    "another node": "UPDATE node SET hash = zeroblob(32) WHERE level = 1",
    "no nodes": "DELETE FROM node",
    "another head": "UPDATE checkpoint SET note = replace(note, 'hub', 'bub')",
}


@pytest.mark.parametrize("change", CONTRADICTIONS.values(), ids=CONTRADICTIONS)
async def test_a_tree_that_contradicts_its_last_head_is_not_written_on(
    tmp_path: Path, change: str
) -> None:
    """A log never signs two histories: what contradicts its checkpoint is refused."""
    await written(tmp_path)
    db = sqlite3.connect(tmp_path / "ledger.db")
    db.execute(change)
    db.commit()
    db.close()
    with pytest.raises(LedgerError):
        open_ledger(tmp_path / "ledger.db", tmp_path / "keys", origin=ORIGIN)


def test_a_file_that_is_no_ledger_is_refused(tmp_path: Path) -> None:
    """Foreign files are neither read nor overwritten."""
    open_keys(tmp_path / "keys")
    foreign = tmp_path / "ledger.db"
    foreign.write_bytes(b"not a database at all, but long enough to be one" * 100)
    before = foreign.read_bytes()
    with pytest.raises(LedgerError):
        open_ledger(foreign, tmp_path / "keys", origin=ORIGIN)
    assert foreign.read_bytes() == before


def test_another_database_is_refused(tmp_path: Path) -> None:
    """A database with other tables is not turned into a ledger."""
    open_keys(tmp_path / "keys")
    db = sqlite3.connect(tmp_path / "ledger.db")
    db.execute("CREATE TABLE mine (x)")
    db.close()
    with pytest.raises(LedgerError):
        open_ledger(tmp_path / "ledger.db", tmp_path / "keys", origin=ORIGIN)


async def test_a_store_that_cannot_promise_durability_is_refused(tmp_path: Path) -> None:
    """Where SQLite refuses the write-ahead log, the hub does not pretend."""

    def in_memory(_path: Path) -> sqlite3.Connection:
        return connect(Path(":memory:"))

    with pytest.raises(LedgerError, match="durable"):
        open_ledger(tmp_path / "ledger.db", tmp_path / "keys", origin=ORIGIN, opener=in_memory)


async def test_whoever_holds_the_keys_may_stand_elsewhere(tmp_path: Path) -> None:
    """Instead of a folder, anything that keeps the promises of Keys will do."""
    keys = open_keys(tmp_path / "safe")
    ledger = open_ledger(tmp_path / "ledger.db", keys, origin=ORIGIN, publish_every_s=0)
    entry = an_entry()
    await ledger.append([entry])
    assert await ledger.payload("access", entry.id) == entry.payload
    await ledger.close()


@pytest.mark.parametrize("origin", ["", "a b", "a+b"])
def test_an_origin_that_breaks_notes_is_refused(tmp_path: Path, origin: str) -> None:
    """The origin is a line of every checkpoint."""
    with pytest.raises(LedgerError, match="name"):
        open_ledger(tmp_path / "ledger.db", tmp_path / "keys", origin=origin)
