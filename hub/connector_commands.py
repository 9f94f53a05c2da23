"""`hub connectors …`: what there is, what a connector owes, and what it has agreed."""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from hub.cli_options import CONFIG, tells_errors
from hub.settings import load_settings

if TYPE_CHECKING:
    from hub.testing.rule import Verdict


_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
Kind = Literal["soap", "odata", "rest", "table", "open311"]


@click.group("connectors", invoke_without_command=True)
@CONFIG
@click.pass_context
@tells_errors
def connectors(context: click.Context, config: Path) -> None:
    """The configured sources: operations, echoes, blocks."""
    if context.invoked_subcommand is None:
        from hub.inspection import connectors_table

        click.echo(connectors_table(load_settings(config)))


@connectors.command("new")
@click.argument("name")
@click.option(
    "--kind", required=True, type=click.Choice(["soap", "odata", "rest", "table", "open311"])
)
@click.option(
    "--wsdl",
    "--metadata",
    "--openapi",
    "--csv",
    "file",
    type=_FILE,
    help="What the source publishes of itself.",
)
@click.option("--operation", help="The source's own name of the operation; the first one without.")
@click.option("--block", help="The block that it feeds (camelCase); called after NAME without.")
@click.option("--owner", default="Por determinar", help="Whose system it is.")
@CONFIG
@tells_errors
def new(
    name: str,
    kind: Kind,
    file: Path | None,
    operation: str | None,
    block: str | None,
    owner: str,
    config: Path,
) -> None:
    """Write the first draft of the connector NAME, from what its source says of itself.

    Connector, mapping, contract, tests and simulator; named in hub.toml, and in no purpose yet.
    """
    from hub.inspection import write_contracts

    try:
        from hub.testing.scaffold.draft import Wish
        from hub.testing.scaffold.write import new_connector
    except ImportError as error:
        message = f"the kit needs {error.name}: pip install 'posicion-integral[testing]'"
        raise click.UsageError(message) from None
    wish = Wish(name=name, kind=kind, file=file, operation=operation, block=block, owner=owner)
    written = new_connector(config, wish)
    importlib.invalidate_caches()
    _freeze(config, name, f"Drafted by hub connectors new from {file.name if file else kind}.")
    for path in (*written, *map(Path, write_contracts(load_settings(config), check=False))):
        click.echo(f"written: {path.resolve().relative_to(config.resolve().parent)}")
    click.echo(f"next: hub connectors check {name}, then docs/connectors.md")


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


@connectors.command("record")
@click.argument("name")
@click.option("--operation", help="The first one without.")
@click.option(
    "--person",
    required=True,
    envvar="HUB_TEST_PERSON",
    help="Document number of a person of the test system; better in HUB_TEST_PERSON than in a shell's history.",
)
@click.option("--given-name")
@click.option("--first-surname")
@CONFIG
@tells_errors
def record(
    name: str,
    operation: str | None,
    person: str,
    given_name: str | None,
    first_surname: str | None,
    config: Path,
) -> None:
    """Ask the test system at NAME's url once, and save its answers as samples about nobody.

    Every value is replaced, except words of closed lists in the contract. Look at the files
    before you commit them, and name those that you keep in contract.toml (`freeze`).
    """
    from hub.position.sources import contract_folder, mappings_folder, read_spec
    from hub.testing.record import Whom, recorded

    settings = load_settings(config)
    if name not in settings.sources:
        raise click.UsageError(f"no source is called {name}")
    module, spec = read_spec(name, settings.sources[name])
    names = {"given_name": given_name, "first_surname": first_surname}
    whom = Whom(number=person, names={key: text for key, text in names.items() if text})
    asked = operation or spec.operations[0].name
    folder = contract_folder(mappings_folder(module, spec)) / "samples"
    for file, body in asyncio.run(recorded(settings, name, asked, whom)).items():
        folder.mkdir(exist_ok=True)
        (folder / file).write_bytes(body)
        click.echo(f"written: {folder / file}")


@connectors.command("freeze")
@click.argument("name")
@click.option("--origin", help="Who wrote the contract, where it is published, since when.")
@CONFIG
@tells_errors
def freeze(name: str, origin: str | None, config: Path) -> None:
    """Write the origin, samples and checksums of NAME's contract as it stands now."""
    click.echo(f"written: {_freeze(config, name, origin)}")


def _freeze(config: Path, name: str, origin: str | None) -> Path:
    from hub.position.sources import contract_folder, mappings_folder, read_spec
    from hub.testing.manifest import freeze as frozen

    settings = load_settings(config)
    if name not in settings.sources:
        raise click.UsageError(
            f"no source is called {name}; there are: {', '.join(settings.sources)}"
        )
    module, spec = read_spec(name, settings.sources[name])
    contract = contract_folder(mappings_folder(module, spec))
    return frozen(contract, tuple(operation.name for operation in spec.operations), origin)
