"""`hub age …`: ask the platform about a file of people."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import click

from connectors.age.batch import BATCH_SERVICES
from hub.core.commands import BulkOrder, BulkReport, Progress, Workshop

NOT_YET = 75
"""Exit code of a run that has to be gone on with later (EX_TEMPFAIL of sysexits.h)."""

NO_ANSWER = 69
"""Exit code of a run that is over without an answer for somebody (EX_UNAVAILABLE)."""

_CODES = {batch.service.code: name for name, batch in BATCH_SERVICES.items()}
_NAMES = {name: code for code, name in _CODES.items()}

WAIT = click.option(
    "--wait",
    "wait_s",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    help="Wait so many seconds at most for the platform; then go on with the command later.",
)
OUTPUT = click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the results there as JSON Lines, one person a line.",
)


@click.group()
def COMMANDS() -> None:  # noqa: N802 - the name that the hub looks for
    """Asynchronous requests to the State's intermediation platform."""


@COMMANDS.command()
@click.option("--service", type=click.Choice(sorted(_CODES)), required=True)
@click.option("--procedure", required=True, help="Code of the procedure that is authorised.")
@click.option("--file", type=click.Path(path_type=Path, dir_okay=False), required=True)
@click.option(
    "--token-file",
    type=click.File("r"),
    required=True,
    help="Holds the bearer token of the official who asks; - for standard input.",
)
@click.option("--again", is_flag=True, help="Ask anew where this file was answered before.")
@WAIT
@OUTPUT
@click.pass_obj
def request(
    workshop: Workshop,
    service: str,
    procedure: str,
    file: Path,
    token_file: TextIO,
    wait_s: float,
    output: Path | None,
    *,
    again: bool,
) -> None:
    """Ask about everybody in a CSV file, or go on with it: the same file is asked about once.

    Columns: document, given_name, first_surname, second_surname, birth_date, case_file,
    consent (given, law or no_opposition).
    """
    order = BulkOrder(
        operation=_CODES[service],
        procedure=procedure,
        file=file,
        token=token_file.read(),
        again=again,
    )
    with _bar() as progress:
        report = workshop.request(order, wait_s, progress)
    _end(workshop, report, output)


@COMMANDS.command()
@click.argument("run")
@WAIT
@OUTPUT
@click.pass_obj
def resume(workshop: Workshop, run: str, wait_s: float, output: Path | None) -> None:
    """Go on with RUN, without its file."""
    with _bar() as progress:
        report = workshop.resume(run, wait_s, progress)
    _end(workshop, report, output)


@COMMANDS.command()
@click.pass_obj
def runs(workshop: Workshop) -> None:
    """The runs so far, newest first."""
    for report in workshop.runs():
        click.echo(_line(report))


@COMMANDS.command()
@click.argument("run")
@click.argument("output", type=click.Path(path_type=Path, dir_okay=False))
@click.pass_obj
def results(workshop: Workshop, run: str, output: Path) -> None:
    """Write what is on record of RUN to OUTPUT as JSON Lines."""
    click.echo(f"{workshop.results(run, output)} people in {output}")


@contextmanager
def _bar() -> Iterator[Progress]:
    """A progress bar on standard error, which appears once it is known how many there are."""
    bar = click.progressbar(length=1, label="answered", file=sys.stderr)

    def heard(done: int, people: int) -> None:
        bar.length = max(people, 1)
        bar.update(done - bar.pos)

    with bar:
        yield heard


def _end(workshop: Workshop, report: BulkReport, output: Path | None) -> None:
    click.echo(_line(report))
    if output is not None:
        click.echo(f"{workshop.results(report.run, output)} people in {output}")
    if report.next_at is not None:
        sys.exit(NOT_YET)
    if report.failed:
        sys.exit(NO_ANSWER)


def _line(report: BulkReport) -> str:
    """One line about a run, without a word about anybody."""
    line = (
        f"{report.run} {_NAMES.get(report.operation, report.operation)}"
        f" {report.answered} of {report.people} answered"
    )
    if report.failed:
        line = f"{line}, {report.failed} without an answer ({', '.join(report.reasons)})"
    if report.next_at is None:
        return line
    moment = report.next_at.astimezone(dt.UTC).isoformat(timespec="seconds")
    return f"{line}; not before {moment}: give the same command again"
