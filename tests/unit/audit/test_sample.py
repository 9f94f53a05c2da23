"""Auditor and audited draw the same sample, and neither can choose it."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib

import pytest

from hub.audit.sample import Lottery, PeriodOpen, draw, ranking
from hub.ledger.checkpoint import Checkpoint, open_checkpoint
from hub.ledger.heads import NotOfThisTree
from tests.support.builders import NOW
from tests.support.ledgers import a_ledger, an_entry

DAY = dt.timedelta(days=1)


async def filled(ledger, count=40):
    """Accesses of several days, and one record after the period."""
    entries = [an_entry("access", at=NOW + n * DAY / 10) for n in range(count)]
    entries += [an_entry("denial", at=NOW), an_entry("access", at=NOW + 30 * DAY)]
    await ledger.append(entries)
    return await ledger.checkpoint()


def lottery(days, size, note=None, since=NOW):
    """A draw of accesses from *since* on, until *days* after the first record."""
    return Lottery(since=since, until=NOW + days * DAY, size=size, checkpoint=note)


async def test_the_same_checkpoint_gives_the_same_sample(tmp_path):
    """Drawn twice it is the same, and the first of a larger one are the smaller one."""
    async with a_ledger(tmp_path) as ledger:
        note = (await filled(ledger)).note
        one = await draw(ledger, lottery(2, 5, note))
        await ledger.append([an_entry("access", at=NOW + 31 * DAY)])
        again = await draw(ledger, lottery(2, 5, note))
        larger = await draw(ledger, lottery(2, 8, note))
        whole = await draw(ledger, lottery(2, 1000, note))
    assert one == again
    assert larger.drawn[:5] == one.drawn
    assert one.population == len(whole.drawn) == 20
    assert {drawn.kind for drawn in whole.drawn} == {"access"}


async def test_whoever_asks_later_draws_the_same(tmp_path):
    """The tree is the first that was signed after the period, however often the log grows."""
    async with a_ledger(tmp_path) as ledger:
        await filled(ledger)
        one = await draw(ledger, lottery(2, 5))
        for _ in range(3):
            await ledger.append([an_entry("search", at=NOW + 31 * DAY)])
            await ledger.checkpoint()
            assert await draw(ledger, lottery(2, 5)) == one
        late = an_entry("access", at=NOW + DAY)
        await ledger.append([late])
        assert await draw(ledger, lottery(2, 5)) == one


async def test_a_period_is_over_when_a_record_after_it_is_signed(tmp_path):
    """The head is signed by asking where none was stored yet."""
    async with a_ledger(tmp_path) as ledger:
        await ledger.append([an_entry("access")])
        await ledger.checkpoint()
        with pytest.raises(PeriodOpen):
            await draw(ledger, lottery(1, 5))
        await ledger.append([an_entry("access", at=NOW + DAY)])
        assert (await draw(ledger, lottery(1, 5))).population == 1


async def test_a_stranger_draws_it_again_with_a_hash_function_alone(tmp_path):
    """The formula of the documentation, written anew."""
    async with a_ledger(tmp_path) as ledger:
        await filled(ledger)
        sample = await draw(ledger, lottery(2, 3))
        log = ledger.verifier_key
    signed = open_checkpoint(sample.checkpoint, [log])
    root = base64.b64encode(signed.root).decode()
    since, until = (int(at.timestamp() * 1000) for at in (NOW, NOW + 2 * DAY))
    lines = f"{signed.origin}\n{signed.size}\n{root}\naccess\n{since}\n{until}"
    text = f"posicion-integral sample v1\n{lines}\n"
    ranks = sorted((hashlib.sha256(f"{text}{n}".encode()).hexdigest(), n) for n in range(20))
    assert [(drawn.rank, drawn.index) for drawn in sample.drawn] == ranks[:3]


def test_everything_that_was_agreed_changes_the_lot():
    """Another root, size, log, kind or period is another sample."""
    head = Checkpoint(origin="a", size=9, root=b"\x00" * 32, note="")
    others = [
        (Checkpoint(origin="b", size=9, root=b"\x00" * 32, note=""), "access", NOW),
        (Checkpoint(origin="a", size=8, root=b"\x00" * 32, note=""), "access", NOW),
        (Checkpoint(origin="a", size=9, root=b"\x01" * 32, note=""), "access", NOW),
        (head, "answer", NOW),
        (head, "access", NOW - DAY),
    ]
    mine = ranking(head, "access", NOW, NOW + DAY)
    for checkpoint, kind, since in others:
        assert ranking(checkpoint, kind, since, NOW + DAY)(7) != mine(7)


async def test_what_is_no_lottery_is_not_drawn(tmp_path):
    """An open period, an empty one, no size, a tree before its end, or another log's."""
    async with a_ledger(tmp_path / "other") as other:
        foreign = (await filled(other)).note
    async with a_ledger(tmp_path) as ledger:
        early = (await ledger.checkpoint()).note
        await filled(ledger)
        for wanted in (lottery(31, 3), lottery(2, 3, early)):
            with pytest.raises(PeriodOpen):
                await draw(ledger, wanted)
        for wanted in (lottery(1, 3, since=NOW + DAY), lottery(1, 0)):
            with pytest.raises(ValueError, match="sample"):
                await draw(ledger, wanted)
        for note in (foreign, "nonsense"):
            with pytest.raises(NotOfThisTree):
                await draw(ledger, lottery(2, 3, note))
