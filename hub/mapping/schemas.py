"""Hold a mapping against the contract: JSON Schemas of each operation's decoded payload.

The subset of JSON Schema 2020-12 that contracts use here: `type`, `properties`, `items` and
`$ref` to the schema's own `$defs`. A property that the hub leaves alone on purpose says
so, and why, in the annotation `x-ignored`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from msgspec import Struct

from hub.mapping import engine
from hub.mapping.plan import Call, EachRow, FlatRow, ScalarRow, Source, flat_rows, join
from hub.mapping.signature import Parameter, type_name

Schemas = Mapping[str, Mapping[str, Any]]
"""`{operation: JSON Schema of its decoded payload}`."""

_CLASSES: Final[dict[str, frozenset[str]]] = {
    "string": frozenset({"str"}),
    "integer": frozenset({"int"}),
    "number": frozenset({"int", "float", "Decimal"}),
    "boolean": frozenset({"bool"}),
    "object": frozenset({"dict"}),
    "array": frozenset({"list"}),
}
_DEEPEST = 40


class Coverage(Struct, frozen=True, kw_only=True):
    """What of the contract a mapping reads: leaves, `[]` for the items of a list.

    `ignored` are those that the contract marks with `x-ignored`; `never_read` are the rest.
    """

    read: tuple[str, ...]
    never_read: tuple[str, ...]
    ignored: tuple[str, ...] = ()


class NoSuchPath(Exception):
    """A path leads nowhere in the schema; says where it stops."""


def check_paths(mapping: engine.Mapping, schemas: Schemas) -> tuple[str, ...]:
    """What the contract does not have or has otherwise, one line each; empty when all is there."""
    mistakes = []
    for row in flat_rows(mapping.plan):
        for path, accepts in _reads(row):
            why = _misfit(path, accepts, schemas)
            if why:
                mistakes.append(f"{mapping.name}: {row.target} <- {path}: {why}")
    return tuple(mistakes)


def coverage(mappings: engine.Mapping | Iterable[engine.Mapping], schemas: Schemas) -> Coverage:
    """Which leaves of *schemas* one mapping, or several together, read."""
    chosen = (mappings,) if isinstance(mappings, engine.Mapping) else tuple(mappings)
    rows = [row for mapping in chosen for row in flat_rows(mapping.plan)]
    read = {path for row in rows for path, accepts in _reads(row) if accepts is not None}
    leaves = [leaf for operation in sorted(schemas) for leaf in _leaves(operation, schemas)]
    return Coverage(
        read=tuple(path for path, _ in leaves if _is_read(path, read)),
        ignored=tuple(path for path, ignored in leaves if ignored and not _is_read(path, read)),
        never_read=tuple(
            path for path, ignored in leaves if not ignored and not _is_read(path, read)
        ),
    )


def _is_read(path: str, read: set[str]) -> bool:
    bare = path.removesuffix("[]")
    return any(p in (path, bare) or path.startswith((p + "/", p + "[]/")) for p in read)


def _reads(row: FlatRow) -> Iterator[tuple[str, frozenset[str] | None]]:
    """Each path of a row and the plain classes it takes there; None for a node to look into."""
    if isinstance(row.row, ScalarRow):
        yield from _call_reads(row, row.row.call)
    elif isinstance(row.row, EachRow):
        yield f"{row.sources[0]}[]", None
        if row.row.only is not None:
            under = f"{row.sources[0]}[]"
            for source, place in _places(row.row.only):
                yield join(under, source.text), _accepts(place)
    else:
        yield row.sources[0], None


def _call_reads(row: FlatRow, call: Call) -> Iterator[tuple[str, frozenset[str] | None]]:
    many = isinstance(row.row, ScalarRow) and row.row.many
    for path, (_, place) in zip(row.sources, _places(call), strict=True):
        yield f"{path}[]" if many else path, _accepts(place)


def _places(call: Call) -> Iterator[tuple[Source, Parameter]]:
    return zip(call.sources, call.places, strict=True)


def _accepts(place: Parameter) -> frozenset[str]:
    return frozenset(map(type_name, place.accepts))


def _misfit(path: str, accepts: frozenset[str] | None, schemas: Schemas) -> str | None:
    if path == ".":
        return None
    try:
        found = _types(_find(path, schemas))
    except NoSuchPath as error:
        return str(error)
    wanted = frozenset({"dict"}) if accepts is None else accepts
    wrong = sorted(name for name in found if not _CLASSES.get(name, wanted) & wanted)
    if wrong:
        return (
            f"the contract says {' or '.join(wrong)}, the row takes {' or '.join(sorted(wanted))}"
        )
    return None


def _find(path: str, schemas: Schemas) -> Mapping[str, Any]:
    operation, *keys = path.split("/")
    if operation not in schemas:
        raise NoSuchPath(f"the contract has no operation {operation!r}")
    root = schemas[operation]
    node = _resolved(root, root)
    for key in keys:
        name = key.removesuffix("[]")
        inner = node.get("properties", {}).get(name)
        if inner is None:
            raise NoSuchPath(f"the contract has no {name!r} there")
        node = _resolved(inner, root)
        if name != key:
            node = _resolved(_items(node, name), root)
    return node


def _items(node: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    if "array" not in _types(node):
        raise NoSuchPath(f"the contract has {name!r}, but not as a list")
    items: Mapping[str, Any] = node.get("items", {})
    return items


def _resolved(node: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    for _ in range(_DEEPEST):
        reference = node.get("$ref")
        if reference is None:
            return node
        inner = root.get("$defs", {}).get(str(reference).removeprefix("#/$defs/"))
        if inner is None:
            raise NoSuchPath(f"the contract refers to {reference!r}, which it lacks")
        node = inner
    raise NoSuchPath("the contract refers to itself without end")


def _types(node: Mapping[str, Any]) -> frozenset[str]:
    said = node.get("type", ())
    names = (said,) if isinstance(said, str) else tuple(said)
    return frozenset(names) - {"null"}


def _leaves(operation: str, schemas: Schemas) -> Iterator[tuple[str, bool]]:
    """Each leaf of an operation's schema, and whether the contract ignores it on purpose."""
    root = schemas[operation]
    yield from _leaves_under(operation, root, root, ignored=False, entered=frozenset())


def _leaves_under(
    path: str,
    node: Mapping[str, Any],
    root: Mapping[str, Any],
    *,
    ignored: bool,
    entered: frozenset[str],
) -> Iterator[tuple[str, bool]]:
    reference = str(node.get("$ref", ""))
    resolved = _resolved(node, root)
    ignored = ignored or "x-ignored" in node or "x-ignored" in resolved
    inside = {f"{path}/{name}": inner for name, inner in resolved.get("properties", {}).items()}
    if "items" in resolved:
        inside[f"{path}[]"] = resolved["items"]
    if not inside or reference in entered:  # a schema inside itself is entered once
        yield path, ignored
        return
    entered |= {reference} - {""}
    for below, inner in inside.items():
        yield from _leaves_under(below, inner, root, ignored=ignored, entered=entered)
