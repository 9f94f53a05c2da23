"""What is opened for an auditor is on record about the person before it is opened."""

from __future__ import annotations

import pytest

from hub.audit.act import Auditor, NoReason, read_act
from hub.audit.case import NotOnRecord
from hub.audit.opening import Opening
from hub.core.document import parse_document
from hub.core.errors import PayloadBlocked
from hub.ledger.lifecycle import Why, block, keys_of
from hub.ledger.store import Search
from tests.support.answering import a_world
from tests.support.builders import NOW
from tests.support.ledgers import SUBJECT

OTHER = parse_document("99000006W")


def opening(ledger, *, reveals=True, reason="complaint 2026/17"):
    """An auditor's opening of answers to replay them."""
    return Opening(
        ledger=ledger,
        clock=lambda: NOW,
        who=Auditor(holder="x", channel="cli"),
        action="replay",
        reason=reason,
        reveals=reveals,
    )


async def acts(ledger, kind, **query):
    """The details of the acts of that kind, newest first."""
    page = await ledger.search(Search(kind=kind, **query))
    payloads = [await ledger.payload(kind, record.id) for record in page.items]
    return [read_act(payload).detail for payload in payloads]


@pytest.mark.parametrize(("reveals", "kind"), [(True, "reveal"), (False, "search")])
async def test_a_named_answer_is_one_act_about_its_person(tmp_path, reveals, kind):
    """Its kind says whether values are shown; which answer it was is sealed."""
    async with a_world(tmp_path) as world:
        await world.answer(blocks=("residence",))
        answer = await world.last_answer()
        case = await opening(world.ledger, reveals=reveals).named(answer)
        assert case.record.id == answer
        assert await acts(world.ledger, kind, subject=SUBJECT) == [{"answer": answer}]
        [record] = (await world.ledger.search(Search(kind=kind))).items
    assert record.header["subject"] == case.record.header["subject"]
    assert answer not in record.leaf.decode()


async def test_each_person_whose_answer_is_revealed_has_an_act_of_their_own(tmp_path):
    """A replay over a purpose is one search, and a reveal about everybody in it."""
    async with a_world(tmp_path) as world:
        await world.answer(blocks=("taxBills",))
        await world.answer(str(OTHER.number), blocks=("taxBills",))
        over = Search(purpose="self_service", since=NOW)
        shown = [case async for case in opening(world.ledger).fitting(over, 7)]
        for person in (SUBJECT, OTHER):
            assert len(await acts(world.ledger, "reveal", subject=person)) == 1
        asked_for = {"purpose": "self_service", "since": NOW.isoformat(), "most": 7}
        assert await acts(world.ledger, "search") == [asked_for]
    assert len(shown) == 2


async def test_a_run_that_shows_nothing_is_one_act(tmp_path):
    """About the person whom it searched for."""
    async with a_world(tmp_path) as world:
        for _ in range(3):
            await world.answer(blocks=("taxBills",))
        run = opening(world.ledger, reveals=False).fitting(Search(subject=SUBJECT), None)
        assert len([case async for case in run]) == 3
        assert len(await acts(world.ledger, "search", subject=SUBJECT)) == 1
        assert await acts(world.ledger, "reveal") == []


async def test_the_act_is_on_record_though_the_answer_does_not_open(tmp_path):
    """It was asked for; without a reason, or without such an answer, there is no act."""
    async with a_world(tmp_path) as world:
        await world.answer(blocks=("taxBills",))
        answer = await world.last_answer()
        with pytest.raises(NoReason):
            await opening(world.ledger, reason="why").named(answer)
        with pytest.raises(NotOnRecord):
            await opening(world.ledger).named("01NOTHING")
        assert await acts(world.ledger, "reveal") == []
        await block(world.ledger, await keys_of(world.ledger, SUBJECT), Why(by="x", ground="y"))
        with pytest.raises(PayloadBlocked):
            await opening(world.ledger).named(answer)
        assert len((await world.ledger.search(Search(kind="reveal", subject=SUBJECT))).items) == 1
