"""What auditors do by the API is on record about the person, with what they looked for sealed."""

from __future__ import annotations

import datetime as dt

import msgspec
import pytest

from hub.api.audit_acts import (
    proof_of_record,
    replay_of,
    sample_of,
    searched,
)
from hub.api.audit_bodies import (
    ReplayRequest,
    SampleRequest,
    SearchRequest,
)
from hub.api.problems import Problem
from hub.audit.act import Auditor, read_act
from hub.ledger.lifecycle import Why, destroy, keys_of
from hub.ledger.store import Search
from tests.support.answering import a_world
from tests.support.builders import CITIZEN, NOW
from tests.support.ledgers import SUBJECT

WHO = Auditor(holder="issuer opaque", channel="api")
REASON = "complaint 2026/17"
DAY = dt.timedelta(days=1)


async def test_a_revealing_replay_is_on_record_about_whom_it_shows(tmp_path):
    """Each answer that was named, about its own person."""
    async with a_world(tmp_path) as world:
        await world.answer(blocks=("taxBills",))
        mine = await world.last_answer()
        await world.answer("99000006W", blocks=("taxBills",))
        named = (mine, await world.last_answer())
        wanted = ReplayRequest(reason=REASON, answers=named, reveal=True)
        assert (await replay_of(world.desk, WHO, wanted)).answers == 2
        [record] = (await world.ledger.search(Search(subject=SUBJECT, kind="reveal"))).items
        payload = await world.ledger.payload("reveal", record.id)
    assert payload is not None
    assert read_act(payload).detail == {"answer": mine}


async def test_a_search_seals_what_was_looked_for(tmp_path):
    """Whom and which unit, to whoever examines the auditors; nothing of it on the leaf."""
    given = {"subject": CITIZEN, "official": "99000003E", "unit": "MAD_0001"}
    wanted = msgspec.convert({"reason": REASON, **given}, SearchRequest)
    async with a_world(tmp_path) as world:
        await searched(world.desk, WHO, wanted)
        [record] = (await world.ledger.search(Search(kind="search"))).items
        payload = await world.ledger.payload("search", record.id)
    assert payload is not None
    assert read_act(payload).detail == given
    assert not [value for value in given.values() if value in record.leaf.decode()]


async def test_what_was_destroyed_is_still_proved(tmp_path):
    """A proof needs the leaf alone, so that an erased person's records can be accounted for."""
    async with a_world(tmp_path) as world:
        await world.answer(blocks=("taxBills",))
        answer = await world.last_answer()
        before = await proof_of_record(world.ledger, "answer", answer)
        why = Why(by="archive", ground="erasure", order="court-1")
        await destroy(world.ledger, await keys_of(world.ledger, SUBJECT), why, {})
        after = await proof_of_record(world.ledger, "answer", answer)
        with pytest.raises(Problem):
            await proof_of_record(world.ledger, "invented", answer)
    assert (after.index, after.leaf_hash) == (before.index, before.leaf_hash)


async def test_a_sample_is_on_record_with_what_was_drawn_from(tmp_path):
    """Whoever draws until they like the lot is seen to; a tree of another log is their mistake."""
    wanted = SampleRequest(reason=REASON, since=NOW - DAY, until=NOW, size=3)
    foreign = msgspec.structs.replace(wanted, checkpoint="nonsense")
    async with a_world(tmp_path) as world:
        await world.access()
        assert (await sample_of(world.desk, WHO, wanted)).population == 0
        with pytest.raises(Problem):
            await sample_of(world.desk, WHO, foreign)
        records = (await world.ledger.search(Search(kind="search"))).items
        payloads = [await world.ledger.payload("search", record.id) for record in records]
    assert {record.header["action"] for record in records} == {"sample"}
    assert [read_act(p or b"").detail["checkpoint"] for p in payloads] == ["nonsense", None]
