"""The rows of bulk requests: durable, moved on by one, and without a person in them."""

from __future__ import annotations

import msgspec
import pytest

from hub.core.errors import LedgerError
from hub.core.exchange import Message, Origin
from hub.core.moment import new_id
from hub.ledger.bulk_keys import BulkKeys, BulkRecorder, opened_body
from hub.ledger.jobs import Item, Job, Jobs, Run
from hub.ledger.recorder import LedgerRecorder, recorded_message
from tests.support.ledgers import FaultyDisk, a_ledger, a_sent, an_entry, its_outcome, verified


def a_run(mark="m"):
    """A run, its one request and the two people in it."""
    run = Run(
        id=new_id(),
        source="age",
        operation="job_seeker",
        block="jobSeeker",
        retention="procedure",
        mark=mark,
        at=1,
    )
    job = Job(id=new_id(), run=run.id, number=0, request_id=new_id())
    items = [Item(job=job.id, number=n, row=n + 1, access=new_id()) for n in (1, 2)]
    return run, job, items


async def test_a_run_is_found_again_after_a_start(tmp_path):
    """What was written down is there for the next process."""
    run, job, items = a_run()
    async with a_ledger(tmp_path) as ledger:
        await Jobs(ledger).begin(run, [job], items)
    async with a_ledger(tmp_path) as ledger:
        jobs = Jobs(ledger)
        assert await jobs.latest("m") == await jobs.run(run.id) == run
        assert await jobs.runs("age") == [run]
        assert await jobs.runs("padron") == []
        assert await jobs.jobs(run.id) == [job]
        assert await jobs.items(job.id) == items
    assert verified(tmp_path).findings == []


async def test_a_run_is_written_whole_or_not_at_all(tmp_path):
    """A request id that stands twice undoes all of it."""
    run, job, items = a_run()
    twin = msgspec.structs.replace(job, id=new_id(), number=1)
    async with a_ledger(tmp_path) as ledger:
        jobs = Jobs(ledger)
        with pytest.raises(LedgerError):
            await jobs.begin(run, [job, twin], items)
        assert await jobs.run(run.id) is None
        assert await jobs.jobs(run.id) == []


async def test_nobody_moves_what_has_moved_on(tmp_path):
    """Of two who read the same state one goes on, and the other is told."""
    run, job, items = a_run()
    async with a_ledger(tmp_path) as ledger:
        jobs = Jobs(ledger)
        await jobs.begin(run, [job], items)
        moved = await jobs.move(job, "asking", asked=7, sendings=1)
        assert (await jobs.jobs(run.id)) == [moved]
        with pytest.raises(LedgerError, match="moved on"):
            await jobs.move(job, "asking", asked=8)
        assert (await jobs.jobs(run.id)) == [moved]


async def test_a_move_that_the_disk_refuses_did_not_happen(tmp_path):
    """The step that it announces is not taken."""
    run, job, items = a_run()
    disk = FaultyDisk()
    async with a_ledger(tmp_path, disk) as ledger:
        jobs = Jobs(ledger)
        await jobs.begin(run, [job], items)
        disk.mode = "fails"
        with pytest.raises(LedgerError):
            await jobs.move(job, "asking")
        disk.mode = "works"
        assert await jobs.jobs(run.id) == [job]


async def test_a_bulk_body_opens_with_its_own_key_alone(tmp_path):
    """The record's seal is not enough, and without the key nothing is."""
    bulk = new_id()
    origin = Origin(bulk=bulk, retention="procedure")
    sent = a_sent(origin=origin, message=Message(headers=(), body=b"about 99000002K"))
    async with a_ledger(tmp_path) as ledger:
        keys = BulkKeys(Jobs(ledger), ledger.keys)
        recorder = BulkRecorder(LedgerRecorder(ledger), keys)
        await keys.ensure(bulk)
        await keys.ensure(bulk)
        await recorder.record(sent)
        await recorder.record(its_outcome(sent, origin=origin))
        record = await ledger.read(sent.id, "sent")
        assert record is not None
        assert record.header["bulk"] == bulk
        assert "subject" not in record.header
        body = recorded_message(record.payload or b"").body or b""
        assert b"99000002K" not in body
        key = await keys.key(bulk)
        assert opened_body(key, "sent", sent.id, body) == b"about 99000002K"
        with pytest.raises(LedgerError):
            opened_body(key, "outcome", sent.id, body)
        await keys.destroy(bulk)
        await keys.destroy(bulk)
        with pytest.raises(LedgerError, match="gone"):
            await keys.key(bulk)
    assert verified(tmp_path).findings == []


async def test_a_bulk_message_without_a_key_is_not_sent(tmp_path):
    """No key, no record, no bytes."""
    origin = Origin(bulk=new_id(), retention="procedure")
    async with a_ledger(tmp_path) as ledger:
        recorder = BulkRecorder(LedgerRecorder(ledger), BulkKeys(Jobs(ledger), ledger.keys))
        with pytest.raises(LedgerError):
            await recorder.record(a_sent(origin=origin))
        assert await ledger.size() == 0


async def test_other_exchanges_are_recorded_as_ever(tmp_path):
    """What is no bulk request is sealed under its subject's key, and nothing else."""
    sent = a_sent()
    async with a_ledger(tmp_path) as ledger:
        recorder = BulkRecorder(LedgerRecorder(ledger), BulkKeys(Jobs(ledger), ledger.keys))
        await recorder.record(sent)
        record = await ledger.read(sent.id, "sent")
        assert record is not None
        assert recorded_message(record.payload or b"").body == sent.message.body


async def test_a_serving_process_leaves_bulk_exchanges_to_whoever_works_on_them(tmp_path):
    """An exchange in flight elsewhere is no orphan of the hub's own."""
    bulk = new_id()
    origin = Origin(bulk=bulk, retention="procedure")
    async with a_ledger(tmp_path) as ledger:
        keys = BulkKeys(Jobs(ledger), ledger.keys)
        await keys.ensure(bulk)
        await BulkRecorder(LedgerRecorder(ledger), keys).record(a_sent(origin=origin))
        await LedgerRecorder(ledger).record(a_sent())
        assert await ledger.close_orphans() == 1
        assert [r.header["bulk"] for r in await ledger.orphans()] == [bulk]
        assert await ledger.close_orphans(new_id()) == 0
        assert await ledger.close_orphans(bulk) == 1
        assert await ledger.orphans() == ()


async def test_whether_somebody_was_erased_shows_in_the_keys(tmp_path):
    """The access stands for the person; its key is gone, or it is not."""
    entry = an_entry("access")
    async with a_ledger(tmp_path) as ledger:
        jobs = Jobs(ledger)
        await ledger.append([entry])
        assert not await jobs.is_erased(entry.id)
        await ledger.work(lambda db: db.execute("DELETE FROM data_key"))
        assert await jobs.is_erased(entry.id)
