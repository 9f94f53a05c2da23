"""Golden ledgers: read a copy, or make one, once per format and to be kept for ever, by
`python -m tests.support.golden FOLDER`.

Every block answered by its mappings' first example, for a citizen and for an official, with
people beside the subject, and a checkpoint that was kept elsewhere in the middle of it.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
from pathlib import Path

from msgspec.structs import replace

from hub.ledger.lifecycle import Why, block, destroy, hold, keys_of
from hub.ledger.recorder import entry_of
from hub.position.desk import Wish
from tests.support.answering import CALLER, World, a_world
from tests.support.builders import NOW, an_official_access
from tests.support.ledgers import SUBJECT, a_ledger, a_sent, an_entry, its_outcome

GOLDEN = Path(__file__).parents[1] / "golden"
STATE = (
    "jobSeeker",
    "unemploymentBenefit",
    "workHistory",
    "incomeLevel",
    "largeFamily",
    "disability",
)
ROUNDS: tuple[dict[str, tuple[str, ...]], ...] = (
    {
        "padron": ("residence",),
        "sap_trm": ("taxBills",),
        "civis": ("socialServices", "socialBenefits"),
        "avisos": ("serviceRequests",),
        "age": STATE,
        "citas": ("appointments",),
        "expedientes": ("cases",),
        "registro": ("registryEntries",),
        "notifica": ("notifications",),
        "censo": ("electoralRoll",),
        "tabla": ("seniorCentres",),
    },
    {"padron": ("identity",), "sap_trm": ("fines",)},
    {"sap_trm": ("directDebits",)},
)
"""Blocks that one set of payloads feeds: an example of another shares their operations."""

OTHER = "99000006W"
OFFICIAL = replace(CALLER, audience="official", document=None, subject_id="official")
WHY = Why(by="golden", ground="a_golden_ledger", order="GOLDEN-ORDER")


def golden_copy(name: str, folder: Path) -> Path:
    """A copy of a golden ledger in *folder*, with the modes that git does not keep."""
    shutil.copytree(GOLDEN / name, folder)
    (folder / "keys").chmod(0o700)
    for key in (folder / "keys").iterdir():
        key.chmod(0o600)
    return folder


async def make(folder: Path) -> None:
    """A golden ledger in *folder*, which must be empty."""
    for number, feeds in enumerate(ROUNDS):
        async with a_world(folder, feeds) as world:
            if not number:
                await _plain(world)
                kept = await world.ledger.checkpoint()
                (folder / "kept-elsewhere.txt").write_text(kept.note, "utf-8")
                await world.answer(OTHER, blocks=("residence",))
            await world.answer(blocks=None)
            access = an_official_access(
                caller=OFFICIAL, authorisations=dict.fromkeys(STATE, "EVIDENCE")
            )
            await world.desk.open_access(access, None, "golden")
            await world.desk.door.reveal(access, ("disability",), "a golden ledger", "R")
            await world.desk.answer(access, OFFICIAL, Wish())
    async with a_ledger(folder) as ledger:
        await ledger.append([entry_of(a_sent(id="GOLDEN-ORPHAN"))])


async def _plain(world: World) -> None:
    """What `tests/unit/ledger/test_golden.py` reads back, and rows that commands change."""
    ledger, sent = world.ledger, a_sent(id="GOLDEN-EXCHANGE")
    await ledger.append(
        [
            an_entry(id="GOLDEN-ACCESS-0", payload=b"access 0"),
            entry_of(sent),
            entry_of(its_outcome(sent)),
            an_entry("answer", id="GOLDEN-ANSWER-1", payload=b'{"answer":1}', decoded=b"decoded 1"),
            an_entry(id="GOLDEN-GONE", retention="official"),
            an_entry(id="GOLDEN-BLOCKED", retention="technical", at=NOW),
        ]
    )
    by_class = await ledger.query(
        lambda db: dict(db.execute("SELECT retention, id FROM data_key").fetchall())
    )
    assert set(by_class.values()) == set(await keys_of(ledger, SUBJECT))
    await destroy(ledger, [by_class["official"]], WHY, {})
    await block(ledger, [by_class["technical"]], WHY)
    await hold(ledger, SUBJECT, WHY)


if __name__ == "__main__":
    asyncio.run(make(Path(sys.argv[1])))
