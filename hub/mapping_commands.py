"""`hub mappings …`: check, read, try and measure what the sources' answers mean."""

from __future__ import annotations

import asyncio
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hub.cli_options import CONFIG, tells_errors
from hub.settings import load_settings

if TYPE_CHECKING:
    from hub.audit.drift import Drift

_EVERY_S = 0.3
_FILE = click.Path(exists=True, dir_okay=False, resolve_path=True, path_type=Path)


@click.group("mappings")
def mappings() -> None:
    """What the sources' answers mean."""


@mappings.command("check")
@CONFIG
@tells_errors
def mappings_check(config: Path) -> None:
    """Check every mapping against its contract and its examples."""
    from hub.inspection import check_mappings

    lines, faults = check_mappings(load_settings(config))
    for line in [*lines, *faults]:
        click.echo(line, err=line in faults)
    sys.exit(1 if faults else 0)


@mappings.command("table")
@click.argument("block", required=False)
@CONFIG
@tells_errors
def mappings_table(block: str | None, config: Path) -> None:
    """A mapping as a table that an analyst can read; all of them without BLOCK."""
    from hub.inspection import mapping_tables

    click.echo(mapping_tables(load_settings(config), block))


@mappings.command("coverage")
@click.option(
    "--samples", "source", metavar="SOURCE", help="Counted over its examples and samples."
)
@CONFIG
@tells_errors
def mappings_coverage(source: str | None, config: Path) -> None:
    """Which source fields are read, and which never; with --samples, also what no contract has.

    `hub replay` counts the same over what is recorded in the ledger.
    """
    from hub.inspection import coverage_report

    if source is None:
        click.echo(coverage_report(load_settings(config)))
    else:
        click.echo(_told(asyncio.run(_drift(config, source))))


async def _drift(config: Path, source: str) -> Drift:
    from hub.testing.bench import open_bench
    from hub.testing.coverage import drift_of

    async with open_bench(config, source) as bench:
        return await drift_of(bench)


def _told(drift: Drift) -> str:
    lines = [f"{drift.readings} payloads: {drift.read} paths read, {drift.ignored} ignored"]
    for title, counts in (
        ("never read", drift.never_read),
        ("in no contract", drift.undeclared),
        ("unknown code", drift.unknown_codes),
    ):
        lines += [f"  {title}: {path} ({count})" for path, count in sorted(counts.items())]
    return "\n".join(lines)


@mappings.command("try")
@click.argument("file", type=_FILE)
@click.argument("sample", required=False)
@click.option("--watch", is_flag=True, help="Again whenever a file is saved, until Ctrl-C.")
@CONFIG
@tells_errors
def mappings_try(file: Path, sample: str | None, config: Path, *, watch: bool) -> None:
    """Show the mapping FILE at work: source, result and lineage side by side.

    SAMPLE is an answer on file (below samples/), a decoded payload, or the name of an
    example; the first example without.
    """
    from hub.testing.trying import changes

    if not watch:
        click.echo(asyncio.run(_tried(config, file, sample)))
        return
    saved = [*file.parent.iterdir(), *([Path(sample)] if sample else [])]
    try:
        for _ in changes(saved, lambda: time.sleep(_EVERY_S)):
            click.clear()
            click.echo(asyncio.run(_tried(config, file, sample)))
    except KeyboardInterrupt:
        pass


async def _tried(config: Path, file: Path, sample: str | None) -> str:
    from hub.core.errors import MappingError
    from hub.testing.bench import open_bench
    from hub.testing.samples import block_in, payloads_for
    from hub.testing.trying import side_by_side, told

    async with open_bench(config, file.parent.name) as bench:
        block = block_in(bench, file)
        try:
            mapping = bench.mapping(block)
            payloads = await payloads_for(bench, mapping, block, sample)
            return side_by_side(mapping, payloads, shutil.get_terminal_size((120, 40)).columns)
        except MappingError as error:
            return told(error)
