"""The writing thread: order, ends, and callers whose loop is gone."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Sequence
from typing import Any

import pytest

from hub.core.errors import LedgerError
from hub.ledger.store import Entry, Receipt
from hub.ledger.writer import Writer
from tests.support.ledgers import an_entry


class Store:
    """What the thread is given: counts openings, keeps what it is told to write."""

    def __init__(self) -> None:
        self.openings = 0
        self.done: list[Any] = []
        self.error: BaseException | None = None

    def open(self) -> sqlite3.Connection:
        self.openings += 1
        return sqlite3.connect(":memory:", check_same_thread=False)

    def write(self, _db: sqlite3.Connection, entries: Sequence[Entry]) -> Receipt:
        if self.error is not None:
            raise self.error
        self.done += [entry.id for entry in entries]
        return Receipt(first=len(self.done) - len(entries), size=len(self.done), root=b"")

    def writer(self, every_s: float = 0) -> Writer:
        return Writer(self.open, self.write, lambda _db: self.done.append("published"), every_s)


async def test_work_comes_after_what_was_queued_before_it() -> None:
    """Appends and other work are carried out in the order in which they were asked for."""
    store = Store()
    writer = store.writer()
    calls: list[Any] = [
        writer.append([an_entry(id="a")]),
        writer.run(lambda _db: store.done.append("work")),
        writer.append([an_entry(id="b")]),
    ]
    await asyncio.gather(*calls)
    await writer.close()
    assert store.done == ["a", "work", "b", "published"]


ERRORS = {
    "storage": (sqlite3.OperationalError("disk I/O error"), 2),
    "damage": (sqlite3.DatabaseError("malformed"), 2),
    "a bug": (ZeroDivisionError("99000002K"), 2),
    "a refused entry": (LedgerError("refused"), 1),
    "a doubled entry": (sqlite3.IntegrityError("UNIQUE"), 1),
}


@pytest.mark.parametrize(("error", "openings"), ERRORS.values(), ids=ERRORS)
async def test_the_thread_outlives_every_error(error: Exception, openings: int) -> None:
    """Each error reaches the caller as a LedgerError; after one of the storage, a new connection."""
    store = Store()
    writer = store.writer()
    store.error = error
    with pytest.raises(LedgerError) as caught:
        await writer.append([an_entry()])
    assert "99000002K" not in str(caught.value)
    assert "99000002K" not in str(caught.value.__cause__)
    store.error = None
    await writer.append([an_entry(id="after")])
    await writer.close()
    assert store.done[0] == "after"
    assert store.openings == openings


async def test_a_connection_that_cannot_be_opened_is_tried_again() -> None:
    """Where opening failed, the caller is told, and the next append opens anew."""
    store = Store()

    def fails() -> sqlite3.Connection:
        store.openings += 1
        if store.openings < 3:
            raise sqlite3.OperationalError("unable to open database file")
        return sqlite3.connect(":memory:")

    writer = Writer(fails, store.write, lambda _db: None, 0)
    for _ in range(2):
        with pytest.raises(LedgerError, match="unable to open"):
            await writer.append([an_entry()])
    await writer.append([an_entry()])
    await writer.close()
    assert len(store.done) == 1


async def test_a_caller_who_left_is_told_nothing() -> None:
    """The result of a cancelled call goes nowhere, without an error in the loop."""
    faults: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, fault: faults.append(fault))
    store = Store()
    writer = store.writer()
    left = asyncio.ensure_future(writer.append([an_entry(id="left")]))
    await asyncio.sleep(0)
    left.cancel()
    await writer.append([an_entry(id="after")])
    await writer.close()
    assert store.done[:2] == ["left", "after"]
    assert faults == []


async def test_closing_ends_the_thread_and_refuses_what_comes_later() -> None:
    """After the end nothing is accepted, and nothing waits for ever."""
    writer = Store().writer()
    await writer.close()
    await writer.close()
    assert not writer._thread.is_alive()
    with pytest.raises(LedgerError, match="closed"):
        await writer.append([an_entry()])


def test_a_caller_whose_loop_has_ended_does_not_stop_the_thread() -> None:
    """An append whose loop is gone is written all the same, and others go on."""
    store = Store()

    async def leaves() -> Writer:
        writer = store.writer()
        slow = asyncio.ensure_future(writer.run(lambda _db: time.sleep(0.05)))
        left = asyncio.ensure_future(writer.append([an_entry(id="left")]))
        await asyncio.sleep(0)
        slow.cancel()
        left.cancel()
        return writer

    async def stays(writer: Writer) -> None:
        await writer.append([an_entry(id="later")])
        await writer.close()

    writer = asyncio.run(leaves())
    asyncio.run(stays(writer))
    assert store.done[:2] == ["left", "later"]


async def test_publishing_happens_by_itself_and_at_the_end() -> None:
    """On its beat while nothing else happens, and once more when closing."""
    store = Store()
    writer = store.writer(every_s=0.01)
    async with asyncio.timeout(5):
        while len(store.done) < 3:  # noqa: ASYNC110 - the publisher is a thread
            await asyncio.sleep(0.01)
    await writer.close()
    assert set(store.done) == {"published"}


async def test_publishing_is_not_starved_by_appends() -> None:
    """Under constant load heads are still signed on their beat."""
    store = Store()
    writer = store.writer(every_s=0.01)
    async with asyncio.timeout(5):
        while "published" not in store.done:
            await asyncio.gather(*(writer.append([an_entry()]) for _ in range(20)))
    await writer.close()
