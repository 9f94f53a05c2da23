"""`hub ledger …`: what is done, what is refused, and what the exit code says."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from hub.cli import main
from hub.core.consistency import KEPT_CLASSES, OWN_CLASSES
from hub.core.model import BLOCKS
from hub.ledger.proof import open_proof
from hub.ledger.sqlite import SqliteLedger
from hub.ledger_commands import opened, rules_of
from hub.position.purposes import load_purposes
from hub.settings import load_settings
from tests.support.answering import a_world
from tests.support.builders import CITIZEN
from tests.support.ledgers import ORIGIN, a_ledger, an_entry, verified

ROOT = Path(__file__).parents[2]


async def _filled(folder: Path) -> None:
    async with a_ledger(folder) as ledger:
        await ledger.append([an_entry(id="ONE"), an_entry("answer", id="TWO")])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A configured ledger with two records of the default citizen."""
    asyncio.run(_filled(tmp_path))
    (tmp_path / "hub.toml").write_text(
        f'keys = "keys"\n[ledger]\nfile = "ledger.db"\norigin = "{ORIGIN}"\n', "utf-8"
    )
    return tmp_path


def ran(folder: Path, *words: str, given: str | None = CITIZEN) -> Result:
    """`hub ledger …` with the citizen's number on standard input."""
    command = ["ledger", *words, "--config", str(folder / "hub.toml")]
    return CliRunner().invoke(main, command, input=given, catch_exceptions=False)


ACT = ("--subject-from", "-", "--by", "archive", "--ground", "test")


def test_a_person_is_blocked_held_and_destroyed_by_an_order(folder: Path) -> None:
    """The whole way, each step with its record, and no document number in what is printed."""
    blocked = ran(folder, "block", *ACT)
    assert (blocked.exit_code, blocked.output) == (0, "blocked: 1 data keys\n")
    held = ran(folder, "hold", *ACT)
    refused = ran(folder, "destroy", *ACT, "--order", "court-1")
    assert (refused.exit_code, "refused (legal_hold): 1" in refused.output) == (1, True)
    lifted = ran(folder, "lift", held.output.strip(), "--by", "legal", "--ground", "closed")
    assert lifted.exit_code == 0
    early = ran(folder, "destroy", *ACT)
    assert (early.exit_code, "refused (liability_period): 1" in early.output) == (1, True)
    gone = ran(folder, "destroy", *ACT, "--order", "court-1")
    assert (gone.exit_code, gone.output) == (0, "destroyed: 1 data keys\n")
    report = verified(folder)
    assert (report.findings, report.records) == ([], 8)


def test_a_dry_run_changes_nothing(folder: Path) -> None:
    """It says what is due and writes no record."""
    before = (folder / "ledger.db").read_bytes()
    dry = ran(folder, "retain", "--dry-run")
    assert dry.output.startswith("due: block 0, destroy 0 data keys")
    assert dry.exit_code == 0
    assert (folder / "ledger.db").read_bytes() == before


WRITTEN = re.compile(r'^(?:RETENTION = |\s+retention: str = )"(\w+)"$', re.MULTILINE)


def test_every_class_that_the_hub_writes_has_its_rule() -> None:
    """The table of purposes says for each retention class when it ends; the others stay for good."""
    settings = load_settings(ROOT / "hub.toml")
    code = [
        file.read_text("utf-8")
        for folder in ("hub", "connectors")
        for file in sorted((ROOT / folder).rglob("*.py"))
    ]
    own = {name for text in code for name in WRITTEN.findall(text)}
    assert own == {*OWN_CLASSES, *KEPT_CLASSES}
    table = load_purposes(ROOT / "contracts" / "hub" / "purposes.toml", BLOCKS)
    asked = {purpose.retention for purpose in table.purposes}
    assert asked | {*OWN_CLASSES} == rules_of(settings).keys()


def test_after_an_answer_there_is_nothing_that_no_class_speaks_of(folder: Path) -> None:
    """The mapping's text that goes on record with it stays, and the command ends well."""

    async def answered() -> None:
        async with a_world(folder) as world:
            await world.answer(blocks=("residence",))
            kept = [record.header["retention"] for record in await world.ledger.recent(50)]
            assert "mapping" in kept

    asyncio.run(answered())
    for words in (("--dry-run",), ()):
        done = ran(folder, "retain", *words)
        assert (done.exit_code, "no retention class" in done.output) == (0, False)


def test_keys_are_rotated_from_the_command_line(folder: Path) -> None:
    """Both rotations leave a ledger that verifies and opens."""
    assert ran(folder, "rotate-log-key", "--by", "it").output.startswith(f"{ORIGIN}+")
    assert ran(folder, "rotate-kek", "--by", "it").output == "wrapped anew: 1 data keys\n"
    assert verified(folder).findings == []

    async def payload(ledger: SqliteLedger) -> bytes | None:
        return await ledger.payload("access", "ONE")

    assert opened(load_settings(folder / "hub.toml"), payload) == b"a sealed payload"


def test_a_proof_is_printed_as_a_file(folder: Path) -> None:
    """What is printed proves its record to whoever has the log's key."""
    printed = ran(folder, "proof", "1")

    async def key(ledger: SqliteLedger) -> object:
        return open_proof(printed.output, [ledger.verifier_key]).index

    assert opened(load_settings(folder / "hub.toml"), key) == 1
    assert ran(folder, "proof", "9").exit_code == 2


def test_an_order_is_a_text_for_two_and_unsigned_it_releases_nothing(folder: Path) -> None:
    """The text has the pseudonym, not the number; without signatures it is refused."""
    order = ran(folder, "order", "--subject-from", "-", "--ground", "court-1")
    assert order.output.startswith(f"posicion-integral release\n{ORIGIN}\nsubject ")
    assert CITIZEN not in order.output
    (folder / "order.txt").write_text(order.output, "utf-8")
    assert ran(folder, "release", str(folder / "order.txt")).exit_code == 2


def test_without_a_ledger_the_command_says_so(tmp_path: Path) -> None:
    """Nothing is made by looking for it."""
    (tmp_path / "hub.toml").write_text('keys = "keys"\n', "utf-8")
    result = ran(tmp_path, "block", *ACT)
    assert (result.exit_code, "there is no ledger" in result.output) == (2, True)
    assert not (tmp_path / "var").exists()
