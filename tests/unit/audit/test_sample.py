"""Auditor and audited draw the same sample, and neither can choose it."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib

import pytest

from hub.audit.sample import PeriodOpen, draw, ranked
from hub.core.errors import LedgerError
from hub.ledger.checkpoint import Checkpoint, open_checkpoint
from tests.support.builders import NOW
from tests.support.ledgers import a_ledger, an_entry

DAY = dt.timedelta(days=1)


async def filled(ledger, count=40):
    """Accesses of several days, and one record after the period."""
    entries = [an_entry("access", at=NOW + n * DAY / 10) for n in range(count)]
    entries += [an_entry("denial", at=NOW), an_entry("access", at=NOW + 30 * DAY)]
    await ledger.append(entries)
    return await ledger.checkpoint()


async def test_the_same_checkpoint_gives_the_same_sample(tmp_path):
    """Drawn twice it is the same, and the first of a larger one are the smaller one."""
    async with a_ledger(tmp_path) as ledger:
        head = await filled(ledger)
        one = await draw(ledger, head, NOW, NOW + 2 * DAY, 5)
        await ledger.append([an_entry("access", at=NOW + 31 * DAY)])
        again = await draw(ledger, head, NOW, NOW + 2 * DAY, 5)
        larger = await draw(ledger, head, NOW, NOW + 2 * DAY, 8)
        whole = await draw(ledger, head, NOW, NOW + 2 * DAY, 1000)
    assert one == again
    assert larger.drawn[:5] == one.drawn
    assert one.population == len(whole.drawn) == 20
    assert {drawn.kind for drawn in whole.drawn} == {"access"}


async def test_a_stranger_draws_it_again_with_a_hash_function_alone(tmp_path):
    """The formula of the documentation, written anew."""
    async with a_ledger(tmp_path) as ledger:
        head = await filled(ledger)
        sample = await draw(ledger, head, NOW, NOW + 2 * DAY, 3)
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
    mine = ranked(head, "access", NOW, NOW + DAY, range(9))
    for checkpoint, kind, since in others:
        assert ranked(checkpoint, kind, since, NOW + DAY, range(9)) != mine


async def test_a_period_that_has_not_ended_is_not_sampled(tmp_path):
    """Records could still join it; an empty period or size is a mistake."""
    async with a_ledger(tmp_path) as ledger:
        head = await filled(ledger)
        with pytest.raises(PeriodOpen):
            await draw(ledger, head, NOW, NOW + 31 * DAY, 3)
        for since, size in ((NOW + DAY, 3), (NOW, 0)):
            with pytest.raises(ValueError, match="sample"):
                await draw(ledger, head, since, NOW + DAY, size)
        beyond = Checkpoint(origin="a", size=10**6, root=head.root, note="")
        with pytest.raises(LedgerError, match="more records"):
            await draw(ledger, beyond, NOW, NOW + DAY, 3)
