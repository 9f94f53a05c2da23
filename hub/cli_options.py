"""What every command shares: where the configuration is, and how errors are told."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from hub.core.errors import HubError, SettingsError
from hub.settings import placed_in

CONFIG = click.option(
    "--config",
    "config",
    type=click.Path(path_type=Path),
    default=Path("hub.toml"),
    show_default=True,
    help="The configuration file.",
)


def tells_errors(command: Callable[..., Any]) -> Callable[..., Any]:
    """A HubError ends the command with its lines on standard error, not with a traceback."""

    @wraps(command)
    def telling(*args: Any, **kwargs: Any) -> Any:
        try:
            return command(*args, **kwargs)
        except SettingsError as error:
            click.echo("The configuration cannot be used:", err=True)
            for fault in placed_in(kwargs["config"], error.faults):
                click.echo(f"  {fault}", err=True)
            sys.exit(2)
        except HubError as error:
            click.echo(f"{type(error).__name__}: {error}", err=True)
            sys.exit(2)

    return telling
