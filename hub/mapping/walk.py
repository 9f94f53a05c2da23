"""Walk a plan row by row: lineage, and the exact place where a payload does not fit.

The slow twin of the generated function. It runs when somebody asks for lineage, and after
the function has refused a payload, to say why.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from msgspec import UNSET, Struct

from hub.core.errors import MappingError
from hub.mapping.plan import (
    Call,
    EachRow,
    ScalarRow,
    Shape,
    ShapeRow,
    Source,
    dig,
    join,
    root_node,
)
from hub.mapping.signature import ABSENT, Misfit, Parameter, type_name

_OBJECT = Parameter(accepts=frozenset({dict}))
_LIST = Parameter(accepts=frozenset({list}))


class Lineage(Struct, frozen=True, kw_only=True):
    """Where one canonical field that is not null comes from.

    `target` names the field as the mapping file does, with list indices
    (`items[3].amount`); `pointer` is the same place in the block's JSON (RFC 6901).
    `sources` are the paths that the payload has of those that the row reads, with the
    indices of the source (`items/results[7]/BETRW`). `via` is the converter, `shape:X` or
    `each:X`; `row` is the row in the file (`Bill.amount`).
    """

    target: str
    pointer: str
    sources: tuple[str, ...]
    via: str
    row: str


class _Place(Struct, frozen=True):
    """Where the walk is, on both sides."""

    target: str
    pointer: str
    source: str

    def under(self, source: Source) -> str:
        return join(self.source, source.text)


class Walk:
    """One walk over one payload."""

    def __init__(self, mapping: str, shape: Shape) -> None:
        self.mapping, self.root = mapping, shape
        self.lineage: list[Lineage] = []

    def run(self, payloads: Any) -> Any:
        """The canonical value; `lineage` is filled. MappingError at the first misfit."""
        place = _Place("", "", "")
        node = self._try(self.root.type.__name__, ".", lambda: root_node(payloads))
        return self._shape(self.root, node, place)

    def _shape(self, shape: Shape, node: Any, place: _Place) -> Any:
        values: dict[str, Any] = dict.fromkeys(shape.unread, UNSET)
        for row in shape.rows:
            name = row.field.name
            target = f"{place.target}.{name}" if place.target else name
            inner = _Place(target, f"{place.pointer}/{row.field.json_name}", place.source)
            at = len(self.lineage)
            values[name] = value = self._row(row, node, inner)
            if value is not None:
                there = [x for x in _sources(row) if dig(node, x.keys) is not ABSENT]
                paths = tuple(inner.under(source) for source in there)
                self.lineage.insert(at, _entry(row, paths, inner))
        why = f"the values do not make a {type_name(shape.type)}"
        return self._convert(place, place.source or ".", why, lambda: shape.type(**values))

    def _row(self, row: ScalarRow | ShapeRow | EachRow, node: Any, place: _Place) -> Any:
        match row:
            case ScalarRow(many=False):
                value = self._call(row.call, node, place)
                paths = self._paths(row.call, place)
                return self._judged(row, value, place, paths, optional=row.field.optional)
            case ScalarRow():
                return self._many(row, node, place)
            case ShapeRow():
                return self._nested(row, node, place)
            case EachRow():
                return self._each(row, node, place)

    def _call(self, call: Call, node: Any, place: _Place) -> Any:
        found = []
        for source, parameter in zip(call.sources, call.places, strict=True):
            found.append(self._read(source, parameter, node, place))
        return self._converted(call, found, place, self._paths(call, place))

    def _converted(self, call: Call, found: list[Any], place: _Place, paths: str) -> Any:
        kinds = sorted({type_name(v.__class__) for v in found if v is not None})
        why = f"expected {call.name}, found {' and '.join(kinds)} of another form"
        return self._convert(place, paths, why, lambda: call(found))

    def _judged(
        self, row: ScalarRow, value: Any, place: _Place, paths: str, *, optional: bool
    ) -> Any:
        if value is None and not optional:
            raise self._error(place, paths, f"missing, and {row.field.row} may not be")
        check = row.check
        if check is not None:
            why = f"outside the limits of {row.field.row}"
            self._convert(place, paths, why, lambda: check(value))
        return value

    def _paths(self, call: Call, place: _Place) -> str:
        return ", ".join(place.under(source) for source in call.sources)

    def _read(self, source: Source, parameter: Parameter, node: Any, place: _Place) -> Any:
        return self._try(
            place.target,
            place.under(source),
            lambda: parameter.settle(dig(node, source.keys)),
        )

    def _nested(self, row: ShapeRow, node: Any, place: _Place) -> Any:
        path = place.under(row.source)
        found = self._read(row.source, _OBJECT, node, place)
        if found is None:
            if row.field.optional:
                return None
            raise self._error(place, path, f"missing, and {row.field.row} may not be")
        return self._shape(row.shape, found, _Place(place.target, place.pointer, path))

    def _list(self, row: EachRow | ScalarRow, source: Source, node: Any, place: _Place) -> Any:
        """The list; None or `()` where it is missing and may be."""
        found = self._read(source, _LIST, node, place)
        if found is None and row.may_lack:
            return ()
        if found is None and not row.field.optional:
            why = f"missing, and {row.field.row} may not be"
            raise self._error(place, place.under(source), why)
        return found

    def _each(self, row: EachRow, node: Any, place: _Place) -> Any:
        found = self._list(row, row.source, node, place)
        if found is None:
            return None
        built: list[Any] = []
        for index, item in enumerate(found):
            inner = self._item(place, row.source, index, len(built))
            if item.__class__ is not dict:
                why = f"expected dict, found {type_name(item.__class__)}"
                raise self._error(inner, inner.source, why)
            if row.only is None or self._picks(row.only, item, inner):
                built.append(self._shape(row.shape, item, inner))
        return tuple(built)

    def _picks(self, only: Call, item: Any, place: _Place) -> bool:
        chosen = self._call(only, item, place)
        if chosen is None:
            raise self._error(place, self._paths(only, place), "missing, and it sorts the rows")
        return bool(chosen)

    def _many(self, row: ScalarRow, node: Any, place: _Place) -> Any:
        source = row.call.sources[0]
        found = self._list(row, source, node, place)
        if found is None:
            return None
        settle = row.call.places[0].settle
        built = []
        for index, item in enumerate(found):
            inner = self._item(place, source, index, index)
            ready = self._try(inner.target, inner.source, partial(settle, item))
            value = self._converted(row.call, [ready], inner, inner.source)
            built.append(self._judged(row, value, inner, inner.source, optional=False))
            self.lineage.append(_entry(row, (inner.source,), inner))
        return tuple(built)

    def _item(self, place: _Place, source: Source, there: int, here: int) -> _Place:
        return _Place(
            f"{place.target}[{here}]", f"{place.pointer}/{here}", f"{place.under(source)}[{there}]"
        )

    def _try(self, target: str, source: str, read: Callable[[], Any]) -> Any:
        why = ""
        try:
            return read()
        except Misfit as misfit:
            why = str(misfit)
        raise MappingError(self.mapping, target, source, why)

    def _convert(self, place: _Place, source: str, why: str, make: Callable[[], Any]) -> Any:
        # The error is raised outside the handler: a converter's own may quote the value.
        try:
            return make()
        except Misfit as misfit:
            why = str(misfit)
        except Exception:  # noqa: BLE001, S110 - a converter from outside may raise anything
            pass
        raise self._error(place, source, why)

    def _error(self, place: _Place, source: str, why: str) -> MappingError:
        return MappingError(self.mapping, place.target or self.root.type.__name__, source, why)


def _entry(row: ScalarRow | ShapeRow | EachRow, paths: tuple[str, ...], place: _Place) -> Lineage:
    return Lineage(
        target=place.target, pointer=place.pointer, sources=paths, via=_via(row), row=row.field.row
    )


def _sources(row: ScalarRow | ShapeRow | EachRow) -> tuple[Source, ...]:
    return row.call.sources if isinstance(row, ScalarRow) else (row.source,)


def _via(row: ScalarRow | ShapeRow | EachRow) -> str:
    match row:
        case ScalarRow():
            return row.call.name
        case ShapeRow():
            return f"shape:{type_name(row.shape.type)}"
        case EachRow():
            only = f" only:{row.only_text}" if row.only_text else ""
            return f"each:{type_name(row.shape.type)}{only}"
