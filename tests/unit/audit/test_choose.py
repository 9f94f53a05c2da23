"""Answers are chosen by a search, or as they were known at a moment."""

from __future__ import annotations

import datetime as dt

import pytest

from hub.audit.case import NotOnRecord, open_case
from hub.audit.choose import PAGE, as_known_at, cases, found
from hub.core.document import parse_document
from hub.core.errors import PayloadDestroyed
from hub.ledger.lifecycle import Why, block, destroy, keys_of
from hub.ledger.open import open_ledger
from hub.ledger.retention import Rule
from hub.ledger.store import Search
from tests.support.answering import a_world
from tests.support.builders import NOW
from tests.support.ledgers import ORIGIN, SUBJECT, a_ledger, an_entry

HOUR = dt.timedelta(hours=1)


async def test_cases_are_the_answers_that_fit_newest_first(tmp_path):
    """Of one person, whom another's household names too, and no more than were asked for."""
    async with a_world(tmp_path) as world:
        for _ in range(3):
            await world.answer(blocks=("residence",))
        await world.answer("99000006W", blocks=("residence",))
        await world.answer("99000006W", blocks=("taxBills",))
        mine = [case async for case in cases(world.ledger, Search(subject=SUBJECT))]
        two = [case.record.index async for case in cases(world.ledger, Search(), 2)]
    indexes = [case.record.index for case in mine]
    assert indexes == sorted(indexes, reverse=True)
    assert [case.answer["subject"]["document"] for case in mine] == ["*****006W"] + 3 * [
        "*****002K"
    ]
    assert len(two) == 2


async def test_an_erased_person_does_not_end_an_audit_and_is_mentioned(tmp_path):
    """Destroyed answers are passed over by id; everybody else's still replays."""
    rules = {"citizen": Rule(use_days=0, blocked_days=0)}
    why = Why(by="archive", ground="end_of_use")
    later = NOW + dt.timedelta(days=400)
    async with a_world(tmp_path) as world:
        await world.answer(blocks=("residence",))
        gone = await world.last_answer()
        await world.answer("99000006W", blocks=("residence",))
    ledger = open_ledger(
        tmp_path / "ledger.db",
        tmp_path / "keys",
        origin=ORIGIN,
        clock=lambda: later,
        publish_every_s=0,
    )
    try:
        keys = await keys_of(ledger, SUBJECT)
        await block(ledger, keys, why)
        closed: list[str] = []
        left = [c.record.id async for c in cases(ledger, Search(), closed=closed)]
        assert closed == [gone]
        await destroy(ledger, keys, why, rules)
        closed = []
        again = [c.record.id async for c in cases(ledger, Search(), closed=closed)]
        with pytest.raises(PayloadDestroyed):
            await open_case(ledger, gone)
    finally:
        await ledger.close()
    assert closed == [gone]
    assert left == again
    assert len(left) == 1


async def test_as_known_at_is_the_last_answer_of_that_moment(tmp_path):
    """Not a later one, not somebody else's, and none before the first."""
    moment = NOW
    async with a_world(tmp_path) as world:
        world.desk.clock = lambda: moment
        given = []
        for hours in (0, 2):
            moment = NOW + hours * HOUR
            await world.answer(blocks=("residence",))
            given.append(await world.last_answer())
        moment = NOW + 3 * HOUR
        await world.answer("99000006W", blocks=("residence",))
        for hours, due in ((0, 0), (1, 0), (2, 1), (9, 1)):
            case = await as_known_at(world.ledger, SUBJECT, NOW + hours * HOUR)
            assert case.record.id == given[due]
        for subject, at in ((SUBJECT, NOW - HOUR), (parse_document("99000004T"), NOW + 9 * HOUR)):
            with pytest.raises(NotOnRecord):
                await as_known_at(world.ledger, subject, at)


async def test_as_known_at_knows_a_person_from_whoever_reads_like_them_when_masked(tmp_path):
    """A household of somebody with the same last letters is not the person's answer."""
    async with a_world(tmp_path) as world:
        await world.answer("99023002K", blocks=("residence",))
        with pytest.raises(NotOnRecord):
            await as_known_at(world.ledger, SUBJECT, NOW)


async def test_as_known_at_passes_over_what_was_destroyed_of_somebody_else(tmp_path):
    """Erasing a cohabitant takes nothing away that was answered about the person."""
    other = parse_document("99000006W")
    async with a_world(tmp_path) as world:
        await world.answer(blocks=("residence",))
        own = await world.last_answer()
        await world.answer("99000006W", blocks=("residence",))
        why = Why(by="archive", ground="erasure", order="court-1")
        await destroy(world.ledger, await keys_of(world.ledger, other), why, {})
        case = await as_known_at(world.ledger, SUBJECT, NOW)
    assert case.record.id == own


async def test_more_than_a_page_is_found(tmp_path):
    """Page after page, each record once."""
    async with a_ledger(tmp_path) as ledger:
        await ledger.append([an_entry("access") for _ in range(PAGE + 7)])
        seen = [record.index async for record in found(ledger, Search(kind="access"))]
    assert sorted(seen) == list(range(PAGE + 7))
