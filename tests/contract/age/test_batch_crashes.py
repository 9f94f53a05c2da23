"""Whatever write a run dies at, it goes on where it was, and nobody is asked about twice."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest

from hub.ledger.bulk_keys import BulkKeys
from hub.ledger.jobs import Jobs
from hub.ledger.sqlite import SqliteLedger
from tests.contract.age.bulk_world import a_bulk_world

WHO = (2, 10, 11)
SOON = "bulk_wait_s = 0"


class Died(Exception):
    """The process is gone: nothing after this line happens."""


class Death:
    """Strikes at one of the writes that a run makes, before or after it is durable."""

    def __init__(self, at: int, *, after: bool) -> None:
        self.left, self.after, self.writes, self.struck = at, after, 0, False

    def wrap(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """*original*, counted."""

        async def write(*values: Any) -> Any:
            if self.struck:
                raise Died
            self.writes += 1
            self.struck = self.writes == self.left
            if self.struck and not self.after:
                raise Died
            done = await original(*values)
            if self.struck:
                raise Died
            return done

        return write


async def a_run_that_dies(world, monkeypatch, death: Death) -> None:
    """Run until *death* strikes, if it does."""
    with monkeypatch.context() as patch:
        patch.setattr(SqliteLedger, "append", death.wrap(SqliteLedger.append))
        patch.setattr(Jobs, "_written", death.wrap(Jobs._written))
        patch.setattr(BulkKeys, "ensure", death.wrap(BulkKeys.ensure))
        patch.setattr(BulkKeys, "destroy", death.wrap(BulkKeys.destroy))
        with contextlib.suppress(Died):
            await world.go(world.order(WHO))


async def everything_is_well(world) -> None:
    """After going on: each asked once, each answer on record once, the ledger whole."""
    run, report = await world.go(world.order(WHO))
    assert (report.answered, report.next_at) == (3, None)
    assert set(world.platform.asynchronous.asked.values()) == {1}
    assert len(world.platform.asynchronous.asked) == 3
    results = await world.results(run)
    states = [results[row]["blocks"]["jobSeeker"]["state"] for row in (2, 3, 4)]
    assert states == ["fresh", "denied", "empty"]
    async with world.bench() as bench:
        records = await bench.ledger.records(0, 1000)
        (job,) = await bench.jobs.jobs(run.id)
        count = "SELECT count(*) FROM bulk_key"
        assert await bench.jobs.work(lambda db: db.execute(count).fetchone()[0]) == 0
    assert job.state == "done"
    for kind in ("fragment", "answer"):
        assert sum(r.kind == kind and r.header.get("bulk") == job.id for r in records) == 3
    sent = [r.id for r in records if r.kind == "sent"]
    assert sorted(sent) == sorted(r.id for r in records if r.kind == "outcome")
    assert world.verified().findings == []


WRITES = 19
"""Accesses (3); the run's record and rows (2); the key (1); each of two messages: its state,
its halves, what came of it (8, the last of which is everybody's part, after the mapping's
text); the end (5)."""


async def test_a_run_makes_the_writes_that_are_tried_below(tmp_path, bulk_keys, monkeypatch):
    """A write that is added to a run is added to the crashes."""
    async with a_bulk_world(tmp_path, bulk_keys, SOON) as world:
        death = Death(10**6, after=False)
        await a_run_that_dies(world, monkeypatch, death)
        assert death.writes == WRITES


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("number", range(1, WRITES + 1))
async def test_a_run_that_dies_at_any_write_is_gone_on_with(
    tmp_path, bulk_keys, monkeypatch, number, after
):
    """Every write of a run in turn, the exchanges' own too, lost or durable and unheard of."""
    async with a_bulk_world(tmp_path, bulk_keys, SOON) as world:
        death = Death(number, after=after)
        await a_run_that_dies(world, monkeypatch, death)
        assert death.struck
        await everything_is_well(world)


@pytest.mark.parametrize("lost", ["answer to the request", "the answer itself"])
async def test_an_answer_that_was_recorded_is_read_and_not_fetched_again(
    tmp_path, bulk_keys, monkeypatch, lost
):
    """What the hub has on record costs none of the servings that the platform counts."""
    async with a_bulk_world(tmp_path, bulk_keys, SOON) as world:
        name = "confirmed" if lost == "answer to the request" else "delivered"
        with monkeypatch.context() as patch:

            def dies(*_: Any) -> None:
                raise Died

            patch.setattr(f"connectors.age.batch.AgeBatch.{name}", dies)
            with pytest.raises(Died):
                await world.go(world.order(WHO))
        run, report = await world.go(world.order(WHO))
        assert report.answered == 3
        assert set(world.platform.asynchronous.served.values()) == {1}
        async with world.bench() as bench:
            (job,) = await bench.jobs.jobs(run.id)
        assert (job.sendings, job.polls) == (1, 1)
