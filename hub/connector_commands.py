"""`hub connectors …`: what there is, what a connector owes, and what it has agreed."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hub.cli_options import CONFIG, tells_errors
from hub.settings import load_settings

if TYPE_CHECKING:
    from hub.testing.rule import Verdict


@click.group("connectors", invoke_without_command=True)
@CONFIG
@click.pass_context
@tells_errors
def connectors(context: click.Context, config: Path) -> None:
    """The configured sources: operations, echoes, blocks."""
    if context.invoked_subcommand is None:
        from hub.inspection import connectors_table

        click.echo(connectors_table(load_settings(config)))


@connectors.command("check")
@click.argument("name")
@click.option("--level", type=click.Choice(["bronze", "silver", "gold", "platinum"]))
@click.option("--rule", "rules", multiple=True, help="This rule alone; may be given again.")
@CONFIG
@tells_errors
def check(name: str, level: str | None, rules: tuple[str, ...], config: Path) -> None:
    """Hold the connector NAME (a source, or its module) against every rule it claims.

    Offline. Exits with 1 when a claim does not hold, or the level is below --level.
    """
    from hub.testing.report import falls_short, report

    verdicts = asyncio.run(_judged(config, name, rules))
    click.echo(report(name, verdicts))
    sys.exit(1 if falls_short(verdicts, level) else 0)


async def _judged(config: Path, name: str, rules: Sequence[str]) -> Sequence[Verdict]:
    from hub.testing.bench import open_bench
    from hub.testing.quality import judge

    async with open_bench(config, name) as bench:
        return await judge(bench, rules)


@connectors.command("freeze")
@click.argument("name")
@click.option("--origin", help="Who wrote the contract, where it is published, since when.")
@CONFIG
@tells_errors
def freeze(name: str, origin: str | None, config: Path) -> None:
    """Write the origin, samples and checksums of NAME's contract as it stands now."""
    from hub.position.sources import contract_folder, mappings_folder, read_spec
    from hub.testing.manifest import freeze as frozen

    settings = load_settings(config)
    if name not in settings.sources:
        raise click.UsageError(
            f"no source is called {name}; there are: {', '.join(settings.sources)}"
        )
    module, spec = read_spec(name, settings.sources[name])
    contract = contract_folder(mappings_folder(module, spec))
    written = frozen(contract, tuple(operation.name for operation in spec.operations), origin)
    click.echo(f"written: {written}")
