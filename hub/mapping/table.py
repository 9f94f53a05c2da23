"""A mapping as a table that an analyst can read."""

from __future__ import annotations

from collections.abc import Iterator

from hub.mapping.engine import Mapping
from hub.mapping.plan import EachRow, FlatRow, ScalarRow, flat_rows
from hub.mapping.signature import members, type_name

_HEAD = "| canonical field | type | may be missing | source | how |\n|---|---|---|---|---|\n"


def mapping_table(mapping: Mapping) -> str:
    """*mapping* in Markdown: one line per canonical field, with its whole paths."""
    title = f"## {mapping.name}, version {mapping.version} → {mapping.target.__name__}\n\n"
    lines = "".join(f"| {' | '.join(_cells(row))} |\n" for row in flat_rows(mapping.plan))
    return f"{title}{_HEAD}{lines}\nDigest: `{mapping.digest}`\n"


def _cells(row: FlatRow) -> Iterator[str]:
    field = row.row.field
    yield f"`{row.target}`"
    yield _escaped(" | ".join(map(type_name, members(field.hint))))
    lacking = isinstance(row.row, ScalarRow | EachRow) and row.row.may_lack
    yield "yes" if field.optional or lacking else "no"
    yield ", ".join(f"`{_escaped(path)}`" for path in row.sources)
    yield _escaped(_how(row))


def _how(row: FlatRow) -> str:
    match row.row:
        case ScalarRow(many=many, call=call):
            return f"{call.name}, for each item" if many else call.name
        case EachRow(shape=shape, only_text=only):
            picked = f", only {only}" if only else ""
            return f"one {shape.type.__name__} per item{picked}"
        case _:
            return f"as {row.row.shape.type.__name__}"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")
