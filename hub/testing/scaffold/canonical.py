"""The canonical type, its mapping and its example, one row for each value that a source gives."""

from __future__ import annotations

import difflib
import keyword
import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Struct

from hub.testing.scaffold.interface import Leaf, Shape, is_person, is_reference, leaves

_VIA = {
    "date": ("dt.date", "date_iso"),
    "integer": ("int", "integer"),
    "boolean": ("bool", "boolean"),
}
_CANDIDATES = 2


class Field(Struct, frozen=True, kw_only=True):
    """One canonical field, where its value comes from, and what else might be meant."""

    name: str
    type: str
    path: str
    via: str
    others: tuple[str, ...]

    @property
    def row(self) -> str:
        """The row of the mapping file."""
        via = f', via = "{self.via}"' if self.via else ""
        others = f"  # or: {', '.join(self.others)}" if self.others else ""
        return f'{self.name} = {{ from = "{self.path}"{via} }}{others}'

    @property
    def camel(self) -> str:
        """The name in JSON."""
        first, *more = self.name.rstrip("_").split("_")
        return first + "".join(part.capitalize() for part in more)


def fields_of(row: Shape) -> list[Field]:
    """A field for each value of *row* that is neither in a list nor an echo nor a fraction."""
    found = [
        leaf
        for leaf in leaves(row)
        if not leaf.listed
        and leaf.type != "number"
        and not is_person(leaf)
        and not is_reference(leaf)
    ]
    return list(_named(found))


def _named(found: Sequence[Leaf]) -> Iterator[Field]:
    taken: set[str] = set()
    for leaf in found:
        name = snake(leaf.name)
        if name in taken:
            name = snake(leaf.path.replace("/", "_"))
        taken.add(name)
        kind = leaf.shape.get("format") if leaf.type == "string" else leaf.type
        type_, via = _VIA.get(str(kind), ("str", ""))
        close = difflib.get_close_matches(leaf.path, [o.path for o in found], _CANDIDATES + 1, 0.6)
        others = tuple(path for path in close if path != leaf.path)
        yield Field(name=name, type=type_, path=leaf.path, via=via, others=others[:_CANDIDATES])


def snake(name: str) -> str:
    """*name* as a Python name: no accents, no capitals, no keyword."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", plain)
    text = re.sub(r"\W+", "_", words).strip("_").lower() or "value"
    text = f"n{text}" if text[0].isdigit() else text
    return f"{text}_" if keyword.iskeyword(text) else text


def expected(fields: Sequence[Field], row: Any) -> dict[str, Any]:
    """What *row* becomes, as the hub's JSON has it."""
    return {field.camel: _value(field, row) for field in fields}


def _value(field: Field, row: Any) -> Any:
    for step in field.path.split("/"):
        row = row.get(step) if isinstance(row, dict) else None
    return row
