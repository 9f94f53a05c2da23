"""Resolve a mapping file against the canonical types; every mistake is found, not the first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Struct, structs

from hub.core.errors import MappingError
from hub.mapping.codes import CodeList, CodeLists, code_converter, picker, word_converter
from hub.mapping.converters import VOCABULARY
from hub.mapping.file import MappingFile, Row, split_path
from hub.mapping.plan import Call, EachRow, Field, ScalarRow, Shape, ShapeRow, Source
from hub.mapping.signature import (
    Converter,
    Signature,
    constraint,
    fits,
    is_optional,
    members,
    signature_of,
    type_name,
)

T = TypeVar("T")


class Mistake(ValueError):
    """A row that cannot be; says why, about text of ours and never about a value."""


class Resolver:
    """Builds the plan of one file. `faults` collects one line per mistake."""

    def __init__(
        self, file: MappingFile, codes: CodeLists, converters: Mapping[str, Converter]
    ) -> None:
        self.file, self.codes, self.converters = file, codes, converters
        self.faults: list[tuple[str, str, str]] = []
        self.used: set[str] = set()
        self.lists_used: set[str] = set()
        self._open: list[type[Struct]] = []

    def root(self, target: type[Struct]) -> Shape:
        """The plan of the file's target; MappingError names every mistake of the file."""
        shape = self._shape(target)
        for name in self.file.shapes.keys() - self.used:
            self._fault(name, "-", "no row leads to this shape")
        if shape is None or self.faults:
            raise _error(self.file, self.faults)
        return shape

    def _fault(self, target: str, source: str, why: str) -> None:
        fault = (target, source, why)
        if fault not in self.faults:
            self.faults.append(fault)

    def _shape(self, type_: type[Struct]) -> Shape | None:
        name = type_.__name__
        rows = self.file.shapes.get(name)
        if rows is None:
            self._fault(name, "-", "the file has no rows for this shape")
            return None
        if type_ in self._open:
            self._fault(name, "-", "a shape cannot be inside itself")
            return None
        self.used.add(name)
        self._open.append(type_)
        built = tuple(self._rows(type_, rows))
        self._open.pop()
        return Shape(type=type_, rows=built)

    def _rows(
        self, type_: type[Struct], rows: Mapping[str, Row]
    ) -> Iterator[ScalarRow | ShapeRow | EachRow]:
        name = type_.__name__
        for extra in rows.keys() - set(type_.__struct_fields__):
            self._fault(f"{name}.{extra}", "-", "the type has no such field")
        hints = get_type_hints(type_, include_extras=True)
        for info in structs.fields(type_):
            field = Field(
                name=info.name,
                json_name=info.encode_name,
                row=f"{name}.{info.name}",
                hint=hints[info.name],
                optional=is_optional(hints[info.name]),
            )
            row = rows.get(info.name)
            if row is None:
                self._fault(field.row, "-", "the field has no row")
                continue
            built = self._row(field, row, may_lack=info.default == ())
            if built is not None:
                yield built

    def _row(self, field: Field, row: Row, *, may_lack: bool) -> Any:
        try:
            _check_keys(row)
            if row.shape is not None:
                return self._shape_row(field, row, row.shape)
            if row.each is not None:
                return self._each_row(field, row, row.each, may_lack=may_lack)
            return self._scalar_row(field, row, may_lack=may_lack)
        except Mistake as mistake:
            self._fault(field.row, ", ".join(row.paths), str(mistake))
            return None

    def _shape_row(self, field: Field, row: Row, name: str) -> ShapeRow | None:
        source = _only_source(row)
        shape = self._shape(_named(name, members(field.hint), field.hint))
        return None if shape is None else ShapeRow(field=field, source=source, shape=shape)

    def _each_row(self, field: Field, row: Row, name: str, *, may_lack: bool) -> EachRow | None:
        source = _only_source(row)
        items = [part for hint in members(field.hint) for part in _items(hint)]
        type_ = _named(name, tuple(inner for item in items for inner in members(item)), field.hint)
        only = self._only(row.only) if row.only is not None else None
        shape = self._shape(type_)
        if shape is None:
            return None
        return EachRow(
            field=field,
            source=source,
            shape=shape,
            may_lack=may_lack,
            only=only,
            only_text=row.only or "",
        )

    def _only(self, text: str) -> Call:
        name, _, chosen = text.partition(":")
        codes = self._list(name)
        function, signature = _said(lambda: picker(codes, chosen))
        return _call(f"only:{text}", codes.paths, function, signature)

    def _scalar_row(self, field: Field, row: Row, *, may_lack: bool) -> ScalarRow:
        via = row.via if row.via is not None else "text"
        function, signature = self._converter(via, len(row.paths))
        call = _call(via, row.paths, function, signature)
        many = not fits(signature.returns, field.hint)
        wanted = field.hint
        if many and len(row.paths) == 1:
            found = [part for hint in members(field.hint) for part in _items(hint)]
            wanted = found[0] if len(found) == 1 else field.hint
        if not fits(signature.returns, wanted):
            gives, takes = type_name(signature.returns), type_name(field.hint)
            raise Mistake(f"{via} gives {gives}, the field is {takes}")
        limit = constraint(wanted)
        check = partial(msgspec.convert, type=limit) if limit is not None else None
        return ScalarRow(field=field, call=call, many=many, may_lack=may_lack, check=check)

    def _converter(self, via: str, count: int) -> tuple[Converter, Signature]:
        kind, colon, name = via.partition(":")
        if colon and kind == "code":
            return code_converter(self._list(name), count)
        if colon and kind == "word":
            return _said(lambda: word_converter(self._list(name), count))
        converter = self.converters.get(via)
        if converter is None:
            raise Mistake(f"there is no converter {via!r}")
        if "." not in via and VOCABULARY.get(via) is not converter:
            raise Mistake(f"a converter of a package has a dot in its name, {via!r} has none")
        return converter, _said(lambda: signature_of(converter))

    def _list(self, name: str) -> CodeList:
        codes = self.codes.lists.get(name)
        if codes is None:
            raise Mistake(f"codes.toml has no list {name!r}")
        self.lists_used.add(name)
        return codes


def _said(build: Callable[[], T]) -> T:
    try:
        return build()
    except (ValueError, TypeError, NameError) as error:
        raise Mistake(str(error)) from None


def _check_keys(row: Row) -> None:
    said = [key for key in ("via", "shape", "each") if getattr(row, key) is not None]
    if len(said) > 1:
        raise Mistake(f"{' and '.join(said)} exclude each other")
    if row.only is not None and row.each is None:
        raise Mistake("only picks rows and needs each")
    if not row.paths:
        raise Mistake("from names no path")


def _call(name: str, paths: tuple[str, ...], function: Any, signature: Signature) -> Call:
    places = signature.places(len(paths))
    if places is None:
        raise Mistake(f"{name} takes another number of paths than {len(paths)}")
    sources = tuple(_source(path) for path in paths)
    return Call(name=name, sources=sources, function=function, signature=signature, places=places)


def _source(path: str) -> Source:
    return Source(path, _said(lambda: split_path(path)))


def _only_source(row: Row) -> Source:
    if len(row.paths) != 1:
        raise Mistake("shape and each take one path")
    return _source(row.paths[0])


def _items(hint: Any) -> tuple[Any, ...]:
    arguments = get_args(hint)
    homogeneous = get_origin(hint) is tuple and arguments[1:] == (...,)
    return arguments[:1] if homogeneous else ()


def _named(name: str, found: tuple[Any, ...], hint: Any) -> type[Struct]:
    for type_ in found:
        if isinstance(type_, type) and issubclass(type_, Struct) and type_.__name__ == name:
            return type_
    raise Mistake(f"the field is {type_name(hint)}, not {name}")


def _error(file: MappingFile, faults: list[tuple[str, str, str]]) -> MappingError:
    if len(faults) == 1:
        return MappingError(file.name, *faults[0])
    lines = "".join(f"\n  {target} <- {source}: {why}" for target, source, why in sorted(faults))
    return MappingError(file.name, file.target, "mapping file", f"{len(faults)} mistakes{lines}")
