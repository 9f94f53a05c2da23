"""TOML tables as typed structs: every fault is listed at once, with its line and the nearest name.

A secret is never written down: `{ file = "…" }` or `{ env = "…" }`.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Struct

from hub.core.errors import SettingsError
from hub.core.placing import at_line, near, placed
from hub.core.secret import Secret

S = TypeVar("S")

UNREADABLE = "the secret's file"
"""So begins what is said of a secret that is not there."""


def read_toml(file: Path) -> dict[str, Any]:
    """What *file* says; SettingsError with its line where it is no TOML."""
    text = ""
    try:
        text = file.read_text("utf-8")
        return tomllib.loads(text)
    except OSError as error:
        raise SettingsError([f"{file}: cannot be read ({error.strerror})"]) from None
    except RecursionError:
        raise SettingsError([f"{file}: nested too deeply"]) from None
    except UnicodeDecodeError as error:
        raise SettingsError([f"{file}: {error}"]) from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError([at_line(str(file), error, text)]) from None


def read_table(file: Path, type_: type[S]) -> S:
    """The whole of *file* as *type_*; SettingsError names every key that is wrong, and its line."""
    table = read_toml(file)
    if faults := list(faults_in(table, type_, file.parent, "")):
        raise SettingsError(placed(faults, file.name, file.read_text("utf-8")))
    converted: S = convert(table, type_, file.parent)
    return converted


def convert_table(table: dict[str, Any], type_: type[S], root: Path, where: str) -> S:
    """*table* as *type_*, secrets resolved; SettingsError names every key that is wrong."""
    faults = [f"{where}: {fault}" for fault in faults_in(table, type_, root, "")]
    if faults:
        raise SettingsError(faults)
    converted: S = convert(table, type_, root)
    return converted


def with_secrets(table: Mapping[str, Any], root: Path) -> dict[str, Any]:
    """*table* with every `{ file = … }` and `{ env = … }` read into a Secret."""
    return {
        key: _secret(value, root) if is_secret_reference(value) else value
        for key, value in table.items()
    }


def is_secret_reference(value: Any) -> bool:
    """Whether *value* says where a secret is, as `hub.toml` writes it."""
    return isinstance(value, dict) and len(value) == 1 and value.keys() <= {"file", "env"}


def faults_in(value: Any, type_: Any, root: Path, path: str = "") -> Iterator[str]:
    """Every fault below *path*, walking into tables so that one fault hides no other."""
    type_ = _without_none(type_)
    if isinstance(type_, type) and issubclass(type_, Struct) and isinstance(value, dict):
        yield from _table_faults(value, type_, root, path)
    elif get_origin(type_) is tuple and isinstance(value, list):
        for number, item in enumerate(value):
            yield from faults_in(item, get_args(type_)[0], root, f"{path}[{number}]")
    elif get_origin(type_) is Mapping or get_origin(type_) is _ABC_MAPPING:
        yield from _mapping_faults(value, type_, root, path)
    else:
        try:
            convert(value, type_, root)
        except (msgspec.ValidationError, SettingsError) as error:
            yield f"{path}: {str(error).split(' - at ')[0]}{_near(value, type_)}"


def _near(value: Any, type_: Any) -> str:
    """The nearest of a closed list of words."""
    words = [word for word in get_args(type_) if isinstance(word, str)]
    return near(value, words) if get_origin(type_) is Literal and isinstance(value, str) else ""


def _mapping_faults(value: Any, type_: Any, root: Path, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path}: expected a table"
        return
    for key, item in value.items():
        yield from faults_in(item, get_args(type_)[1], root, f"{path}.{key}")


def _table_faults(
    table: dict[str, Any], type_: type[Struct], root: Path, path: str
) -> Iterator[str]:
    hints = get_type_hints(type_, include_extras=True)
    prefix = f"{path}." if path else ""
    for key in table.keys() - hints.keys():
        yield f"{prefix}{key}: unknown key{near(key, hints)}"
    for info in msgspec.structs.fields(type_):
        if info.name in table:
            yield from faults_in(table[info.name], hints[info.name], root, f"{prefix}{info.name}")
        elif info.required:
            yield f"{prefix}{info.name}: missing"


_ABC_MAPPING = get_origin(Mapping[str, str])


def _without_none(type_: Any) -> Any:
    """The type inside `X | None`."""
    members = [member for member in get_args(type_) if member is not type(None)]
    return members[0] if len(members) == 1 and type(None) in get_args(type_) else type_


def convert(value: Any, type_: Any, root: Path) -> Any:
    """*value*, in which there are no faults, as *type_*."""

    def hook(wanted: type, found: Any) -> Any:
        if wanted is Secret:
            return _secret(found, root)
        if issubclass(wanted, Path) and isinstance(found, str):
            return Path(found)
        raise NotImplementedError

    return msgspec.convert(value, type_, dec_hook=hook)


def _secret(found: Any, root: Path) -> Secret:
    """`{ file = … }` or `{ env = … }`, read now; the message never holds what was read."""
    match found:
        case {"file": str(name), **rest} if not rest:
            try:
                return Secret((root / name).read_text("utf-8").strip())
            except (OSError, UnicodeDecodeError):
                raise SettingsError([f"{UNREADABLE} {name} cannot be read"]) from None
        case {"env": str(name), **rest} if not rest:
            if value := os.environ.get(name):
                return Secret(value)
            raise SettingsError([f"the secret's variable {name} is not set"])
    raise SettingsError(['a secret is { file = "…" } or { env = "…" }, never a value'])
