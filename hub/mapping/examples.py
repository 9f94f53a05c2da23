"""Examples of a mapping: payloads in, canonical JSON out. They are its test and its documentation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from hub.core.errors import MappingError
from hub.mapping.engine import Mapping


class Example(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One example. `expected` is the canonical value as the hub's JSON has it."""

    name: str
    payloads: dict[str, Any]
    expected: Any


def check_examples(mapping: Mapping, examples: Sequence[Example]) -> tuple[str, ...]:
    """One line per example that does not come out as it says; places, never values."""
    if not examples:
        return (f"{mapping.name}: there is no example",)
    names = [example.name for example in examples]
    twice = sorted({name for name in names if names.count(name) > 1})
    failures = [f"{mapping.name}: two examples are called {name!r}" for name in twice]
    for example in examples:
        why = "; ".join(_differences_of(mapping, example))
        if why:
            failures.append(f"{mapping.name}: example {example.name!r}: {why}")
    return tuple(failures)


def as_json(value: Any) -> Any:
    """A canonical value as the hub's JSON has it, decoded: what an example expects."""
    return msgspec.json.decode(msgspec.json.encode(value))


def _differences_of(mapping: Mapping, example: Example) -> Iterator[str]:
    try:
        found = as_json(mapping.apply(example.payloads))
    except MappingError as error:
        yield str(error)
        return
    yield from differences(example.expected, found)


def differences(expected: Any, found: Any, at: str = "") -> Iterator[str]:
    """Where two JSON values differ, as JSON Pointers."""
    place = at or "the whole"
    if type(expected) is not type(found):
        yield f"{place} is a {type(found).__name__}, expected a {type(expected).__name__}"
    elif isinstance(expected, dict):
        for key in sorted(expected.keys() | found.keys()):
            inner = f"{at}/{key}"
            if key in expected and key in found:
                yield from differences(expected[key], found[key], inner)
            else:
                yield f"{inner} is {'missing' if key in expected else 'not expected'}"
    elif isinstance(expected, list):
        yield from _list_differences(expected, found, at)
    elif expected != found:
        yield f"{place} is another value than expected"


def _list_differences(expected: list[Any], found: list[Any], at: str) -> Iterator[str]:
    if len(expected) != len(found):
        yield f"{at or 'the whole'} has {len(found)} items, expected {len(expected)}"
    for index, (left, right) in enumerate(zip(expected, found, strict=False)):
        yield from differences(left, right, f"{at}/{index}")
