"""Read mappings, code lists, contracts and examples from their folders.

The one module of this package that reads files. Messages name files relative to their
folder, never where the folder is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping as AbstractMapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from hub.core.errors import MappingError
from hub.mapping.codes import CodeLists, parse_codes
from hub.mapping.converters import VOCABULARY
from hub.mapping.engine import Mapping, compile_mapping
from hub.mapping.examples import Example, check_examples
from hub.mapping.signature import Converter

T = TypeVar("T")

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_SCHEMA = ".schema.json"


def file_stem(block: str) -> str:
    """The name of a block's files: `taxBills` -> `tax_bills`."""
    return _HUMP.sub("_", block).lower()


def load_mapping(
    folder: Path,
    block: str,
    target: type[Struct],
    *,
    converters: AbstractMapping[str, Converter] = VOCABULARY,
) -> Mapping:
    """The mapping of *block* in *folder* (`mappings/<system>`), compiled against *target*.

    Raises MappingError for a file that is missing, has mistakes or another name than
    `<system>.<block in snake_case>`.
    """
    stem = file_stem(block)
    name = f"{folder.name}.{stem}"
    text = _read(folder / f"{stem}.toml", name)
    codes = load_codes(folder)
    types = {target.__name__: target}
    mapping = compile_mapping(text, types=types, codes=codes, converters=converters)
    if mapping.name != name:
        raise MappingError(mapping.name, "name", f"{stem}.toml", f"this file is to be named {name}")
    return mapping


def load_codes(folder: Path) -> CodeLists:
    """The code lists of a system; none where it has no `codes.toml`."""
    path = folder / "codes.toml"
    name = f"{folder.name}.codes"
    return parse_codes(_read(path, name), name) if path.exists() else CodeLists()


def load_schemas(folder: Path) -> dict[str, dict[str, Any]]:
    """`{operation: schema}` of `contracts/<system>/payloads/<operation>.schema.json`."""
    found = {}
    for path in sorted((folder / "payloads").glob(f"*{_SCHEMA}")):
        operation = path.name.removesuffix(_SCHEMA)
        found[operation] = _json(path, f"{folder.name}.{operation}", dict[str, Any])
    return found


def load_examples(path: Path) -> list[Example]:
    """The examples in a file; MappingError when it is missing or not a list of them."""
    return _json(path, path.name, list[Example])


def run_examples(mapping: Mapping, path: Path) -> tuple[str, ...]:
    """One line per example in *path* that does not come out as it says; empty when all do."""
    return check_examples(mapping, load_examples(path))


def examples_path(folder: Path, block: str) -> Path:
    """Where the examples of *block* are."""
    return folder / f"{file_stem(block)}.examples.json"


def _json(path: Path, name: str, type_: type[T]) -> T:
    text = _read(path, name)
    try:
        return msgspec.json.decode(text, type=type_)
    except (msgspec.DecodeError, RecursionError) as error:
        raise MappingError(name, "file", path.name, f"not as expected: {error}") from None


def _read(path: Path, name: str) -> str:
    why = ""
    try:
        return path.read_bytes().decode()
    except OSError as error:
        why = f"cannot be read ({type(error).__name__})"
    except UnicodeDecodeError as error:
        why = f"byte {error.start} is not UTF-8"
    raise MappingError(name, "file", path.name, why)
