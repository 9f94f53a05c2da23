"""Where in a TOML file a fault stands: file and line before its text, and the nearest valid name."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

NAMES = ("issuer", "code")
"""Keys by whose value an entry of a list is called in faults, beside its number."""

_AT_LINE = re.compile(r"^(.*) \(at line (\d+), column \d+\)$")
_AT_END = re.compile(r"^(.*) \(at end of document\)$")


def near(name: str, valid: Iterable[str]) -> str:
    """`, did you mean x?` for the nearest valid name; nothing where none is near."""
    found = difflib.get_close_matches(name, list(valid), 1)
    return f", did you mean {found[0]}?" if found else ""


def at_line(file: str, error: Exception, text: str) -> str:
    """What tomllib says of *text*, with the line in front."""
    said = str(error)
    if found := _AT_LINE.match(said):
        return f"{file}:{found[2]}: {found[1]}"
    if found := _AT_END.match(said):
        return f"{file}:{text.count(chr(10)) + 1}: {found[1]}"
    return f"{file}: {said}"


def placed(
    faults: Iterable[str], file: str, text: str, given: Mapping[str, str] | None = None
) -> list[str]:
    """*faults*, each beginning with the path of a key, with file and line of *text* in front.

    *given* tells by path what else gave a value: an environment variable. What no key of the file
    is responsible for stays as it is.
    """
    lines = lines_of(text)
    return [_placed(fault, file, lines, given or {}) for fault in faults]


def _placed(fault: str, file: str, lines: Mapping[str, int], given: Mapping[str, str]) -> str:
    if fault.startswith((f"{file}:", *(f"{name}: " for name in given.values()))):
        return fault  # it was placed before
    path = _path_of(fault, lines)
    while path and path not in lines and path not in given:
        path = path[: max(path.rfind("."), path.rfind("["), 0)]
    if path in given:
        return f"{given[path]}: {fault}"
    return f"{file}:{lines[path]}: {fault}" if path else fault


def _path_of(fault: str, lines: Mapping[str, int]) -> str:
    """The longest path that the fault's first words name: `a: b: …` is `a.b` where it exists."""
    words = fault.split(": ")
    named = next((word for word in words[:2] if f"={word}" in lines), None)
    if named is not None:
        rest = ".".join([f"={named}", *words[words.index(named) + 1 : words.index(named) + 2]])
        return rest if rest in lines else f"={named}"
    joined = ".".join(words[:2])
    return joined if joined in lines else words[0]


def lines_of(text: str) -> dict[str, int]:
    """By path (`sources.x.url`, `issuers[0].roles`) the line on which it is said.

    An entry with one of NAMES is found by `=` and that name too. *text* is valid TOML: read
    statement by statement, each as soon as it is whole.
    """
    found: dict[str, int] = {}
    table, entries = "", Counter[str]()
    statement, began = "", 0
    for number, line in enumerate(text.split("\n"), 1):
        if not statement and not line.partition("#")[0].strip():
            continue
        began = began if statement else number
        statement += line + "\n"
        try:
            said = tomllib.loads(statement)
        except (tomllib.TOMLDecodeError, RecursionError):
            continue
        if statement.lstrip().startswith("["):
            table = _opened(said, entries)
            found.setdefault(table, began)
        else:
            _note(said, table, began, found)
        statement = ""
    return found


def _opened(said: Mapping[str, Any], entries: Counter[str]) -> str:
    """The path of the table that a header opens, with the numbers of the entries it lies in."""
    path, node = "", said
    while node:
        ((key, value),) = node.items()
        path = f"{path}.{key}" if path else key
        if isinstance(value, list):  # [[…]]: one entry more
            entries[path] += 1
        if entries[path]:
            path = f"{path}[{entries[path] - 1}]"
        node = value[0] if isinstance(value, list) else value
    return path


def _note(said: Mapping[str, Any], table: str, line: int, found: dict[str, int]) -> None:
    for key, value in said.items():
        path = f"{table}.{key}" if table else key
        found.setdefault(path, line)
        if key in NAMES and isinstance(value, str) and table.endswith("]"):
            found.setdefault(f"={value}", found.get(table, line))
        if isinstance(value, dict):
            _note(value, path, line, found)
        elif isinstance(value, list):
            _note_list(value, path, line, found)


def _note_list(items: Sequence[Any], path: str, line: int, found: dict[str, int]) -> None:
    for number, item in enumerate(items):
        found.setdefault(f"{path}[{number}]", line)
        if isinstance(item, dict):
            _note(item, f"{path}[{number}]", line, found)
