"""`hub config check`: everything that is wrong, with file, line and the nearest valid name."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from hub.cli import main
from hub.sandbox.prepare import prepare_sandbox
from hub.settings import load_settings
from tests.support.running import ROOT


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with the sandbox's configuration, keys and secrets."""
    folder = tmp_path_factory.mktemp("config")
    (folder / "hub.toml").write_text((ROOT / "hub.toml").read_text("utf-8"), "utf-8")
    prepare_sandbox(load_settings(folder / "hub.toml", {}))
    return folder


def check(folder, *changes, environment=None, name="changed.toml"):
    """The exit code and the lines that are printed, after *changes* to the file."""
    text = (folder / "hub.toml").read_text("utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    (folder / name).write_text(text, "utf-8")
    arguments = ["config", "check", "--config", str(folder / name)]
    done = CliRunner().invoke(main, arguments, env=environment)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.output.replace(f"{folder}/", ""), text


def line_of(text, needle):
    """The number of the line that holds *needle*."""
    return next(n for n, line in enumerate(text.splitlines(), 1) if needle in line)


def test_a_good_file_is_called_good(made):
    """And nothing else is said."""
    assert check(made)[:2] == (0, "changed.toml: good\n")


def test_a_fresh_checkout_is_good(tmp_path):
    """The sandbox makes its own secrets when it starts."""
    (tmp_path / "hub.toml").write_text((ROOT / "hub.toml").read_text("utf-8"), "utf-8")
    assert check(tmp_path)[0] == 0


def test_every_misspelt_key_is_listed_with_its_line_and_the_near_name(made):
    """All at once."""
    code, out, text = check(
        made, ("audience =", "audiense ="), ("\n[cache]\n", "\n[cahce]\n"), ("host =", "hots =")
    )
    assert code == 2
    for needle, said in (
        ("audiense", "issuers[0].audiense: unknown key, did you mean audience?"),
        ("[cahce]", "cahce: unknown key, did you mean cache?"),
        ("hots", "server.hots: unknown key, did you mean host?"),
        ("[[issuers]]", "issuers[0].audience: missing"),
    ):
        assert f"changed.toml:{line_of(text, needle)}: {said}" in out


_ODD = """[sources.padron.limits]
off = ["inhabitan"]
[sources.padron.settings]
usernane = 1
"""


def test_what_only_the_parts_know_is_listed_too(made):
    """Modules, operations, options of a connector, secrets, words of a closed list."""
    code, out, text = check(
        made,
        ('"connectors.civis"', '"connectors.cvis"'),
        ("[sources.padron.settings]\n", _ODD),
        ("avisos.secret", "none.secret"),
    )
    assert code == 2
    for needle, said in (
        ("connectors.cvis", "did you mean connectors.civis?"),
        ("off =", "sources.padron.limits.off: no operation inhabitan, did you mean inhabitant?"),
        ("usernane", "usernane: unknown key, did you mean username?"),
        ("none.secret", "the secret's file var/keys/none.secret cannot be read"),
    ):
        [line] = [line for line in out.splitlines() if said in line]
        assert line.strip().startswith(f"changed.toml:{line_of(text, needle)}: sources.")


def test_a_wrong_word_of_a_closed_list_is_told_with_the_near_one(made):
    """Where the hub knows all words that there are."""
    _, out, text = check(made, ('roles = ["citizen"', 'roles = ["citzen"'))
    line = line_of(text, "citzen")
    assert f"changed.toml:{line}: issuers[0].roles[0]: Invalid enum value 'citzen', did" in out


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"HUB__SERVER__PORT": "many"}, "HUB__SERVER__PORT: server.port: Expected `int`"),
        ({"HUB__SERVER__PORT": "²"}, "HUB__SERVER__PORT: server.port: Expected `int`"),
        ({"HUB__KEYS__X__Y": "1"}, "HUB__KEYS__X__Y: keys.x.y: not a key of a table"),
        ({"HUB__": "1"}, "HUB__: : unknown key"),
    ],
)
def test_a_wrong_variable_is_named_instead_of_a_line(made, environment, said):
    """Nobody looks for it in the file."""
    code, out, _ = check(made, environment=environment)
    assert code == 2
    assert said in out


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[server\nport = 1", "bad.toml:1: "),
        (b"a = 1\na = 2\n", "bad.toml:2: Cannot overwrite a value"),
        (b"\xff\xfe", "bad.toml: 'utf-8' codec"),
        (b"a = " + b"[" * 9000, "bad.toml: nested too deeply"),
        (b"server = 1\nissuers = 'x'\nsources = []\n", "bad.toml:3: sources: expected a table"),
        (b"root = '/'\nserver.port = 'x'\n", "bad.toml:2: server.port: Expected"),
    ],
    ids=["header", "twice", "bytes", "deep", "types", "root"],
)
def test_a_hostile_file_is_refused_with_a_reason(tmp_path, content, said):
    """With a line where there is one, never with a traceback."""
    (tmp_path / "bad.toml").write_bytes(content)
    done = CliRunner().invoke(main, ["config", "check", "--config", str(tmp_path / "bad.toml")])
    assert done.exit_code == 2
    assert isinstance(done.exception, SystemExit)
    assert said in done.output.replace(f"{tmp_path}/", "")


def test_a_value_in_clear_is_never_repeated(made):
    """A password that was written into the file is not printed a second time."""
    _, out, _ = check(
        made, ('password = { file = "var/keys/padron.secret" }', 'password = "s3cret-x"')
    )
    assert "never a value" in out
    assert "s3cret-x" not in out


def test_the_table_of_purposes_is_checked_with_its_lines(made):
    """It is law written down: every fault at once."""
    folder = made / "contracts/hub"
    folder.mkdir(parents=True, exist_ok=True)
    table = (ROOT / "contracts/hub/purposes.toml").read_text("utf-8")
    wrong = table.replace('audience = ["citizen"]', 'audience = ["citizn"]', 1)
    (folder / "purposes.toml").write_text(wrong.replace("minutes =", "minuts =", 1), "utf-8")
    _, out, _ = check(made, ("keys = ", 'contracts = "contracts"\nkeys = '))
    assert f"purposes.toml:{line_of(wrong, 'citizn')}: purposes[0].audience" in out
    assert "minuts: unknown key, did you mean minutes?" in out
