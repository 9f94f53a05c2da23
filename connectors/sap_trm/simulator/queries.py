"""What a request asks of a set: its options, and `$filter` as a predicate over entities.

The Gateway's own grammar is larger; this reads what its documentation shows of comparison
and logic, and answers anything else with the error that the Gateway gives.
"""

from __future__ import annotations

import datetime as dt
import operator
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

from msgspec import Struct

from connectors.sap_trm.simulator.edmx import EntityType
from connectors.sap_trm.simulator.taxpayers import Entity, Value

Predicate = Callable[[Entity], bool]

KNOWN_OPTIONS = frozenset(
    {
        "$filter",
        "$select",
        "$expand",
        "$top",
        "$skip",
        "$skiptoken",
        "$inlinecount",
        "$format",
        "$orderby",
        "$search",
    }
)
_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}
_TOKEN = re.compile(
    r"\s*(?:(?P<date>datetime'[^']*')|(?P<text>'(?:[^']|'')*')|(?P<number>-?\d+(?:\.\d+)?)[mMdDlL]?"
    r"|(?P<word>[A-Za-z_][A-Za-z0-9_]*)|(?P<mark>[()]))"
)
_DEEPEST = 50
"""Brackets in a filter; the Gateway has a limit too."""
SYNTAX = "005056A509B11EE1B9A8FEC11C21578E"
UNKNOWN_PROPERTY = "005056A509B11EE1B9A8FEA8DE87F78E"


class Refusal(Exception):
    """An OData error: the HTTP status, the code and the text of the answer."""

    def __init__(self, status: int, code: str, text: str, *, bare: bool = False) -> None:
        super().__init__(code)
        self.status, self.code, self.text, self.bare = status, code, text, bare


class Query(Struct, frozen=True, kw_only=True):
    """The options of one request, decoded."""

    options: dict[str, str]

    def number(self, name: str) -> int | None:
        """A whole, non-negative number; a refusal for anything else."""
        text = self.options.get(name)
        if text is None:
            return None
        if not (text.isascii() and text.isdigit() and len(text) <= 9):  # noqa: PLR2004 - a screenful
            raise Refusal(400, SYNTAX, f"Invalid system query option {name}", bare=True)
        return int(text)

    def names(self, option: str) -> tuple[str, ...]:
        """The comma-separated names of `$select` or `$expand`."""
        return tuple(name.strip() for name in self.options.get(option, "").split(",") if name)


def read_query(text: str) -> Query:
    """The options in a query string, encoded or not; refuses unknown `$` options."""
    options = {}
    for part in text.split("&"):
        name, _, value = part.partition("=")
        if name:
            options[unquote(name)] = unquote(value.replace("+", " "))
    strange = [name for name in options if name.startswith("$") and name not in KNOWN_OPTIONS]
    if strange:
        raise Refusal(400, SYNTAX, "Invalid system query option", bare=True)
    return Query(options=options)


class Filter(Struct, frozen=True, kw_only=True):
    """A `$filter`: whether an entity fits, and the values that a property must equal."""

    fits: Predicate
    equal: dict[str, tuple[str, ...]]


def read_filter(text: str, entity_type: EntityType) -> Filter:
    """The filter in *text* for *entity_type*; refuses what is not one."""
    if text.count("(") > _DEEPEST:
        raise _syntax()
    reader = _FilterReader(_tokens(text), entity_type)
    fits = reader.either()
    if reader.rest:
        raise _syntax()
    return Filter(fits=fits, equal={name: tuple(values) for name, values in reader.equal.items()})


def _tokens(text: str) -> list[tuple[str, str]]:
    found, position = [], 0
    while text[position:].strip():
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise _syntax()
        found.append((match.lastgroup, match.group(match.lastgroup)))
        position = match.end()
    return found


class _FilterReader:
    """Reads tokens by recursive descent: `or` binds less than `and`, brackets bind most."""

    def __init__(self, tokens: list[tuple[str, str]], entity_type: EntityType) -> None:
        self.rest, self._type = tokens, entity_type
        self.equal: dict[str, list[str]] = {}

    def either(self) -> Predicate:
        """One or several conditions joined by `or`."""
        parts = [self._both()]
        while self._take("word", "or"):
            parts.append(self._both())
        return lambda entity: any(part(entity) for part in parts)

    def _both(self) -> Predicate:
        parts = [self._condition()]
        while self._take("word", "and"):
            parts.append(self._condition())
        return lambda entity: all(part(entity) for part in parts)

    def _condition(self) -> Predicate:
        if self._take("mark", "("):
            inner = self.either()
            if not self._take("mark", ")"):
                raise _syntax()
            return inner
        kind, name = self._next()
        if kind != "word":
            raise _syntax()
        if name not in self._type.properties:
            text = f"Property {name} not found in type {self._type.name}"
            raise Refusal(400, UNKNOWN_PROPERTY, text, bare=True)
        _, word = self._next()
        compare = _COMPARISONS.get(word)
        if compare is None:
            raise _syntax()
        value = _value(*self._next(), self._type.properties[name])
        if word == "eq" and isinstance(value, str):
            self.equal.setdefault(name, []).append(value)
        return lambda entity: _holds(compare, entity[name], value)

    def _next(self) -> tuple[str, str]:
        if not self.rest:
            raise _syntax()
        return self.rest.pop(0)

    def _take(self, kind: str, word: str) -> bool:
        if self.rest and self.rest[0] == (kind, word):
            self.rest.pop(0)
            return True
        return False


def _holds(compare: Callable[[Any, Any], bool], left: Value, right: Value) -> bool:
    if left is None or right is None:
        return compare in (operator.eq, operator.ne) and compare(left, right)
    return compare(left, right)


def _value(kind: str, token: str, edm: str) -> Value:
    """The literal *token*, which must be of the property's type."""
    if kind == "word" and token == "null":  # noqa: S105 - a word of the grammar
        return None
    if kind == "text" and edm == "Edm.String":
        return token[1:-1].replace("''", "'")
    if kind == "number" and edm == "Edm.Decimal":
        return Decimal(token)
    if kind == "date" and edm == "Edm.DateTime":
        try:
            return dt.datetime.fromisoformat(token[9:-1]).date()
        except ValueError:
            raise _syntax() from None
    raise _syntax()


def _syntax() -> Refusal:
    return Refusal(400, SYNTAX, "Syntax error at position 1", bare=True)
