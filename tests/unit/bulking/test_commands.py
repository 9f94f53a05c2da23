"""`hub <source> …`: a connector's commands hang under the hub's, by configuration alone."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from hub.bulking.commands import SourceCommands
from hub.core.commands import Workshop
from hub.core.connector import Spec
from hub.core.errors import LedgerError


@click.group(cls=SourceCommands)
def hub() -> None:
    """The hub's own commands."""


@hub.command()
def serve() -> None:
    """One of them."""
    click.echo("serving")


@click.group()
def offered() -> None:
    """What an outside package brings."""


@offered.command()
@click.pass_obj
def tell(workshop: Workshop) -> None:
    """Say what was lent."""
    click.echo(type(workshop).__name__)


@offered.command()
def fail() -> None:
    """Fail as the hub does."""
    raise LedgerError("the ledger is closed")


@pytest.fixture
def config(tmp_path, monkeypatch):
    """A configuration whose source lives in a package outside the repository."""
    module = types.ModuleType("acme_taxes")
    spec = Spec(name="taxes", title="Taxes", owner="Acme", operations=(), blocks={})
    module.SPEC, module.COMMANDS = spec, offered  # type: ignore[attr-defined]
    silent = types.ModuleType("acme_silent")
    silent.SPEC = spec  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "acme_taxes", module)
    monkeypatch.setitem(sys.modules, "acme_silent", silent)
    file = tmp_path / "hub.toml"
    file.write_text(
        '[sources.taxes]\nmodule = "acme_taxes"\nurl = "http://127.0.0.1:1/"\n'
        '[sources.silent]\nmodule = "acme_silent"\nurl = "http://127.0.0.1:1/"\n'
        '[sources.off]\nmodule = "acme_taxes"\nurl = "http://127.0.0.1:1/"\nenabled = false\n',
        "utf-8",
    )
    return file


def said(*arguments: str | Path) -> tuple[int, str]:
    """Exit code and everything that a command line said."""
    result = CliRunner().invoke(hub, [str(argument) for argument in arguments])
    return result.exit_code, result.output


def test_a_source_s_commands_are_found_where_it_is_configured(config):
    """The hub knows neither the source's name nor its package before it reads hub.toml."""
    assert said("taxes", "--config", config, "tell") == (0, "HubWorkshop\n")
    assert "tell" in said("taxes", "--config", config, "--help")[1]


def test_the_hub_s_own_commands_come_first(config):
    """No source can take a command of the hub away."""
    assert said("serve") == (0, "serving\n")


REFUSED = [
    ("unheard", "no source that is called unheard"),
    ("off", "no source that is called off"),
    ("silent", "brings no commands"),
]


@pytest.mark.parametrize(("source", "why"), REFUSED)
def test_what_is_no_command_and_no_source_is_said_so(config, source, why):
    """With exit code 2 and no traceback."""
    code, output = said(source, "--config", config, "tell")
    assert code == 2
    assert why in output
    assert "Traceback" not in output


def test_a_name_that_no_source_can_have_is_no_command():
    """It is refused in the words of click."""
    code, output = said("Not-A-Source")
    assert code == 2
    assert "No such command" in output


def test_an_unreadable_configuration_is_said_so(tmp_path):
    """Every fault at once, as everywhere."""
    code, output = said("taxes", "--config", tmp_path / "nothing.toml", "tell")
    assert code == 2
    assert "cannot be read" in output


def test_a_connector_s_command_fails_as_the_hub_s_do(config):
    """A HubError ends it with its lines."""
    code, output = said("taxes", "--config", config, "fail")
    assert (code, "the ledger is closed" in output) == (2, True)
