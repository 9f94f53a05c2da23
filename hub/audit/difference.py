"""Where two canonical values differ, field by field; values are masked unless revealed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

_INDEX = re.compile(r"/[0-9]+(?=/|$)")
_NOTHING = object()

_KINDS = {str: "text", bool: "boolean", int: "number", float: "number", dict: "record"}


class Difference(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One place in a block's JSON (RFC 6901) where then and now differ.

    `then` and `now` are None where the value is absent; masked, they say only of what kind
    it is.
    """

    answer: str
    block: str
    pointer: str
    then: Any = None
    now: Any = None

    @property
    def field(self) -> str:
        """The place without list indices, as the counts name it: `/items[]/amount`."""
        return general(self.pointer)


def general(pointer: str) -> str:
    """A JSON Pointer with every list index replaced: `/items/3/amount` -> `/items[]/amount`."""
    return _INDEX.sub("[]", pointer)


def compare(then: Any, now: Any, at: str = "") -> Iterator[tuple[str, Any, Any]]:
    """(pointer, then, now) for each place where two JSON values differ.

    A list that has become longer or shorter differs at its last items, as records.
    """
    if isinstance(then, dict) and isinstance(now, dict):
        for key in sorted(then.keys() | now.keys()):
            place = f"{at}/{_escaped(key)}"
            yield from compare(then.get(key, _NOTHING), now.get(key, _NOTHING), place)
    elif isinstance(then, list) and isinstance(now, list):
        for index in range(max(len(then), len(now))):
            left = then[index] if index < len(then) else _NOTHING
            right = now[index] if index < len(now) else _NOTHING
            yield from compare(left, right, f"{at}/{index}")
    elif _is_absent(then) and _is_absent(now):
        return
    elif type(then) is not type(now) or then != now:
        yield at, _plain(then), _plain(now)


def contains(whole: Any, part: Any) -> bool:
    """Whether *part* is *whole* narrowed to some of its fields, as a projection narrows."""
    if isinstance(part, dict) and isinstance(whole, dict):
        return all(key in whole and contains(whole[key], part[key]) for key in part)
    if isinstance(part, list) and isinstance(whole, list):
        return len(part) == len(whole) and all(map(contains, whole, part))
    return type(whole) is type(part) and bool(whole == part)


def masked(value: Any) -> str | None:
    """What kind of value it is, and nothing of it."""
    if value is None:
        return None
    return f"[{_KINDS.get(type(value), 'list')}]"


def _is_absent(value: Any) -> bool:
    return value is None or value is _NOTHING


def _plain(value: Any) -> Any:
    return None if value is _NOTHING else value


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
