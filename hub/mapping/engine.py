"""A compiled mapping: from decoded payloads to a canonical value, and back by lineage."""

from __future__ import annotations

import hashlib
from collections import abc
from copy import copy
from typing import Any

from cachetools import LRUCache
from msgspec import Struct

from hub.core.errors import MappingError
from hub.mapping.codes import CodeLists
from hub.mapping.converters import VOCABULARY
from hub.mapping.file import MappingFile, parse_mapping
from hub.mapping.generate import generate
from hub.mapping.narrow import narrowed, operations_for
from hub.mapping.plan import Shape, flat_rows
from hub.mapping.resolve import Resolver
from hub.mapping.signature import Converter
from hub.mapping.walk import Lineage, Walk

_WISHES = 256
"""How many sets of wanted fields a mapping remembers the operations of."""


class Mapping:
    """One mapping file, compiled. Pure: the same payloads always give the same value.

    `digest` pins what was run: see `digest_of`. `text` and `codes_text` are what it was
    compiled from, `source` is the generated function, for people to read.
    """

    def __init__(self, file: MappingFile, text: str, codes_text: str, plan: Shape) -> None:
        self.name, self.version = file.name, file.version
        self.text, self.codes_text = text, codes_text
        self.digest = digest_of(text, codes_text)
        self.plan = plan
        self.target: type[Struct] = plan.type
        self.source, self._function = generate(plan, file.name)
        self._narrowed: dict[frozenset[str], Mapping] = {}
        self._needs: LRUCache[frozenset[str], frozenset[str]] = LRUCache(_WISHES)

    def __repr__(self) -> str:
        return f"Mapping({self.name!r}, version={self.version}, digest={self.digest[:12]!r})"

    @property
    def operations(self) -> tuple[str, ...]:
        """The operations whose payloads it reads, sorted."""
        paths = (path for row in flat_rows(self.plan) for path in row.sources)
        return tuple(sorted({path.split("/")[0].removesuffix("[]") for path in paths} - {"."}))

    def needs(self, fields: frozenset[str]) -> frozenset[str]:
        """The operations that canonical *fields* come from; paths as in JSON, `*` for all."""
        if fields not in self._needs:
            self._needs[fields] = operations_for(self.plan, fields)
        return self._needs[fields]

    def narrowed(self, operations: frozenset[str]) -> Mapping:
        """This mapping where only *operations* were asked: other fields stay UNSET.

        With all of its operations it is the mapping itself, and a value is complete.
        """
        if operations >= frozenset(self.operations):
            return self
        if operations not in self._narrowed:
            twin = copy(self)
            twin.plan = narrowed(self.plan, operations)
            twin._needs = LRUCache(_WISHES)  # noqa: SLF001 - as below
            twin.source, twin._function = generate(twin.plan, self.name)  # noqa: SLF001 - its own kind
            self._narrowed[operations] = twin
        return self._narrowed[operations]

    def apply(self, payloads: abc.Mapping[str, Any]) -> Any:
        """The canonical value of *payloads*, `{operation: decoded payload}`.

        Raises MappingError, which names mapping, field with index, source path and types,
        and never a value.
        """
        try:
            return self._function(payloads)
        except Exception:  # noqa: BLE001, S110 - its message may quote a value; the walk says why
            pass
        raise self._refusal(payloads)

    def trace(self, payloads: abc.Mapping[str, Any]) -> tuple[Lineage, ...]:
        """The lineage of every canonical field that is not null, in the order of the types.

        Raises MappingError as `apply` does.
        """
        walk = Walk(self.name, self.plan)
        walk.run(payloads)
        return tuple(walk.lineage)

    def _refusal(self, payloads: abc.Mapping[str, Any]) -> MappingError:
        try:
            Walk(self.name, self.plan).run(payloads)
        except MappingError as error:
            return error.with_traceback(None)
        why = "refused, and the walk over the plan does not say why"
        return MappingError(self.name, self.target.__name__, ".", why)


def digest_of(text: str, codes_text: str) -> str:
    """SHA-256 in hex over the mapping file, a zero byte, and `codes.toml`, all UTF-8.

    *codes_text* is empty for a mapping that uses no code list.
    """
    return hashlib.sha256(text.encode() + b"\x00" + codes_text.encode()).hexdigest()


def compile_mapping(
    text: str,
    *,
    types: abc.Mapping[str, type[Struct]],
    codes: CodeLists,
    converters: abc.Mapping[str, Converter] = VOCABULARY,
) -> Mapping:
    """Compile a mapping file; raises one MappingError that names every mistake in it.

    *types* holds the canonical types by class name; those inside the target are found from
    its annotations. *converters* are the vocabulary, or it and a package's own.
    """
    file = parse_mapping(text)
    target = types.get(file.target)
    if target is None:
        raise MappingError(file.name, "target", "text", f"there is no type {file.target!r}")
    resolver = Resolver(file, codes, converters)
    plan = resolver.root(target)
    return Mapping(file, text, codes.text if resolver.lists_used else "", plan)


_NESTED = (tuple, Struct)


def unknown_codes(value: Any, at: str = "") -> tuple[str, ...]:
    """The fields of a canonical value whose code its list lacks (drift): `items[3].kind`."""
    if isinstance(value, tuple):
        inner = [unknown_codes(item, f"{at}[{index}]") for index, item in enumerate(value)]
    elif isinstance(value, Struct) and getattr(value, "known", True) is False:
        return (at,)
    elif isinstance(value, Struct):
        inner = [
            unknown_codes(held, f"{at}.{name}" if at else name)
            for name in value.__struct_fields__
            if isinstance(held := getattr(value, name), _NESTED)
        ]
    else:
        return ()
    return tuple(path for paths in inner for path in paths)
