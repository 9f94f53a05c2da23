"""`hub <source> …`: the commands that a configured source's connector package offers.

The hub names no source: what is not a command of its own is looked up in `hub.toml`, whose
`module` may offer `COMMANDS`, a click group. Nothing is imported before it is asked for.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from hub.core.errors import HubError, SettingsError

_SOURCE = re.compile(r"[a-z][a-z0-9_]{0,39}")


class SourceCommands(click.Group):
    """The hub's own commands, and one group for each source that brings some."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        own = super().get_command(ctx, cmd_name)
        if own is not None or not _SOURCE.fullmatch(cmd_name):
            return own
        return SourceGroup(cmd_name)


class SourceGroup(click.Group):
    """The commands of one source, known once `--config` has said where it is configured."""

    def __init__(self, source: str) -> None:
        config = click.Option(
            ["--config"],
            type=click.Path(path_type=Path),
            default=Path("hub.toml"),
            show_default=True,
            is_eager=True,
            help="The configuration file.",
        )
        super().__init__(source, params=[config], help=f"The commands of the source {source}.")
        self._source = source

    def list_commands(self, ctx: click.Context) -> list[str]:
        return self._offered(ctx).list_commands(ctx)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return self._offered(ctx).get_command(ctx, cmd_name)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except SettingsError as error:
            raise _Told("\n  ".join(["The configuration cannot be used:", *error.faults])) from None
        except HubError as error:
            raise _Told(str(error)) from None

    def _offered(self, ctx: click.Context) -> click.Group:
        from hub.bulking.workshop import HubWorkshop
        from hub.position.sources import read_spec
        from hub.settings import load_settings

        settings = load_settings(ctx.params.get("config", Path("hub.toml")))
        table = settings.sources.get(self._source)
        if table is None or not table.enabled:
            raise _Told(f"No such command, and no source that is called {self._source}.")
        module, _ = read_spec(self._source, table)
        offered = getattr(module, "COMMANDS", None)
        if not isinstance(offered, click.Group):
            raise _Told(f"The source {self._source} brings no commands.")
        ctx.obj = HubWorkshop(settings, self._source)
        return offered


class _Told(click.ClickException):
    """Ends the command with its lines on standard error."""

    exit_code = 2
