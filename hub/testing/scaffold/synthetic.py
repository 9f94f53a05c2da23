"""Plain data that a shape allows, made of its names: the same for the same shape, about nobody."""

from __future__ import annotations

from random import Random
from typing import Any

from rstr import Rstr

from hub.sandbox.played import NUMBER, REFERENCE
from hub.testing.scaffold.interface import (
    Leaf,
    Shape,
    is_person,
    is_reference,
    is_total,
    type_of,
)

ROWS = 2
"""So many rows has a sample's list."""


def example(shape: Shape, *, rows: int = ROWS, whole: bool = True) -> Any:
    """A value of *shape*: of lists *rows* items, and without *whole* no optional record."""
    return _value(shape, "", rows, whole=whole, listed=False)


def _value(shape: Shape, path: str, rows: int, *, whole: bool, listed: bool) -> Any:
    match type_of(shape):
        case "object":
            return {
                name: _value(inner, f"{path}/{name}".lstrip("/"), rows, whole=whole, listed=listed)
                for name, inner in shape.get("properties", {}).items()
                if whole or name in shape.get("required", ()) or type_of(inner) != "object"
            }
        case "array":
            item = shape.get("items", {})
            return [_value(item, path, ROWS, whole=True, listed=True) for _ in range(rows)]
        case _:
            leaf = Leaf(path=path, shape=shape, required=True, listed=listed)
            return plain(leaf, rows)


def plain(leaf: Leaf, rows: int = ROWS) -> Any:
    """A value for *leaf*: the sample's person, reference or count where its name says so."""
    if leaf.type == "string" and (is_person(leaf) or is_reference(leaf)):
        return NUMBER if is_person(leaf) else REFERENCE
    if "const" in leaf.shape or leaf.shape.get("enum"):
        return leaf.shape.get("const", (leaf.shape.get("enum") or [None])[0])
    match leaf.type:
        case "integer":
            return rows if is_total(leaf) else max(1, int(leaf.shape.get("minimum", 1)))
        case "number":
            return 1.5
        case "boolean":
            return rows > 0
        case _:
            return _text(leaf, rows)


def _text(leaf: Leaf, rows: int) -> str:
    match leaf.shape.get("format"), leaf.shape.get("x-xsd"):
        case "date", _:
            return "2026-03-01"
        case "date-time", _:
            return "2026-03-01T09:30:00"
        case _, "boolean":
            return "true"
        case _, str():
            return str(rows) if is_total(leaf) else "1"
    if pattern := leaf.shape.get("pattern"):
        return str(Rstr(Random(leaf.path)).xeger(pattern))  # noqa: S311 - the same each time
    return f"{leaf.name} de ejemplo"[: int(leaf.shape.get("maxLength", 200))]
