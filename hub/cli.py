"""The command line: `hub serve`, `hub sandbox`, `hub token`, and what operators check."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import click

from hub import __version__
from hub.audit_commands import COMMANDS
from hub.bulking.commands import SourceCommands
from hub.cli_options import CONFIG, tells_errors
from hub.connector_commands import connectors
from hub.core.errors import SettingsError
from hub.ledger_commands import COMMANDS as LEDGER_COMMANDS
from hub.mapping_commands import mappings
from hub.settings import Settings, load_settings


@click.group(cls=SourceCommands, epilog="hub SOURCE …: the commands of a configured source.")
@click.version_option(__version__, prog_name="hub")
def main() -> None:
    """The integration hub for Madrid's integral citizen position."""


@main.command()
@CONFIG
@click.option("--port", type=int, help="Listen here instead of at [server] port.")
@click.option("--sandbox", "with_sandbox", is_flag=True, help="Play the sources beside the hub.")
@tells_errors
def serve(config: Path, port: int | None, *, with_sandbox: bool) -> None:
    """Serve the API until it is told to stop; SIGHUP reads the configuration again."""
    from hub.serving import serve_hub

    serve_hub(config, lambda: _ported(load_settings(config), port), with_sandbox=with_sandbox)


def _ported(settings: Settings, port: int | None) -> Settings:
    import msgspec

    if port is None:
        return settings
    server = msgspec.structs.replace(settings.server, port=port)
    return msgspec.structs.replace(settings, server=server)


@main.command()
@CONFIG
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="SOURCE=MODE[:NAME=VALUE,…]",
    help="Make a source ill from the start: padron=slow-drip. May be given once per source.",
)
@tells_errors
def sandbox(config: Path, faults: tuple[str, ...]) -> None:
    """Play every configured source on loopback, with a control port, until told to stop."""
    from hub.sandbox.faults import told_fault
    from hub.sandbox.population import Population
    from hub.sandbox.prepare import prepare_sandbox, simulated_sources
    from hub.sandbox.runner import serve_sandbox

    settings = load_settings(config)
    prepare_sandbox(settings)
    assert settings.sandbox is not None  # noqa: S101 - prepare_sandbox has checked
    asyncio.run(
        serve_sandbox(
            simulated_sources(settings),
            keys=settings.path(settings.keys),
            control_port=settings.sandbox.control_port,
            population=Population(settings.sandbox.seed),
            faults=dict(told_fault(text) for text in faults),
        )
    )


@main.command()
@CONFIG
@click.option("--citizen", help="Document number of a synthetic citizen; the default one without.")
@click.option("--official", help="Document number of a synthetic official.")
@click.option("--auditor", is_flag=True, help="A token for auditors.")
@click.option("--operator", is_flag=True, help="A token for operators.")
@click.option("--system", "as_system", is_flag=True, help="A token for another system.")
@tells_errors
def token(
    config: Path,
    citizen: str | None,
    official: str | None,
    *,
    auditor: bool,
    operator: bool,
    as_system: bool,
) -> None:
    """Print a sandbox token: for the default citizen, or for whom an option names."""
    from hub.sandbox.prepare import prepare_sandbox
    from hub.serving import sandbox_token

    settings = load_settings(config)
    prepare_sandbox(settings)
    roles = {"auditor": auditor, "operator": operator, "system": as_system}
    chosen = [role for role, wanted in roles.items() if wanted]
    if len(chosen) + bool(citizen) + bool(official) > 1:
        raise click.UsageError("one of --citizen, --official, --auditor, --operator, --system")
    kind = chosen[0] if chosen else "official" if official else "citizen"
    click.echo(sandbox_token(settings, kind, citizen or official))


@main.group("config")
def config_group() -> None:
    """The configuration."""


@config_group.command("check")
@CONFIG
@tells_errors
def config_check(config: Path) -> None:
    """List everything that is wrong with the configuration; opens nothing."""
    from hub.inspection import configuration_faults

    faults = configuration_faults(load_settings(config))
    if faults:
        raise SettingsError(faults)
    click.echo(f"{config}: good")


@main.group()
def purposes() -> None:
    """Who may ask what, and why."""


@purposes.command("table")
@CONFIG
@tells_errors
def purposes_table(config: Path) -> None:
    """The record of processing activities, for people."""
    from hub.generation import contracts_of
    from hub.position.outside import model_of
    from hub.position.purposes import load_purposes, purposes_text

    settings = load_settings(config)
    table = contracts_of(settings) / "hub" / "purposes.toml"
    click.echo(purposes_text(load_purposes(table, model_of(settings).blocks)))


@main.command("registers")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--by", required=True, help="The office that hands the entries over.")
@CONFIG
@tells_errors
def registers_load(file: Path, by: str, config: Path) -> None:
    """Enter protections and representations from FILE (JSON Lines); prints their ids."""
    from hub.registering import load_registers, read_file

    for entry in asyncio.run(load_registers(load_settings(config), read_file(file), by)):
        click.echo(entry)


@main.group()
def ledger() -> None:
    """The evidence."""


@ledger.command("verify")
@CONFIG
@click.option("--file", type=click.Path(path_type=Path), help="A copy; the live store without.")
@click.option("--checkpoint", type=click.Path(path_type=Path), multiple=True, help="Outside copy.")
@tells_errors
def ledger_verify(config: Path, file: Path | None, checkpoint: tuple[Path, ...]) -> None:
    """Recompute everything; exit 1 and name the record if anything was altered."""
    from hub.inspection import verify

    sys.exit(verify(load_settings(config), file, checkpoint))


@ledger.command("recent")
@CONFIG
@click.option("--count", default=20, show_default=True, help="How many records.")
@tells_errors
def ledger_recent(config: Path, count: int) -> None:
    """The last records, without what is sealed."""
    from hub.inspection import recent_records

    for line in asyncio.run(recent_records(load_settings(config), count)):
        click.echo(line)


@main.command("contracts")
@CONFIG
@click.option("--check", is_flag=True, help="Only say whether they are up to date.")
@tells_errors
def contracts(config: Path, *, check: bool) -> None:
    """Write contracts/hub/openapi.json, the canonical JSON Schemas and the mapping tables."""
    from hub.inspection import write_contracts

    stale = write_contracts(load_settings(config), check=check)
    for name in stale:
        click.echo(f"{'out of date' if check else 'written'}: {name}")
    sys.exit(1 if check and stale else 0)


for command in COMMANDS:
    main.add_command(command)

for command in LEDGER_COMMANDS:
    ledger.add_command(command)

main.add_command(connectors)
main.add_command(mappings)
