"""What auditors type; the work is in `hub.auditing`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, TextIO, get_args

import click

from hub.cli_options import CONFIG, tells_errors
from hub.ledger.store import Kind, Search

REASON = click.option("--reason", required=True, help="Why; it goes on record.")
_OF_MANY = ("answer", "purpose", "period", "last", "wire")
"""Options of `hub replay` that say nothing about the one answer of `--as-known-at`."""
REVEAL = click.option("--reveal", is_flag=True, help="Show values. Goes on record as such.")


@click.command("explain")
@click.argument("answer")
@click.option("--block", help="One block alone.")
@REASON
@REVEAL
@CONFIG
@tells_errors
def explain(answer: str, block: str | None, reason: str, config: Path, *, reveal: bool) -> None:
    """Where each field of the recorded ANSWER comes from, with its proof."""
    from hub import auditing

    click.echo(
        auditing.run(config, lambda s: auditing.explained(s, answer, block, reason, reveal=reveal))
    )


@click.command("replay")
@click.option("--answer", help="One answer.")
@click.option("--subject", help="Document number: every answer about one person.")
@click.option("--purpose", help="Answers for this purpose.")
@click.option("--period", help="2026-10, 2026-10-01 or FROM/TO; UTC.")
@click.option("--last", type=click.IntRange(1), help="So many answers, the newest first.")
@click.option(
    "--against",
    type=click.Choice(["today", "working-tree", "nothing"]),
    default="today",
    show_default=True,
    help="What the mapping of then is compared with.",
)
@click.option("--format", "form", type=click.Choice(["text", "json", "html"]), default="text")
@click.option("--wire", is_flag=True, help="Recorded bytes through the connectors of now; JSON.")
@click.option(
    "--as-known-at",
    "as_known",
    help="What was last answered about --subject then; a day is meant to its end, UTC. JSON.",
)
@REASON
@REVEAL
@CONFIG
@tells_errors
def replay(config: Path, reason: str, form: str, as_known: str | None, **asked: Any) -> None:
    """Run recorded payloads through the mapping of then, and compare with another.

    Asks no source. Ends with 1 when something does not come out as it is on record.
    """
    from hub import auditing
    from hub.audit.render import as_json

    person = auditing.person_of(asked["subject"])
    if as_known is not None:
        if person is None:
            raise click.UsageError("--as-known-at needs --subject")
        if given := [name for name in _OF_MANY if asked[name]]:
            raise click.UsageError(f"--as-known-at does not go with --{given[0]}")
        moment = auditing.last_moment_of(as_known)
        click.echo(auditing.run(config, lambda s: auditing.known(s, person, moment, reason)))
        return
    since, until = auditing.period_of(asked["period"]) if asked["period"] else (None, None)
    search = Search(subject=person, purpose=asked["purpose"], since=since, until=until)
    scope = auditing.Scope(
        search=search,
        most=asked["last"],
        answer=asked["answer"],
        against=None if asked["against"] == "nothing" else asked["against"],
        reveal=asked["reveal"],
    )
    if asked["wire"]:
        wire = auditing.run(config, lambda s: auditing.wired(s, scope, reason))
        click.echo(as_json(wire))
        sys.exit(0 if all(answer.ok for answer in wire) else 1)
    report = auditing.run(config, lambda s: auditing.replay(s, scope, reason))
    click.echo(auditing.RENDERERS[form](report))
    sys.exit(0 if report.ok else 1)


@click.group("audit")
def audit() -> None:
    """Samples, proofs and bundles for auditors."""


@audit.command("sample")
@click.option("--period", required=True, help="2026-10, 2026-10-01 or FROM/TO; UTC.")
@click.option("--size", type=click.IntRange(1), required=True, help="How many records.")
@click.option(
    "--kind",
    type=click.Choice(get_args(Kind)),
    default="access",
    show_default=True,
    help="Of what.",
)
@click.option(
    "--checkpoint",
    type=click.File(encoding="utf-8"),
    help="The one agreed on; by default the first that was signed after the period.",
)
@REASON
@CONFIG
@tells_errors
def sample(config: Path, reason: str, period: str, checkpoint: TextIO | None, **drawn: Any) -> None:
    """Draw records from the root of the signed tree; anybody can draw them again."""
    from hub import auditing
    from hub.audit.sample import Lottery

    since, until = auditing.period_of(period)
    note = None if checkpoint is None else checkpoint.read()
    lottery = Lottery(since=since, until=until, checkpoint=note, **drawn)
    click.echo(auditing.run(config, lambda s: auditing.sampled(s, lottery, reason)))


@audit.command("consistency")
@click.argument("checkpoint", type=click.File(encoding="utf-8"))
@CONFIG
@tells_errors
def consistency(config: Path, checkpoint: TextIO) -> None:
    """Prove that the log only grew since the CHECKPOINT in that file."""
    from hub import auditing

    note = checkpoint.read()
    click.echo(auditing.run(config, lambda s: auditing.extended(s, note)))


@audit.command("export")
@click.option("--answer", "answers", multiple=True, help="A chosen case, payloads included.")
@click.option("--period", help="Every record of it, payloads left out; UTC.")
@click.option("--auditor", type=click.Path(path_type=Path), help="Certificate to encrypt to, PEM.")
@click.option("--days", type=click.IntRange(1), default=90, show_default=True, help="To keep it.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The bundle.")
@REASON
@CONFIG
@tells_errors
def export(config: Path, reason: str, out: Path, **asked: Any) -> None:
    """Write one file that somebody who has never seen the hub can verify and open.

    The first time-stamp that covers all of it comes along, where an authority gave one.
    """
    from hub import exporting

    period = None if asked["period"] is None else exporting.period_of(asked["period"])
    wish = exporting.Wish(
        answers=asked["answers"],
        period=period,
        auditor=asked["auditor"],
        days=asked["days"],
        reason=reason,
    )
    click.echo(exporting.export(config, wish, out))


@click.command("report")
@click.option("--subject", required=True, help="Document number of the person who asks.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The page (HTML).")
@REASON
@CONFIG
@tells_errors
def report(config: Path, subject: str, out: Path, reason: str) -> None:
    """What the hub keeps about a person and who looked (GDPR art. 15), in plain Spanish."""
    from hub import exporting

    click.echo(exporting.report(config, subject, out, reason))


COMMANDS: tuple[click.Command, ...] = (explain, replay, audit, report)
