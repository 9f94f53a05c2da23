"""Answers of earlier formats replay for ever: through the text of then, to the digest of then."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.audit.case import open_case
from hub.audit.choose import found
from hub.audit.library import Library
from hub.audit.replay import Replayer
from hub.core.model import BLOCKS
from hub.ledger.open import open_ledger
from hub.ledger.store import Search
from tests.support.answering import no_network
from tests.support.builders import NOW
from tests.support.golden import golden_copy
from tests.support.ledgers import ORIGIN, verified

BEFORE = {
    *("identity", "residence", "taxBills", "fines", "directDebits"),
    *("socialServices", "socialBenefits", "serviceRequests"),
    *("jobSeeker", "unemploymentBenefit", "workHistory"),
    *("incomeLevel", "largeFamily", "disability"),
}
FOLDER = {
    *("appointments", "cases", "electoralRoll"),
    *("notifications", "registryEntries", "seniorCentres"),
}
ANSWERED = [("answers-2", 21, BEFORE), ("ledger-3", 27, BEFORE | FOLDER)]
"""Golden ledgers with whole answers; those before them hold toys, which no mapping made."""


@pytest.mark.parametrize(("name", "count", "blocks"), ANSWERED, ids=[row[0] for row in ANSWERED])
async def test_golden_answers_replay_to_the_digests_on_record(
    tmp_path: Path, name: str, count: int, blocks: set[str]
) -> None:
    """Every block of that day, out of the file alone; nothing is skipped and nobody asked."""
    folder = golden_copy(name, tmp_path / "golden")
    ledger = open_ledger(
        folder / "ledger.db", folder / "keys", origin=ORIGIN, clock=lambda: NOW, publish_every_s=0
    )
    made: set[str] = set()
    with no_network() as calls:
        try:
            replayer = Replayer(Library(ledger, BLOCKS))
            async for record in found(ledger, Search(kind="answer")):
                if "blocks" in record.header:
                    case = await open_case(ledger, record.id)
                    made |= {b.name for b in case.blocks if b.value_digest is not None}
                    await replayer.run(case)
        finally:
            await ledger.close()
    report = replayer.finish()
    assert (report.findings, calls) == ([], [])
    assert (report.answers, report.blocks, report.identical) == (7, count, count)
    assert made == blocks
    assert verified(folder).findings == []
