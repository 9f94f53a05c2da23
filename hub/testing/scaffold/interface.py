"""What a source's own description says, in one form for all kinds: what is asked, what comes back."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

from msgspec import Struct

Shape = Mapping[str, Any]
"""A JSON Schema."""
Kind = Literal["soap", "odata", "rest", "table", "open311"]

_PERSON = re.compile(
    r"(nif|dni|taxnum(ber)?|id_?document|(n(u|ú)m(ero)?_?(de_?)?)?doc(umento?)?"
    r"(_?(identificaci(o|ó)n|identidad|titular|interesado|socio))?|document_?(number|id)?)",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"(numero|número|number|valor|value)", re.IGNORECASE)
_REFERENCE = re.compile(
    r"(referencia|reference|(id_?)?(peticion|petición|solicitud|request)(_?id)?|correlation_?id)",
    re.IGNORECASE,
)
_TOTAL = re.compile(r"(total|count|n(u|ú)m(ero)?_?(de_?)?(total|[a-z]+s))", re.IGNORECASE)


class Interface(Struct, frozen=True, kw_only=True):
    """One way of asking one source about one person."""

    message: str
    """The source's name of the operation."""
    address: str
    """Below the source's url; for a table its name, for OData the entity set."""
    request: Shape
    answer: Shape
    written: Callable[[dict[str, Any]], bytes]
    """An answer as it comes over the wire, from the plain data that it holds."""
    suffix: str
    content_type: str
    person: str = ""
    """The column or property that names the person, where the question is no message."""


class Leaf(Struct, frozen=True, kw_only=True):
    """One plain value of a shape, and where it stands. `listed`: inside a list."""

    path: str
    shape: Shape
    required: bool
    listed: bool

    @property
    def name(self) -> str:
        """The last step of the path."""
        return self.path.rpartition("/")[2]

    @property
    def type(self) -> str:
        """Its JSON type, null left aside."""
        return type_of(self.shape)


def type_of(shape: Shape) -> str:
    """The JSON type of *shape*, null left aside."""
    found = shape.get("type", "string")
    kinds = [found] if isinstance(found, str) else [kind for kind in found if kind != "null"]
    return str(kinds[0])


def leaves(
    shape: Shape, at: str = "", *, required: bool = True, listed: bool = False
) -> Iterator[Leaf]:
    """Every plain value of *shape*, in order; a list's items stand at the list's own path."""
    match type_of(shape):
        case "object":
            needed = shape.get("required", ())
            for name, inner in shape.get("properties", {}).items():
                path = f"{at}/{name}" if at else name
                is_needed = required and name in needed
                yield from leaves(inner, path, required=is_needed, listed=listed)
        case "array":
            yield from leaves(shape.get("items", {}), at, required=required, listed=True)
        case _:
            yield Leaf(path=at, shape=shape, required=required, listed=listed)


def is_person(leaf: Leaf) -> bool:
    """Whether a value is, by its name, the document number of the person."""
    above, _, name = leaf.path.rpartition("/")
    if _PERSON.fullmatch(name):
        return True
    return bool(_NUMBER.fullmatch(name) and _PERSON.fullmatch(above.rpartition("/")[2]))


def is_reference(leaf: Leaf) -> bool:
    """Whether a value is, by its name, the question's own reference."""
    return bool(_REFERENCE.fullmatch(leaf.name))


def is_total(leaf: Leaf) -> bool:
    """Whether a value is, by its name, the number of rows."""
    return bool(_TOTAL.fullmatch(leaf.name)) and not leaf.listed


def first_list(shape: Shape, at: str = "") -> str | None:
    """The path of the first list of records, not inside another list; None where there is none."""
    for name, inner in shape.get("properties", {}).items():
        path = f"{at}/{name}" if at else name
        if type_of(inner) == "array" and type_of(inner.get("items", {})) == "object":
            return path
        if type_of(inner) == "object" and (found := first_list(inner, path)):
            return found
    return None


def at(shape: Shape, path: str) -> Shape:
    """The shape at *path*; of a list its items. KeyError where there is none."""
    for step in path.split("/") if path else ():
        shape = shape["properties"][step]
        if type_of(shape) == "array":
            shape = shape["items"]
    return shape
