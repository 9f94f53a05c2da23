"""New keys: what was signed and sealed before still verifies and opens, and nothing is lost."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from hub.core.document import parse_document
from hub.core.errors import LedgerError
from hub.ledger import rotation
from hub.ledger.bulk_keys import BulkKeys
from hub.ledger.in_use import InUse
from hub.ledger.jobs import Jobs
from hub.ledger.keys import LOG_KEY, NEXT_LOG_KEY
from hub.ledger.open import PUBLIC_KEY, open_ledger
from hub.ledger.rotation import rotate_kek, rotate_log_key
from hub.ledger.verify import verify_ledger
from tests.support.builders import NOW
from tests.support.ledgers import ORIGIN, a_ledger, an_entry, verified

OTHER = parse_document("99000003E")


async def rotated(folder: Path) -> None:
    """A rotation of the log key of *folder*."""
    await rotate_log_key(
        folder / "ledger.db", folder / "keys", origin=ORIGIN, by="it", clock=lambda: NOW
    )


def public_keys(folder: Path) -> list[str]:
    """The lines of log.pub."""
    return (folder / "keys" / PUBLIC_KEY).read_text("ascii").splitlines()


async def test_old_entries_verify_under_either_key(tmp_path: Path) -> None:
    """With both keys, and with the first alone: it signed for the record that names the second.
    With the second alone, what the first signed is not believed.
    """
    async with a_ledger(tmp_path) as ledger:
        await ledger.append([an_entry(id="OLD")])
        old_note = (await ledger.checkpoint()).note
    (first,) = public_keys(tmp_path)
    old_private = (tmp_path / "keys" / LOG_KEY).read_bytes()
    await rotated(tmp_path)
    async with a_ledger(tmp_path) as ledger:
        await ledger.append([an_entry(id="NEW")])
        new_note = (await ledger.checkpoint()).note
        assert (await ledger.read("OLD", "access")) is not None
        assert (await ledger.prove(0)) is not None
    second, kept = public_keys(tmp_path)
    assert (kept, second != first) == (first, True)
    assert (tmp_path / "keys" / LOG_KEY).read_bytes() != old_private
    assert verified(tmp_path, old_note, new_note).findings == []
    report = verify_ledger(tmp_path / "ledger.db", first, checkpoints=[old_note, new_note])
    assert (report.findings, report.covered) == ([], report.records)
    alone = verify_ledger(tmp_path / "ledger.db", second, checkpoints=[old_note])
    assert {finding.place for finding in alone.findings} >= {"checkpoint 1", "outside checkpoint 1"}


async def test_a_log_goes_through_many_keys(tmp_path: Path) -> None:
    """Trust in the very first key leads through every rotation."""
    async with a_ledger(tmp_path) as ledger:
        await ledger.append([an_entry()])
    (first,) = public_keys(tmp_path)
    for _ in range(3):
        await rotated(tmp_path)
        async with a_ledger(tmp_path) as ledger:
            await ledger.append([an_entry()])
    assert len(public_keys(tmp_path)) == 4
    assert verify_ledger(tmp_path / "ledger.db", first).findings == []


async def test_a_key_that_the_log_names_without_its_own_signature_is_not_trusted(
    tmp_path: Path, monkeypatch: Any
) -> None:
    """Only a checkpoint of a trusted key over the record makes the named key one."""
    async with a_ledger(tmp_path) as ledger:
        await ledger.append([an_entry()])
    (first,) = public_keys(tmp_path)
    real = open_ledger

    def opened(*args: Any, **kwargs: Any) -> Any:
        ledger = real(*args, **kwargs)

        async def none() -> None:
            return None

        monkeypatch.setattr(ledger, "checkpoint", none)
        monkeypatch.setattr(ledger._batch, "checkpoint", lambda *_: None)
        return ledger

    monkeypatch.setattr(rotation, "open_ledger", opened)
    await rotated(tmp_path)
    monkeypatch.undo()
    async with a_ledger(tmp_path) as ledger:
        await ledger.append([an_entry()])
    report = verify_ledger(tmp_path / "ledger.db", first)
    assert "checkpoint 3" in {finding.place for finding in report.findings}


async def wrapped_anew(folder: Path) -> int:
    """A rotation of the key-encryption key of *folder*."""
    return await rotate_kek(
        folder / "ledger.db", folder / "keys", origin=ORIGIN, by="it", clock=lambda: NOW
    )


@pytest.mark.parametrize("rotation_of", [rotated, wrapped_anew])
async def test_no_key_is_replaced_under_a_ledger_that_is_open(
    tmp_path: Path, rotation_of: Any
) -> None:
    """A hub that serves would go on with the old keys: what it then wraps could never be opened."""
    async with a_ledger(tmp_path) as ledger:
        await ledger.append([an_entry()])
        before = {file.name: file.read_bytes() for file in (tmp_path / "keys").iterdir()}
        with pytest.raises(LedgerError, match="the keys are in use"):
            await rotation_of(tmp_path)
        assert before == {file.name: file.read_bytes() for file in (tmp_path / "keys").iterdir()}
        await ledger.append([an_entry(id="AFTER", subject=OTHER)])
        assert await ledger.payload("access", "AFTER") == b"a sealed payload"
    await rotation_of(tmp_path)
    async with a_ledger(tmp_path) as ledger:
        assert await ledger.payload("access", "AFTER") == b"a sealed payload"
    assert verified(tmp_path).findings == []


async def test_nothing_opens_while_keys_are_replaced(tmp_path: Path) -> None:
    """Neither a hub nor a command; a refused opening leaves nothing in use."""
    async with a_ledger(tmp_path):
        pass
    place = tmp_path / "ledger.db", tmp_path / "keys"
    with closing(InUse(place[1], alone=True)), pytest.raises(LedgerError, match="being replaced"):
        open_ledger(*place, origin=ORIGIN)
    with pytest.raises(LedgerError, match=PUBLIC_KEY):
        open_ledger(*place, origin="elsewhere.test/ledger")
    assert await wrapped_anew(tmp_path) == 0


async def test_an_open_bulk_requests_key_is_wrapped_anew(tmp_path: Path) -> None:
    """What the platform answers after the rotation can still be read."""
    async with a_ledger(tmp_path) as ledger:
        await ledger.append([an_entry()])
        await BulkKeys(Jobs(ledger), ledger.keys).ensure("B1")
        key = await BulkKeys(Jobs(ledger), ledger.keys).key("B1")
    assert await wrapped_anew(tmp_path) == 2
    async with a_ledger(tmp_path) as ledger:
        assert (await BulkKeys(Jobs(ledger), ledger.keys).key("B1")).key == key.key


async def test_the_old_key_stays_while_a_row_names_it(tmp_path: Path, monkeypatch: Any) -> None:
    """Whatever left it behind: deleting would make it unreadable for good."""
    async with a_ledger(tmp_path) as ledger:
        await ledger.append([an_entry(id="A")])

    async def nothing(*_: Any) -> int:
        return 0

    monkeypatch.setattr(rotation, "_rewrapped", nothing)
    with pytest.raises(LedgerError, match="still wrapped with the old"):
        await wrapped_anew(tmp_path)
    monkeypatch.undo()
    async with a_ledger(tmp_path) as ledger:
        assert await ledger.payload("access", "A") == b"a sealed payload"
    assert await wrapped_anew(tmp_path) == 1


STEPS = ["add_public_key", "finish_log_key"]


@pytest.mark.parametrize("step", STEPS)
async def test_a_rotation_broken_off_anywhere_leaves_a_ledger_that_opens(
    tmp_path: Path, monkeypatch: Any, step: str
) -> None:
    """Killed between two steps, the next opening goes on with one of the two keys."""
    async with a_ledger(tmp_path) as ledger:
        await ledger.append([an_entry()])

    def killed(*_: Any) -> None:
        raise LedgerError("killed")

    monkeypatch.setattr(rotation, step, killed)
    with pytest.raises(LedgerError, match="killed"):
        await rotated(tmp_path)
    monkeypatch.undo()
    async with a_ledger(tmp_path) as ledger:
        await ledger.append([an_entry()])
    assert verified(tmp_path).findings == []
    assert (tmp_path / "keys" / NEXT_LOG_KEY).exists() == (step == "add_public_key")
    await rotated(tmp_path)
    async with a_ledger(tmp_path) as ledger:
        await ledger.append([an_entry()])
    assert verified(tmp_path).findings == []
