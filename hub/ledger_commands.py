"""`hub ledger …`: what archivists, the legal service and operators do with payloads and keys.

A subject's document number is read from a file or from standard input, never from the command
line, which stays in the history of a shell and in the list of processes.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import IO, Any, TypeVar

import click

from hub.cli_options import CONFIG, tells_errors
from hub.core.document import parse_document
from hub.core.errors import SettingsError
from hub.core.moment import utc_now
from hub.generation import contracts_of
from hub.ledger.batch import subject_of
from hub.ledger.checkpoint import VerifierKey
from hub.ledger.lifecycle import Done, Why, block, destroy, hold, keys_of, lift
from hub.ledger.open import open_ledger
from hub.ledger.proof import proof_text
from hub.ledger.release import order_text, release
from hub.ledger.retention import Due, Rule, due_at
from hub.ledger.rotation import rotate_kek, rotate_log_key
from hub.ledger.sqlite import SqliteLedger
from hub.position.outside import model_of
from hub.position.purposes import load_purposes
from hub.settings import Settings, load_settings

T = TypeVar("T")

SUBJECT = click.option(
    "--subject-from", "subject", type=click.File("r"), required=True, help="File, - for stdin."
)
BY = click.option(
    "--by", required=True, help="Who does it: a code without blanks, no name or document."
)
GROUND = click.option("--ground", required=True, help="Why: a code, such as rgpd-17.1.b.")
ORDER = click.option("--order", help="A court's or an authority's order, by its reference, a code.")


def rules_of(settings: Settings) -> dict[str, Rule]:
    """The retention classes of the table of purposes."""
    table = load_purposes(
        contracts_of(settings) / "hub" / "purposes.toml", model_of(settings).blocks
    )
    return {
        name: Rule(use_days=row.use_days, blocked_days=row.blocked_days)
        for name, row in table.retention.items()
    }


def opened(settings: Settings, work: Callable[[SqliteLedger], Awaitable[T]]) -> T:
    """The result of *work* on the ledger of *settings*."""
    file = settings.path(settings.ledger.file)
    if not file.exists():
        raise SettingsError([f"there is no ledger at {settings.ledger.file} yet"])

    async def run() -> T:
        keys, origin = settings.path(settings.keys), settings.ledger.origin
        ledger = open_ledger(file, keys, origin=origin)
        try:
            return await work(ledger)
        finally:
            await ledger.close()

    return asyncio.run(run())


def told(verb: str, done: Done) -> int:
    """Print what an act came to; the exit code."""
    click.echo(f"{verb}: {len(done.keys)} data keys")
    for ground, keys in done.refused.items():
        click.echo(f"refused ({ground}): {len(keys)} data keys")
    if done.elsewhere:
        click.echo(f"payloads of others speak of this person: {done.elsewhere} data keys")
    if done.traces:
        click.echo("a reader keeps the write-ahead log: traces stay until the hub has stopped")
    return 1 if done.refused or done.traces else 0


@click.command("block")
@CONFIG
@SUBJECT
@BY
@GROUND
@tells_errors
def ledger_block(config: Path, subject: IO[str], by: str, ground: str) -> None:
    """End the use of a person's payloads: for a release alone from now on (LOPDGDD art. 32)."""
    document, why = parse_document(subject.read().strip()), Why(by=by, ground=ground)

    async def work(ledger: SqliteLedger) -> Done:
        return await block(ledger, await keys_of(ledger, document), why)

    sys.exit(told("blocked", opened(load_settings(config), work)))


@click.command("hold")
@CONFIG
@SUBJECT
@BY
@GROUND
@tells_errors
def ledger_hold(config: Path, subject: IO[str], by: str, ground: str) -> None:
    """Stop the destruction of whatever is about a person; prints the hold's id."""
    document, why = parse_document(subject.read().strip()), Why(by=by, ground=ground)
    click.echo(opened(load_settings(config), lambda ledger: hold(ledger, document, why)))


@click.command("lift")
@CONFIG
@click.argument("hold_id")
@BY
@GROUND
@tells_errors
def ledger_lift(config: Path, hold_id: str, by: str, ground: str) -> None:
    """End a hold."""
    why = Why(by=by, ground=ground)
    opened(load_settings(config), lambda ledger: lift(ledger, hold_id, why))


@click.command("order")
@CONFIG
@SUBJECT
@GROUND
@click.option("--days", default=7, show_default=True, help="For how long, at most 30.")
@tells_errors
def ledger_order(config: Path, subject: IO[str], ground: str, days: int) -> None:
    """Print the text of a release for two people to sign as a C2SP note."""
    document = parse_document(subject.read().strip())
    until = utc_now() + dt.timedelta(days=days)

    async def work(ledger: SqliteLedger) -> str:
        pseudonym = subject_of(ledger.keys, document)
        return order_text(ledger.verifier_key.name, pseudonym, until, ground)

    click.echo(opened(load_settings(config), work), nl=False)


@click.command("release")
@CONFIG
@click.argument("note", type=click.Path(path_type=Path, exists=True))
@tells_errors
def ledger_release(config: Path, note: Path) -> None:
    """Let what is blocked be read for a while, by an order that two people signed."""
    settings, text = load_settings(config), note.read_text("utf-8")
    people = [VerifierKey.parse(line) for line in settings.ledger.releasers]
    sys.exit(told("released", opened(settings, lambda ledger: release(ledger, text, people))))


@click.command("destroy")
@CONFIG
@SUBJECT
@BY
@GROUND
@ORDER
@tells_errors
def ledger_destroy(config: Path, subject: IO[str], by: str, ground: str, order: str | None) -> None:
    """Destroy a person's data keys for good; refused before its time, and under a hold always."""
    settings, document = load_settings(config), parse_document(subject.read().strip())
    why, rules = Why(by=by, ground=ground, order=order), rules_of(settings)

    async def work(ledger: SqliteLedger) -> Done:
        return await destroy(ledger, await keys_of(ledger, document), why, rules)

    sys.exit(told("destroyed", opened(settings, work)))


@click.command("retain")
@CONFIG
@click.option("--dry-run", is_flag=True, help="Only say what is due.")
@click.option("--by", default="retention", show_default=True)
@tells_errors
def ledger_retain(config: Path, by: str, *, dry_run: bool) -> None:
    """Block and destroy what the retention classes of the table of purposes say is due."""
    settings = load_settings(config)
    rules = rules_of(settings)

    async def work(ledger: SqliteLedger) -> tuple[Due, bool]:
        due = await ledger.query(lambda db: due_at(db, rules, ledger.clock()))
        if dry_run:
            return due, False
        await block(ledger, due.block, Why(by=by, ground="end_of_use"))
        why = Why(by=by, ground="end_of_liability")
        done = await destroy(ledger, due.destroy, why, rules)
        return due, done.traces

    due, traces = opened(settings, work)
    verb = "due" if dry_run else "done"
    click.echo(f"{verb}: block {len(due.block)}, destroy {len(due.destroy)} data keys")
    click.echo(f"kept by a legal hold: {len(due.held)}")
    for name, count in due.unknown.items():
        click.echo(f"no retention class {name}: {count} data keys stay", err=True)
    sys.exit(1 if due.unknown or traces else 0)


@click.command("rotate-log-key")
@CONFIG
@BY
@tells_errors
def ledger_rotate_log_key(config: Path, by: str) -> None:
    """Sign with a new key from now on, while the hub is stopped; prints it for auditors."""
    click.echo(str(asyncio.run(rotate_log_key(**_place(load_settings(config)), by=by))))


@click.command("rotate-kek")
@CONFIG
@BY
@tells_errors
def ledger_rotate_kek(config: Path, by: str) -> None:
    """Wrap the data keys anew, while the hub is stopped, and delete the old wrapping key."""
    count = asyncio.run(rotate_kek(**_place(load_settings(config)), by=by))
    click.echo(f"wrapped anew: {count} data keys")


@click.command("proof")
@CONFIG
@click.argument("index", type=int)
@tells_errors
def ledger_proof(config: Path, index: int) -> None:
    """Print the proof of a record as a tlog-proof@v1 file."""
    proof = opened(load_settings(config), lambda ledger: ledger.prove(index))
    if proof is None:
        raise SettingsError(["there is no record of this number"])
    click.echo(proof_text(proof), nl=False)


def _place(settings: Settings) -> dict[str, Any]:
    return {
        "path": settings.path(settings.ledger.file),
        "keys": settings.path(settings.keys),
        "origin": settings.ledger.origin,
    }


COMMANDS = (
    ledger_block,
    ledger_hold,
    ledger_lift,
    ledger_order,
    ledger_release,
    ledger_destroy,
    ledger_retain,
    ledger_rotate_log_key,
    ledger_rotate_kek,
    ledger_proof,
)
