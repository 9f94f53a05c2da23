"""A mapping file resolved against the canonical types: what is run, explained and checked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from msgspec import Struct

from hub.mapping.signature import ABSENT, Misfit, Parameter, Signature, type_name


class Source(Struct, frozen=True):
    """One source path, relative to the node of its shape; no keys means the node itself."""

    text: str
    keys: tuple[str, ...]


class Field(Struct, frozen=True, kw_only=True):
    """The canonical field that a row fills. `row` is how the file names it: `Address.street`."""

    name: str
    json_name: str
    row: str
    hint: Any
    optional: bool


class Call(Struct, frozen=True, kw_only=True):
    """A function over source paths, and the place that each path has in it."""

    name: str
    sources: tuple[Source, ...]
    function: Callable[..., Any]
    signature: Signature
    places: tuple[Parameter, ...]

    def __call__(self, found: list[Any]) -> Any:
        """The value of the settled values *found*; None where it is missing.

        The first path decides whether there is a value. A later one that must be there
        and is not is a Misfit. The function's own exceptions pass.
        """
        if found[0] is None and not self.places[0].takes_none:
            return None
        if all(value is None for value in found):
            return None
        for place, value in zip(self.places[1:], found[1:], strict=True):
            if value is None and not place.takes_none:
                raise Misfit("a part of the value is missing")
        return self.function(*found)


class ScalarRow(Struct, frozen=True, kw_only=True):
    """A field that a converter fills; `many` converts each item of a list."""

    field: Field
    call: Call
    many: bool = False
    may_lack: bool = False
    """Whether the list may be absent, because the type has the default `()`."""
    check: Callable[[Any], Any] | None = None
    """Judges the value by the limits that the type carries (msgspec.Meta)."""


class ShapeRow(Struct, frozen=True, kw_only=True):
    """A field that is a record of its own."""

    field: Field
    source: Source
    shape: Shape


class EachRow(Struct, frozen=True, kw_only=True):
    """A field that is a tuple of records; `only` picks the source rows that belong in it."""

    field: Field
    source: Source
    shape: Shape
    may_lack: bool
    """Whether the list may be absent, because the type has the default `()`."""
    only: Call | None = None
    only_text: str = ""


class Shape(Struct, frozen=True, kw_only=True):
    """A canonical type and one row for each of its fields, but those left `unread`."""

    type: type[Struct]
    rows: tuple[ScalarRow | ShapeRow | EachRow, ...]
    unread: tuple[str, ...] = ()
    """Fields that stay UNSET, because their operation was not asked (hub.mapping.narrow)."""


def dig(node: Any, keys: tuple[str, ...]) -> Any:
    """The value at *keys* under *node*; ABSENT when it or a node above it is missing.

    Raises Misfit when a node on the way is neither an object nor missing.
    """
    for key in keys:
        if node.__class__ is not dict:
            node = missing_node(node)
        node = node.get(key, ABSENT)
    return node


EMPTY: dict[str, Any] = {}
"""Stands for an object that is missing: every key of it is absent."""


def missing_node(value: Any) -> dict[str, Any]:
    """EMPTY for a missing value (hub.mapping.signature); Misfit for anything else."""
    Parameter(accepts=frozenset({dict})).settle(value)
    return EMPTY


def missing_rows(value: Any) -> list[Any] | None:
    """None for a missing value; Misfit for anything else than a list."""
    found: list[Any] | None = Parameter(accepts=frozenset({list})).settle(value)
    return found


def root_node(payloads: Any) -> dict[str, Any]:
    """`{operation: payload}` as a dict; Misfit for anything else."""
    if not isinstance(payloads, Mapping):
        raise Misfit(f"expected dict, found {type_name(payloads.__class__)}")
    return dict(payloads)


class FlatRow(Struct, frozen=True, kw_only=True):
    """One row with its whole paths on both sides; `[]` stands for the items of a list."""

    target: str
    sources: tuple[str, ...]
    row: ScalarRow | ShapeRow | EachRow


def flat_rows(shape: Shape, at: str = "", under: str = "") -> Iterator[FlatRow]:
    """Every row of *shape* and of the shapes inside it, in the order of the types."""
    for row in shape.rows:
        target = f"{at}.{row.field.name}" if at else row.field.name
        sources = row.call.sources if isinstance(row, ScalarRow) else (row.source,)
        paths = tuple(join(under, source.text) for source in sources)
        yield FlatRow(target=target, sources=paths, row=row)
        if isinstance(row, EachRow):
            yield from flat_rows(row.shape, f"{target}[]", f"{paths[0]}[]")
        elif isinstance(row, ShapeRow):
            yield from flat_rows(row.shape, target, paths[0])


def join(under: str, path: str) -> str:
    """A path under another; `.` is the node itself."""
    if path == ".":
        return under or "."
    return path if under in ("", ".") else f"{under}/{path}"
