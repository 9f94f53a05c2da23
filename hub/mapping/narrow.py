"""Which operations a canonical field needs, and a mapping without those that were not asked.

A row that reads an operation that was not fetched leaves its field UNSET. Every other row
is run as it stands, as strictly as ever: what was asked must fit.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from hub.core.fields import covers
from hub.mapping.plan import EachRow, ScalarRow, Shape, ShapeRow, Source, join

Row = ScalarRow | ShapeRow | EachRow


def operations_for(shape: Shape, fields: frozenset[str]) -> frozenset[str]:
    """The operations that the rows of *fields* read; canonical paths as in JSON, `*` for all.

    A path stands for everything below it, and needs what leads to it.
    """
    return frozenset(_needed(shape, fields, "", ""))


def narrowed(shape: Shape, operations: frozenset[str]) -> Shape:
    """*shape* without the rows that read anything else than *operations*."""
    return _narrowed(shape, operations, "")


def _needed(shape: Shape, fields: frozenset[str], at: str, under: str) -> Iterator[str]:
    for row in shape.rows:
        path = f"{at}.{row.field.json_name}" if at else row.field.json_name
        if not _touches(fields, path):
            continue
        yield from _operations(_sources(row), under)
        if not isinstance(row, ScalarRow):
            yield from _needed(row.shape, fields, path, join(under, row.source.text))


def _touches(fields: frozenset[str], path: str) -> bool:
    """Whether *path* lies under a wanted path, or leads to one."""
    return covers(fields, path) or any(wanted.startswith(f"{path}.") for wanted in fields)


def _narrowed(shape: Shape, operations: frozenset[str], under: str) -> Shape:
    kept: list[Row] = []
    unread: list[str] = []
    for row in shape.rows:
        if not _operations(_sources(row), under) <= operations:
            unread.append(row.field.name)
        elif isinstance(row, ScalarRow):
            kept.append(row)
        else:
            inner = _narrowed(row.shape, operations, join(under, row.source.text))
            kept.append(msgspec.structs.replace(row, shape=inner))
    return Shape(type=shape.type, rows=tuple(kept), unread=tuple(unread))


def _operations(sources: tuple[Source, ...], under: str) -> frozenset[str]:
    """The first steps of whole paths; the payloads' own node (`.`) names no operation."""
    whole = (join(under, source.text) for source in sources)
    return frozenset(path.split("/")[0] for path in whole if path != ".")


def _sources(row: Row) -> tuple[Source, ...]:
    return row.call.sources if isinstance(row, ScalarRow) else (row.source,)
