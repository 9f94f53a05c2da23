"""Ledgers of every format that there was: kept in the repository, and still good today."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.ledger import leaf
from hub.ledger.keys import open_keys
from hub.ledger.lifecycle import Why, block, keys_of
from hub.ledger.open import open_ledger
from hub.ledger.schema import FORMAT
from hub.ledger.seal import pseudonym_of
from hub.ledger.store import Search
from tests.support.builders import NOW
from tests.support.golden import GOLDEN, golden_copy
from tests.support.ledgers import ORIGIN, SUBJECT, an_entry, verified

FORMATS = sorted(path.name for path in GOLDEN.glob("ledger-*"))


@pytest.fixture(params=[*FORMATS, "answers-2"])
def golden(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of a golden ledger, with the modes that git does not keep."""
    return golden_copy(request.param, tmp_path / "golden")


def test_every_format_has_its_golden_ledger() -> None:
    """A new format comes with a ledger that every later version must verify."""
    newest = max(int(FORMAT), leaf.FORMAT)
    assert [f"ledger-{number}" for number in range(1, newest + 1)] == FORMATS


def kept(folder: Path) -> str:
    """The checkpoint that was kept elsewhere."""
    return (folder / "kept-elsewhere.txt").read_text("utf-8")


def test_a_golden_ledger_verifies_as_it_lies_there(golden: Path) -> None:
    """The verifier knows every format without bringing it up."""
    report = verified(golden, kept(golden))
    assert (report.findings, report.covered, report.without_outcome) == ([], report.records, 1)


async def test_a_golden_ledger_is_brought_up_and_goes_on(golden: Path) -> None:
    """Its records read back, it is searched, written, blocked, and verifies afterwards."""
    before = verified(golden).records
    ledger = open_ledger(
        golden / "ledger.db", golden / "keys", origin=ORIGIN, clock=lambda: NOW, publish_every_s=0
    )
    try:
        assert await ledger.payload("access", "GOLDEN-ACCESS-0") == b"access 0"
        answer = await ledger.read("GOLDEN-ANSWER-1", "answer")
        assert answer is not None
        assert (answer.payload, answer.decoded) == (b'{"answer":1}', b"decoded 1")
        found = await ledger.search(Search(subject=SUBJECT, kind="answer"))
        assert found.items[-1].id == "GOLDEN-ANSWER-1"
        await ledger.append([an_entry()])
        assert await ledger.close_orphans() == 1
        blocked = await block(ledger, await keys_of(ledger, SUBJECT), Why(by="x", ground="y"))
        assert blocked.keys
    finally:
        await ledger.close()
    report = verified(golden, kept(golden))
    assert (report.findings, report.without_outcome) == ([], 0)
    assert report.records > before
    assert pseudonym_of(open_keys(golden / "keys"), SUBJECT)
