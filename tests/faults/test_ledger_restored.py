"""The restore drill: a good backup goes on, an old one is told by the copy kept outside."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from hub.ledger.delivery import Delivery, Folder
from tests.support.ledgers import a_ledger, an_entry, verified


def backed_up(folder: Path, to: Path) -> None:
    """A backup as the operator's guide has it: SQLite's own copy, also while the hub writes."""
    with (
        closing(sqlite3.connect(folder / "ledger.db")) as source,
        closing(sqlite3.connect(to)) as target,
    ):
        source.backup(target)


def outside(folder: Path) -> list[str]:
    """The checkpoints that lie outside."""
    return [file.read_text("utf-8") for file in sorted((folder / "share").iterdir())]


async def test_a_backup_of_a_live_ledger_verifies_to_the_same_root(tmp_path: Path) -> None:
    """Copied while the hub writes, restored under its keys: whole, and the log goes on."""
    (tmp_path / "share").mkdir()
    async with a_ledger(tmp_path, publish_every_s=0.01) as ledger:
        await ledger.append([an_entry(id="A"), an_entry(id="B")])
        await Delivery(ledger, [Folder(tmp_path / "share")], 60).once()
        backed_up(tmp_path, tmp_path / "backup.db")
        root = (await ledger.checkpoint()).root
    shutil.move(tmp_path / "backup.db", tmp_path / "ledger.db")
    for suffix in ("-wal", "-shm", "-search"):
        (tmp_path / f"ledger.db{suffix}").unlink(missing_ok=True)
    assert verified(tmp_path, *outside(tmp_path)).findings == []
    async with a_ledger(tmp_path) as ledger:
        assert (await ledger.checkpoint()).root == root
        assert await ledger.payload("access", "B") == b"a sealed payload"
        await ledger.append([an_entry()])
    assert verified(tmp_path, *outside(tmp_path)).findings == []


async def test_an_old_backup_is_detected_by_the_copy_outside(tmp_path: Path) -> None:
    """Restored too early a state, the ledger looks whole, and the outside checkpoint says no."""
    (tmp_path / "share").mkdir()
    async with a_ledger(tmp_path) as ledger:
        delivery = Delivery(ledger, [Folder(tmp_path / "share")], 60)
        await ledger.append([an_entry()])
        await delivery.once()
        backed_up(tmp_path, tmp_path / "backup.db")
        await ledger.append([an_entry()])
        await delivery.once()
    shutil.move(tmp_path / "backup.db", tmp_path / "ledger.db")
    assert verified(tmp_path).findings == []
    (finding,) = verified(tmp_path, *outside(tmp_path)).findings
    assert (finding.place, "rolled back" in finding.reason) == ("outside checkpoint 2", True)
    async with a_ledger(tmp_path) as ledger:
        await ledger.append([an_entry() for _ in range(5)])
    findings = verified(tmp_path, *outside(tmp_path)).findings
    assert [finding.place for finding in findings] == ["outside checkpoint 2"]
    assert "forked" in findings[0].reason
