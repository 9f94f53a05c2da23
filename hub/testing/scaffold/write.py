"""Write a draft into a checkout, with copier, and name it in `hub.toml`."""

from __future__ import annotations

import importlib.util
import keyword
import re
import shutil
import subprocess
import sys
from pathlib import Path

from copier import run_copy

from hub.core.errors import SettingsError
from hub.position.outside import model_of
from hub.settings import load_settings
from hub.testing.scaffold.draft import Draft, Wish, draft_of
from hub.testing.scaffold.reading import read_interface

TEMPLATE = Path(__file__).parents[1] / "template"
_SOURCE = """
[sources.{name}]
module = "connectors.{name}"
url = "http://127.0.0.1:{port}/"

[sources.{name}.settings]
user = "posicion-integral"
password = {{ file = "var/keys/{name}.secret" }}
"""
_PLACES = ("connectors", "mappings", "contracts", "tests/contract")
_WORLD = re.compile(r"^# --- the synthetic world.*$", re.MULTILINE)


def new_connector(config: Path, wish: Wish) -> list[Path]:
    """Write the four places of *wish* beside *config*, and return what was written.

    Nothing is overwritten, and what fails halfway leaves nothing behind. Raises SettingsError: a name that is taken or no name, a file
    that cannot be understood.
    """
    root = config.resolve().parent
    _check(root, config, wish)
    interface = read_interface(wish.kind, wish.file, wish.operation)
    draft = draft_of(wish, interface, _free_port(config))
    try:
        written = _written(root, wish, draft)
    except BaseException:
        for part in _PLACES:
            shutil.rmtree(root / part / wish.name, ignore_errors=True)
        raise
    text = config.read_text("utf-8")
    table = _SOURCE.format(name=wish.name, port=draft.answers["port"])
    world = _WORLD.search(text)
    place = world.start() if world else len(text)
    config.write_text(f"{text[:place].rstrip()}\n{table}\n{text[place:]}".rstrip() + "\n", "utf-8")
    return written


def _written(root: Path, wish: Wish, draft: Draft) -> list[Path]:
    _render(root, wish.name, dict(draft.answers))
    for name, content in draft.files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    _copy_description(root / "contracts" / wish.name, wish)
    written = sorted(_files(root, wish.name))
    _formatted([path for path in written if path.suffix == ".py"])
    return written


def _formatted(files: list[Path]) -> None:
    """As the project's formatter has it; where there is none, the author's own will do it."""
    if importlib.util.find_spec("ruff") is not None:
        ruff = [sys.executable, "-m", "ruff", "format", "--quiet"]
        subprocess.run([*ruff, *map(str, files)], check=True)  # noqa: S603 - our own files


def _render(root: Path, name: str, answers: dict[str, object]) -> None:
    answers_file = f"connectors/{name}/.copier-answers.yml"
    run_copy(
        str(TEMPLATE), root, data=answers, answers_file=answers_file, defaults=True, quiet=True
    )
    # As the checkout has it: what is committed names no machine.
    text = (root / answers_file).read_text("utf-8")
    text = re.sub(r"(?m)^_src_path: .*$", "_src_path: hub/testing/template", text)
    (root / answers_file).write_text(text, "utf-8")


def _copy_description(contract: Path, wish: Wish) -> None:
    """The source's own file; of a WSDL the schemas beside it too, which it may import."""
    if wish.file is None:
        return
    shutil.copyfile(wish.file, contract / wish.file.name)
    if wish.kind == "soap":
        for schema in wish.file.parent.glob("*.xsd"):
            shutil.copyfile(schema, contract / schema.name)


def _check(root: Path, config: Path, wish: Wish) -> None:
    name = wish.name
    if not re.fullmatch(r"[a-z][a-z0-9_]{1,30}", name) or keyword.iskeyword(name):
        raise SettingsError([f"{name}: a connector is called in small letters, digits and _"])
    if not (root / "connectors" / "__init__.py").is_file():
        where = "examples/outside_connector is a package of its own to begin with"
        raise SettingsError([f"{config.name} stands in no checkout of the hub; {where}"])
    settings = load_settings(config)
    if name in settings.sources or _files(root, name):
        raise SettingsError([f"there is a connector {name} already"])
    if not re.fullmatch(r"[a-z][A-Za-z0-9]{1,40}", wish.feeds) or keyword.iskeyword(wish.feeds):
        raise SettingsError([f"--block {wish.feeds}: a block is called in camelCase"])
    if wish.feeds in model_of(settings).blocks:
        raise SettingsError([f"--block {wish.feeds}: there is such a block already"])
    if not wish.owner.strip() or not wish.owner.isprintable():
        raise SettingsError(["--owner: one line of text"])


def _files(root: Path, name: str) -> set[Path]:
    return {path for at in _PLACES for path in (root / at / name).rglob("*") if path.is_file()}


def _free_port(config: Path) -> int:
    """The next one after those of the sandbox's other sources."""
    ports = [int(port) for port in re.findall(r"127\.0\.0\.1:(81\d\d)", config.read_text("utf-8"))]
    return max(ports, default=8100) + 1
