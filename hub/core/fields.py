"""The field paths of a canonical type, and the projection of a value onto some of them.

A path is written as in JSON, with dots and without list indices: `address.postCode`,
`items.amount`. A path stands for everything below it; `*` for the whole block.
"""

from __future__ import annotations

import typing
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from typing import Any

import msgspec
from msgspec import Struct

_TREE = dict[str, Any]

_TREES = 1024
"""Field sets whose trees are remembered: callers choose them, out of more than memory holds."""


@cache
def field_paths(type_: type[Struct]) -> frozenset[str]:
    """Every path of *type_*, inner nodes included."""
    return frozenset(_paths(type_, ""))


def _paths(type_: type[Struct], prefix: str) -> Iterator[str]:
    hints = typing.get_type_hints(type_)
    for info in msgspec.structs.fields(type_):
        path = prefix + info.encode_name
        yield path
        for inner in struct_members(hints[info.name]):
            yield from _paths(inner, f"{path}.")


def struct_members(hint: Any) -> Iterator[type[Struct]]:
    """The Struct types inside a hint: `X`, `X | None`, `tuple[X, ...]`."""
    if isinstance(hint, type) and issubclass(hint, Struct):
        yield hint
    for argument in typing.get_args(hint):
        yield from struct_members(argument)


def project(value: Struct, fields: frozenset[str]) -> Mapping[str, Any]:
    """*value* as plain JSON data, holding only what *fields* cover."""
    plain: dict[str, Any] = msgspec.to_builtins(value)
    return plain if "*" in fields else _kept(plain, _tree(fields))


@lru_cache(maxsize=_TREES)
def _tree(fields: frozenset[str]) -> _TREE:
    """The paths as nested dicts; an empty dict keeps everything below it."""
    root: _TREE = {}
    for path in fields:
        if any(path.startswith(f"{shorter}.") for shorter in fields):
            continue
        node = root
        for part in path.split("."):
            node = node.setdefault(part, {})
    return root


def _kept(node: Any, tree: _TREE) -> Any:
    if isinstance(node, list | tuple):
        return [_kept(item, tree) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: _kept(value, tree[key]) if tree[key] else value
        for key, value in node.items()
        if key in tree
    }


def narrowed(allowed: frozenset[str], wanted: frozenset[str]) -> frozenset[str]:
    """The part of *wanted* that *allowed* covers; a path covers what lies under it."""
    deeper = {path for path in wanted if covers(allowed, path)}
    return frozenset(deeper | {path for path in allowed if path != "*" and covers(wanted, path)})


def covers(paths: frozenset[str], path: str) -> bool:
    """Whether *path*, or something above it, is among *paths*; `*` covers everything."""
    if "*" in paths:
        return True
    parts = path.split(".")
    return any(".".join(parts[:n]) in paths for n in range(1, len(parts) + 1))
