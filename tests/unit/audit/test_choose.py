"""Answers are chosen by a search, or as they were known at a moment."""

from __future__ import annotations

import datetime as dt

import pytest

from hub.audit.case import NotOnRecord
from hub.audit.choose import PAGE, as_known_at, cases, found
from hub.core.document import parse_document
from hub.ledger.store import Search
from tests.support.answering import a_world
from tests.support.builders import NOW
from tests.support.ledgers import SUBJECT, a_ledger, an_entry

HOUR = dt.timedelta(hours=1)


async def test_cases_are_the_answers_that_fit_newest_first(tmp_path):
    """Of one person, and no more than were asked for."""
    async with a_world(tmp_path) as world:
        for _ in range(3):
            await world.answer(blocks=("residence",))
        await world.answer("99000006W", blocks=("residence",))
        mine = [case.record.index async for case in cases(world.ledger, Search(subject=SUBJECT))]
        two = [case.record.index async for case in cases(world.ledger, Search(), 2)]
    assert mine == sorted(mine, reverse=True)
    assert len(mine) == 3
    assert len(two) == 2


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


async def test_more_than_a_page_is_found(tmp_path):
    """Page after page, each record once."""
    async with a_ledger(tmp_path) as ledger:
        await ledger.append([an_entry("access") for _ in range(PAGE + 7)])
        seen = [record.index async for record in found(ledger, Search(kind="access"))]
    assert sorted(seen) == list(range(PAGE + 7))
