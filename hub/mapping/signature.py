"""What a converter takes and gives, read from its annotations.

One rule for "missing", decided here and nowhere else: a value is missing when its key or
a node above it is absent, when it is null, or when it is text of blanks alone. A converter
sees a missing value only if its annotation asks for it: `str | None` is given None, and
`Annotated[str, BLANK]` is given `""` for a blank that is there (not for an absent key).
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Struct

Converter = Callable[..., Any]
"""A pure function whose annotations are its contract; raises ValueError for a misfit."""

PLAIN: Final = frozenset({str, int, float, Decimal, bool, dict, list})
"""The classes of plain data that pass between a connector and a mapping."""

ABSENT: Final = object()
"""Stands for a key that is not there, where that differs from null."""


class Blank:
    """Type of BLANK."""


BLANK: Final = Blank()
"""In `Annotated[str, BLANK]`: a blank that is there is a value of its own, given as `""`."""


class Misfit(Exception):
    """A value is not what its row expects; says types, never the value."""


class Parameter(Struct, frozen=True, kw_only=True):
    """One path's place in a converter."""

    accepts: frozenset[type]
    takes_none: bool = False
    takes_blank: bool = False

    def settle(self, value: Any) -> Any:
        """*value* where it is accepted, None where it is missing (`""` for a blank that counts).

        Raises Misfit for a value of another type.
        """
        if value is ABSENT:
            return None
        if value is None or (value.__class__ is str and not value.strip()):
            return "" if self.takes_blank else None
        if value.__class__ in self.accepts:
            return value
        raise Misfit(f"expected {self.expects}, found {type_name(value.__class__)}")

    @property
    def expects(self) -> str:
        """The accepted types in words."""
        return " or ".join(sorted(map(type_name, self.accepts)))


class Signature(Struct, frozen=True, kw_only=True):
    """A converter's contract. `rest` is the place of all further paths (`*parts`)."""

    parameters: tuple[Parameter, ...]
    rest: Parameter | None = None
    needed: int
    returns: Any

    def places(self, count: int) -> tuple[Parameter, ...] | None:
        """The parameter of each of *count* paths; None when the converter takes another number."""
        if count < self.needed or (count > len(self.parameters) and self.rest is None):
            return None
        further = (self.rest,) * (count - len(self.parameters)) if self.rest else ()
        return self.parameters[:count] + further

    @property
    def may_be_none(self) -> bool:
        """Whether the converter itself can say that there is nothing."""
        return is_optional(self.returns)


def signature_of(converter: Converter) -> Signature:
    """The contract of *converter*; ValueError when its annotations do not make one."""
    hints = get_type_hints(converter, include_extras=True)
    returns = hints.get("return", Any)
    if returns is Any or not members(returns):
        raise ValueError("a converter says in its annotation which type it gives")
    places: list[Parameter] = []
    rest, needed = None, 0
    for parameter in inspect.signature(converter).parameters.values():
        place = _parameter(hints.get(parameter.name))
        if parameter.kind is parameter.VAR_POSITIONAL:
            rest = place
        elif parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            places.append(place)
            needed += parameter.default is parameter.empty
        elif parameter.default is parameter.empty:
            raise ValueError("a converter takes its values by position")
    return Signature(parameters=tuple(places), rest=rest, needed=max(needed, 1), returns=returns)


def _parameter(hint: Any) -> Parameter:
    accepts = frozenset(get_origin(member) or member for member in members(hint))
    if float in accepts:  # PEP 484: where a float is expected, an int is acceptable
        accepts |= {int}
    if not accepts or not accepts <= PLAIN:
        raise ValueError("a converter takes plain data, and says of which types")
    blank = get_origin(hint) is Annotated and BLANK in get_args(hint)[1:]
    return Parameter(accepts=accepts, takes_none=is_optional(hint), takes_blank=blank)


def members(hint: Any) -> tuple[Any, ...]:
    """The types that *hint* allows: unions opened, Annotated taken off, None left out."""
    if hint is None or hint is type(None):
        return ()
    if get_origin(hint) is Annotated:
        return members(get_args(hint)[0])
    if get_origin(hint) in (Union, types.UnionType):
        return tuple(inner for part in get_args(hint) for inner in members(part))
    return (hint,)


def is_optional(hint: Any) -> bool:
    """Whether *hint* allows None."""
    if get_origin(hint) is Annotated:
        return is_optional(get_args(hint)[0])
    return get_origin(hint) in (Union, types.UnionType) and type(None) in get_args(hint)


def fits(gives: Any, wants: Any) -> bool:
    """Whether every value of type *gives* is one of type *wants*; None is judged elsewhere."""
    wanted = members(wants)
    return all(any(_fits_one(given, want) for want in wanted) for given in members(gives))


def _fits_one(given: Any, want: Any) -> bool:
    if get_origin(want) is Literal:
        return get_origin(given) is Literal and set(get_args(given)) <= set(get_args(want))
    if get_origin(given) is Literal:
        return all(type(word) is want for word in get_args(given))
    if given == want:
        return True
    both = isinstance(given, type) and isinstance(want, type)
    return both and issubclass(given, want) and issubclass(given, Struct)


def constraint(hint: Any) -> Any | None:
    """The part of *hint* that carries limits (msgspec.Meta), which a value is checked against."""
    found = [part for part in _parts(hint) if get_origin(part) is Annotated]
    limited = any(isinstance(note, msgspec.Meta) for part in found for note in get_args(part)[1:])
    return hint if limited else None


def _parts(hint: Any) -> tuple[Any, ...]:
    union = get_origin(hint) in (Union, types.UnionType)
    return get_args(hint) if union else (hint,)


def type_name(hint: Any) -> str:
    """A type in words, for errors and tables."""
    if get_origin(hint) is Annotated:
        return type_name(get_args(hint)[0])
    if get_origin(hint) in (Union, types.UnionType):
        return " | ".join(type_name(part) for part in get_args(hint))
    if hint is type(None):
        return "None"
    if get_origin(hint) is tuple:
        return f"tuple[{', '.join('...' if a is ... else type_name(a) for a in get_args(hint))}]"
    if get_origin(hint) is Literal:
        return "one of " + ", ".join(str(word) for word in get_args(hint))
    return getattr(hint, "__name__", str(hint))
