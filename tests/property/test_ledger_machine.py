"""The ledger against a list: whatever is done in whatever order, both hold the same."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from hub.core.errors import LedgerError
from hub.ledger.checkpoint import Checkpoint
from hub.ledger.merkle import is_consistent, is_included, leaf_hash
from hub.ledger.recorder import entry_of
from hub.ledger.sqlite import SqliteLedger
from hub.ledger.store import Entry
from tests.support.ledgers import (
    FaultyDisk,
    a_ledger,
    a_sent,
    an_entry,
    its_outcome,
    verified,
)

T = TypeVar("T")
PAYLOADS = st.one_of(st.none(), st.binary(max_size=50))


class LedgerMachine(RuleBasedStateMachine):
    """Appends, readings, faults and restarts in any order; `model` is what must be there."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = Path(tempfile.mkdtemp(prefix="ledger-"))
        self.disk = FaultyDisk()
        self.model: list[Entry] = []
        self.heads: list[Checkpoint] = []
        self.waiting: list[Any] = []

    def run_to_end(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    @initialize()
    def start(self) -> None:
        self.opened = a_ledger(self.folder, self.disk)
        self.ledger: SqliteLedger = self.run_to_end(self.opened.__aenter__())

    @rule(
        payloads=st.lists(PAYLOADS, min_size=1, max_size=4),
        kind=st.sampled_from(["access", "answer"]),
    )
    def append(self, payloads: list[bytes | None], kind: Any) -> None:
        entries = [an_entry(kind, payload=payload) for payload in payloads]
        receipt = self.run_to_end(self.ledger.append(entries))
        assert receipt.first == len(self.model)
        self.model += entries
        assert receipt.size == len(self.model)

    @rule(count=st.integers(2, 6))
    def append_at_once(self, count: int) -> None:
        entries = [an_entry() for _ in range(count)]

        async def all_of_them() -> list[int]:
            calls = [self.ledger.append([entry]) for entry in entries]
            return [receipt.first for receipt in await asyncio.gather(*calls)]

        firsts = self.run_to_end(all_of_them())
        self.model += [entry for _, entry in sorted(zip(firsts, entries, strict=True), key=first)]

    @rule()
    def ask(self) -> None:
        sent = a_sent()
        self.run_to_end(self.ledger.append([entry_of(sent)]))
        self.model.append(entry_of(sent))
        self.waiting.append(sent)

    @rule()
    def hear(self) -> None:
        if self.waiting:
            outcome = entry_of(its_outcome(self.waiting.pop()))
            self.run_to_end(self.ledger.append([outcome]))
            self.model.append(outcome)

    @rule()
    def append_what_is_there(self) -> None:
        if not self.model:
            return
        try:
            self.run_to_end(self.ledger.append([an_entry(), self.model[-1]]))
        except LedgerError:
            return
        raise AssertionError("the same record was written twice")

    @rule()
    def append_on_a_failing_disk(self) -> None:
        self.disk.mode = "fails"
        try:
            self.run_to_end(self.ledger.append([an_entry()]))
        except LedgerError:
            return
        finally:
            self.disk.mode = "works"
        raise AssertionError("a failed commit was acknowledged")

    @rule()
    def append_and_walk_away(self) -> None:
        entry = an_entry()

        async def cancelled() -> None:
            task = asyncio.ensure_future(self.ledger.append([entry]))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])

        self.run_to_end(cancelled())
        after = an_entry()
        self.run_to_end(self.ledger.append([after]))
        self.model += [entry, after]

    @rule()
    def sign(self) -> None:
        head = self.run_to_end(self.ledger.checkpoint())
        assert head.size == len(self.model)
        self.heads.append(head)

    @rule(data=st.data())
    def read(self, data: st.DataObject) -> None:
        if self.model:
            index = data.draw(st.integers(0, len(self.model) - 1))
            entry = self.model[index]
            record = self.run_to_end(self.ledger.read(entry.id, entry.kind))
            assert record is not None
            assert (record.index, record.payload) == (index, entry.payload)

    @rule(data=st.data())
    def prove(self, data: st.DataObject) -> None:
        if self.model:
            index = data.draw(st.integers(0, len(self.model) - 1))
            proof = self.run_to_end(self.ledger.prove(index))
            assert proof is not None
            head = proof.checkpoint
            assert is_included(leaf_hash(proof.leaf), index, head.size, proof.path, head.root)

    @rule(data=st.data())
    def prove_growth(self, data: st.DataObject) -> None:
        heads = [head for head in self.heads if head.size]
        if heads:
            old, new = sorted((data.draw(st.sampled_from(heads)) for _ in "12"), key=size)
            proof = self.run_to_end(self.ledger.prove_extends(old.size, new.size))
            assert is_consistent(old.size, new.size, old.root, new.root, proof)

    @rule()
    def restart(self) -> None:
        self.run_to_end(self.opened.__aexit__(None, None, None))
        self.start()

    @invariant()
    def holds_as_many(self) -> None:
        if hasattr(self, "ledger"):
            assert self.run_to_end(self.ledger.size()) == len(self.model)

    def teardown(self) -> None:
        if hasattr(self, "ledger"):
            listed = self.run_to_end(self.ledger.records(0, 1000))
            assert [(r.kind, r.id) for r in listed] == [(e.kind, e.id) for e in self.model]
            self.run_to_end(self.opened.__aexit__(None, None, None))
            report = verified(self.folder, *(head.note for head in self.heads))
            assert report.findings == []
            assert report.records == len(self.model)
            assert report.without_outcome == len(self.waiting)
        self.loop.close()
        shutil.rmtree(self.folder)


def first(pair: tuple[int, Entry]) -> int:
    """The place in the log."""
    return pair[0]


def size(head: Checkpoint) -> int:
    """The size of a head."""
    return head.size


TestLedgerIsAList = LedgerMachine.TestCase
TestLedgerIsAList.settings = settings(max_examples=25, stateful_step_count=20)
