"""The ledger in SQLite, through its own promises."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from hub.core.document import parse_document
from hub.core.errors import LedgerError
from hub.core.moment import new_id
from hub.ledger.checkpoint import open_checkpoint
from hub.ledger.merkle import is_consistent, is_included, leaf_hash
from hub.ledger.recorder import LedgerRecorder
from hub.ledger.store import Entry
from tests.support.ledgers import (
    SUBJECT,
    FaultyDisk,
    a_ledger,
    a_sent,
    an_entry,
    its_outcome,
    ticks_during,
    verified,
)


async def test_an_appended_record_can_be_read_back(tmp_path: Path) -> None:
    """Header, payload and decoded payload come back as they were given."""
    entry = an_entry(header={"purpose": "x", "blocks": ["fines"]}, decoded=b'{"a":1}')
    async with a_ledger(tmp_path) as ledger:
        receipt = await ledger.append([entry])
        record = await ledger.read(entry.id, "access")
        assert await ledger.payload("access", entry.id) == entry.payload
    assert (receipt.first, receipt.size) == (0, 1)
    assert record is not None
    assert (record.index, record.kind, record.id, record.at) == (0, "access", entry.id, entry.at)
    assert (record.payload, record.decoded) == (entry.payload, entry.decoded)
    assert record.header["blocks"] == ["fines"]
    assert receipt.root == leaf_hash(record.leaf)


async def test_what_is_not_there_is_none(tmp_path: Path) -> None:
    """An unknown id, another kind, a record without payload: None, not an error."""
    entry = an_entry(payload=None)
    async with a_ledger(tmp_path) as ledger:
        await ledger.append([entry])
        assert await ledger.read("unknown", "access") is None
        assert await ledger.find(entry.id, "denial") is None
        assert await ledger.read(entry.id, "denial") is None
        assert await ledger.payload("access", entry.id) is None
        assert await ledger.payload("access", "unknown") is None
        assert await ledger.prove(1) is None
        assert await ledger.prove(-1) is None


async def test_another_opening_sees_all_of_it(tmp_path: Path) -> None:
    """A ledger that was closed goes on where it was, under the same keys."""
    first, second = an_entry(), an_entry()
    async with a_ledger(tmp_path) as ledger:
        await ledger.append([first])
    async with a_ledger(tmp_path) as ledger:
        assert await ledger.payload("access", first.id) == first.payload
        assert (await ledger.append([second])).size == 2
    assert verified(tmp_path).findings == []


async def test_a_durable_commit_stands_behind_every_return(tmp_path: Path) -> None:
    """The connection that writes has WAL and synchronous=FULL in force."""
    seen: list[tuple[str, int]] = []

    class Watching(FaultyDisk):
        def open(self, path: Path) -> sqlite3.Connection:
            self.db = super().open(path)
            return self.db

    disk = Watching()
    async with a_ledger(tmp_path, disk) as ledger:
        before = disk.commits
        await ledger.append([an_entry()])
        assert disk.commits == before + 1
        mode = disk.db.execute("PRAGMA journal_mode").fetchone()[0]
        seen.append((mode, disk.db.execute("PRAGMA synchronous").fetchone()[0]))
    assert seen == [("wal", 2)]


async def test_appends_at_the_same_time_share_commits(tmp_path: Path) -> None:
    """A hundred callers need far fewer than a hundred commits, and each has its own receipt."""
    disk = FaultyDisk()
    async with a_ledger(tmp_path, disk) as ledger:
        before = disk.commits
        disk.mode, disk.seconds = "slow", 0.01
        receipts = await asyncio.gather(*(ledger.append([an_entry()]) for _ in range(100)))
        assert disk.commits - before < 20
        assert sorted(receipt.first for receipt in receipts) == list(range(100))
        assert await ledger.size() == 100
    assert verified(tmp_path).findings == []


async def test_a_group_ends_at_its_cap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither many entries nor large ones make one endless transaction."""
    monkeypatch.setattr("hub.ledger.writer.MAX_ENTRIES", 10)
    disk = FaultyDisk()
    async with a_ledger(tmp_path, disk) as ledger:
        before = disk.commits
        await asyncio.gather(*(ledger.append([an_entry()]) for _ in range(100)))
        assert disk.commits - before >= 10
    assert verified(tmp_path).records == 100


async def test_a_refused_entry_harms_nobody_else(tmp_path: Path) -> None:
    """In a group, an entry that cannot be written fails alone; its neighbours are written."""
    good = [an_entry() for _ in range(20)]
    bad: list[Entry] = [
        an_entry(id=good[0].id),
        an_entry("outcome", id=new_id()),
        an_entry(header={"purpose": float("nan")}),
    ]
    async with a_ledger(tmp_path) as ledger:
        calls = [ledger.append([entry]) for entry in [*good[:10], *bad, *good[10:]]]
        done = await asyncio.gather(*calls, return_exceptions=True)
        refused = [result for result in done if isinstance(result, BaseException)]
        assert [type(error) for error in refused] == [LedgerError] * 3
        assert await ledger.size() == 20
        for entry in good:
            assert await ledger.payload("access", entry.id) == entry.payload
    assert verified(tmp_path).findings == []


async def test_entries_of_one_append_are_written_together_or_not_at_all(tmp_path: Path) -> None:
    """An entry that is refused takes along those that were given with it."""
    one, two = an_entry(), an_entry()
    async with a_ledger(tmp_path) as ledger:
        with pytest.raises(LedgerError):
            await ledger.append([one, two, two])
        assert await ledger.size() == 0
        receipt = await ledger.append([one, two])
        assert (receipt.first, receipt.size) == (0, 2)
        with pytest.raises(LedgerError, match="nothing"):
            await ledger.append([])


async def test_an_outcome_needs_its_sent(tmp_path: Path) -> None:
    """An outcome closes exactly one exchange that waits; a second one is refused."""
    sent = a_sent()
    async with a_ledger(tmp_path) as ledger:
        recorder = LedgerRecorder(ledger)
        with pytest.raises(LedgerError, match="without a sent"):
            await recorder.record(its_outcome(sent))
        await recorder.record(sent)
        with pytest.raises(LedgerError):
            await recorder.record(sent)
        await recorder.record(its_outcome(sent))
        with pytest.raises(LedgerError):
            await recorder.record(its_outcome(sent))
        assert await ledger.size() == 2
    assert verified(tmp_path).findings == []


async def test_orphans_are_closed_at_start(tmp_path: Path) -> None:
    """A `sent` without outcome gets one that says `unknown`, under the same subject."""
    done, orphan, token = a_sent(), a_sent(), a_sent(subject=None)
    async with a_ledger(tmp_path) as ledger:
        recorder = LedgerRecorder(ledger)
        for half in (done, orphan, its_outcome(done), token):
            await recorder.record(half)
    assert verified(tmp_path).without_outcome == 2
    async with a_ledger(tmp_path) as ledger:
        assert [record.id for record in await ledger.orphans()] == [orphan.id, token.id]
        assert await ledger.close_orphans() == 2
        assert await ledger.close_orphans() == 0
        closing = await ledger.read(orphan.id, "outcome")
        sent = await ledger.read(orphan.id, "sent")
    assert closing is not None
    assert sent is not None
    assert closing.header["error"] == "unknown"
    for name in ("subject", "access", "request", "source", "operation", "retention"):
        assert closing.header[name] == sent.header[name]
    report = verified(tmp_path)
    assert (report.findings, report.without_outcome) == ([], 0)


async def test_records_are_listed_both_ways(tmp_path: Path) -> None:
    """Newest first for people, in order for programs; payloads stay sealed."""
    entries = [an_entry() for _ in range(7)]
    async with a_ledger(tmp_path) as ledger:
        await ledger.append(entries)
        recent = await ledger.recent(3)
        assert [record.index for record in recent] == [6, 5, 4]
        assert [r.index for r in await ledger.recent(3, before=recent[-1].index)] == [3, 2, 1]
        assert [r.id for r in await ledger.records(2, 3)] == [e.id for e in entries[2:5]]
        assert await ledger.records(7) == ()
        assert await ledger.recent(-1) == ()
        assert {record.payload for record in recent} == {None}


async def test_every_record_is_proved_under_a_signed_head(tmp_path: Path) -> None:
    """Each record's proof leads to a checkpoint that the published key verifies."""
    async with a_ledger(tmp_path) as ledger:
        await ledger.append([an_entry() for _ in range(11)])
        await ledger.checkpoint()
        await ledger.append([an_entry() for _ in range(4)])
        for index in range(15):
            proof = await ledger.prove(index)
            assert proof is not None
            head = open_checkpoint(proof.checkpoint.note, [ledger.verifier_key])
            assert head.size == (11 if index < 11 else 15) or index < 11
            assert is_included(leaf_hash(proof.leaf), index, head.size, proof.path, head.root)


async def test_later_heads_are_proved_to_extend_earlier_ones(tmp_path: Path) -> None:
    """Between any two checkpoints there is a consistency proof; from nothing there is none."""
    async with a_ledger(tmp_path) as ledger:
        heads = []
        for _ in range(5):
            await ledger.append([an_entry() for _ in range(3)])
            heads.append(await ledger.checkpoint())
        for old in heads:
            for new in heads[heads.index(old) :]:
                proof = await ledger.prove_extends(old.size, new.size)
                assert is_consistent(old.size, new.size, old.root, new.root, proof)
        for old_size, new_size in ((0, 3), (3, 2), (3, 16)):
            with pytest.raises(LedgerError):
                await ledger.prove_extends(old_size, new_size)


async def test_a_checkpoint_is_stored_once_per_head(tmp_path: Path) -> None:
    """Asking twice for the same head gives the same note, and one row."""
    async with a_ledger(tmp_path) as ledger:
        assert (await ledger.checkpoint()).size == 0
        await ledger.append([an_entry()])
        assert await ledger.checkpoint() == await ledger.checkpoint()
    assert verified(tmp_path).checkpoints == 2


async def test_heads_are_published_while_it_runs_and_when_it_closes(tmp_path: Path) -> None:
    """Nobody asks for a checkpoint, and yet what was appended is soon under one."""
    async with a_ledger(tmp_path, publish_every_s=0.02) as ledger:
        await ledger.append([an_entry()])
        async with asyncio.timeout(5):
            while verified(tmp_path).covered < 1:  # noqa: ASYNC110 - the publisher is a thread
                await asyncio.sleep(0.01)
        await ledger.append([an_entry()])
    report = verified(tmp_path)
    assert (report.covered, report.checkpoints) == (2, 3)


async def test_a_tree_rewritten_beside_a_hub_that_serves_is_not_signed(tmp_path: Path) -> None:
    """Even with every checkpoint taken away: the hub remembers what it signed last."""
    async with a_ledger(tmp_path) as ledger:
        await ledger.append([an_entry(), an_entry()])
        await ledger.checkpoint()
        with closing(sqlite3.connect(tmp_path / "ledger.db")) as db, db:
            db.execute("UPDATE node SET hash = zeroblob(32)")
            db.execute("DELETE FROM checkpoint")
        with pytest.raises(LedgerError, match="contradicts"):
            await ledger.checkpoint()
        await ledger.append([an_entry()])
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as db:
        assert db.execute("SELECT count(*) FROM checkpoint").fetchone()[0] == 0


async def test_a_second_process_can_write_between(tmp_path: Path) -> None:
    """Two openings of one file take turns; the tree is read anew for every group."""
    async with a_ledger(tmp_path) as one, a_ledger(tmp_path) as two:
        for ledger in (one, two, one, one, two):
            await ledger.append([an_entry(), an_entry()])
        await asyncio.gather(*(ledger.append([an_entry()]) for ledger in (one, two) * 20))
        assert await one.size() == await two.size() == 50
    assert verified(tmp_path).findings == []


async def test_the_loop_goes_on_while_the_disk_is_slow(tmp_path: Path) -> None:
    """Writing happens in a thread: a slow fsync holds up nobody but its callers."""
    disk = FaultyDisk()
    async with a_ledger(tmp_path, disk) as ledger:
        disk.mode = "slow"
        assert await ticks_during(ledger.append([an_entry()])) > 5
        assert await ledger.size() == 1


async def test_nothing_is_written_or_read_after_closing(tmp_path: Path) -> None:
    """A closed ledger refuses; closing again is harmless."""
    async with a_ledger(tmp_path) as ledger:
        await ledger.append([an_entry()])
    await ledger.close()
    for call in (ledger.append([an_entry()]), ledger.size(), ledger.checkpoint()):
        with pytest.raises(LedgerError, match="closed"):
            await call
    assert not await ledger.writable()


async def test_appends_that_were_queued_when_closing_are_carried_out(tmp_path: Path) -> None:
    """Closing waits for what was begun."""
    disk = FaultyDisk()
    async with a_ledger(tmp_path, disk) as ledger:
        disk.mode = "slow"
        calls = [asyncio.ensure_future(ledger.append([an_entry()])) for _ in range(5)]
        await asyncio.sleep(0)
        await ledger.close()
        assert len(await asyncio.gather(*calls)) == 5
    assert (verified(tmp_path).records, verified(tmp_path).covered) == (5, 5)


async def test_one_data_key_per_subject_and_class(tmp_path: Path) -> None:
    """Destroying one person's key of one class touches nothing else."""
    other = parse_document("99000100G")
    async with a_ledger(tmp_path) as ledger:
        for subject, retention in ((SUBJECT, "a"), (SUBJECT, "b"), (other, "a"), (SUBJECT, "a")):
            await ledger.append([an_entry(subject=subject, retention=retention)])
        records = await ledger.records(0)
    keys = [record.header["key"] for record in records]
    assert keys[3] == keys[0]
    assert len(set(keys)) == 3
    assert len({record.header["subject"] for record in records}) == 2


async def test_a_pseudonym_can_stand_for_its_document(tmp_path: Path) -> None:
    """An entry about a pseudonym is filed under the same subject and key as the document's."""
    async with a_ledger(tmp_path) as ledger:
        await ledger.append([an_entry()])
        (first,) = await ledger.records(0)
        again = an_entry(subject=first.header["subject"])
        await ledger.append([again])
        second = await ledger.read(again.id, "access")
    assert second is not None
    assert second.payload == again.payload
    assert second.header["subject"] == first.header["subject"]
    assert second.header["key"] == first.header["key"]


ALTERED = {
    "header": "UPDATE leaf SET header = CAST(replace(header, 'self', 'help') AS BLOB)",
    "row": "UPDATE leaf SET kind = 'denial'",
    "payload": "UPDATE sealed SET data = zeroblob(length(data))",
    "no payload": "DELETE FROM sealed",
    "no key": "DELETE FROM data_key",
    "another key": "UPDATE data_key SET wrapped = zeroblob(60)",
    "no node": "DELETE FROM node",
}


@pytest.mark.parametrize("change", ALTERED.values(), ids=ALTERED)
async def test_an_altered_record_is_not_read(tmp_path: Path, change: str) -> None:
    """What is not what was written is an error, never data."""
    entry = an_entry()
    async with a_ledger(tmp_path) as ledger:
        await ledger.append([entry])
        db = sqlite3.connect(tmp_path / "ledger.db")
        db.execute(change)
        db.commit()
        db.close()
        with pytest.raises(LedgerError):
            await ledger.read(entry.id, "denial" if "kind" in change else "access")


def all_bytes(folder: Path) -> bytes:
    """The ledger's file with its write-ahead log, as it stands on the disk."""
    files = sorted(folder.glob("ledger.db*"))
    assert files
    return b"".join(file.read_bytes() for file in files)


async def test_no_clear_identifier_and_no_key_is_in_the_files(tmp_path: Path) -> None:
    """Searched byte by byte: subject, message, decoded answer and keys are nowhere in clear."""
    canary = "99000002K"
    sent = a_sent(url=f"http://padron.test/ws?nif={canary}")
    async with a_ledger(tmp_path) as ledger:
        await LedgerRecorder(ledger).record(sent)
        await ledger.append(
            [an_entry(payload=canary.encode(), decoded=b'{"name":"CANARIA"}') for _ in range(30)]
        )
        raw = all_bytes(tmp_path)
    raw += all_bytes(tmp_path)
    assert sent.id.encode() in raw
    secrets = [(tmp_path / "keys" / name).read_bytes() for name in ("kek.key", "pseudonym.key")]
    found = [secret.strip() for secret in secrets]
    found += [bytes.fromhex(secret.decode()) for secret in secrets]
    for needle in (canary.encode(), canary[:8].encode(), b"CANARIA", b"padron.test", *found):
        assert needle not in raw
