"""Show a mapping at work: source, canonical result and lineage, side by side, again on each save."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any

import msgspec

from hub.core.errors import MappingError
from hub.mapping import Mapping as BlockMapping
from hub.mapping import as_json, unknown_codes

_GAP = " | "
_LEAST = 20
"""A column narrower than this is not read by anybody."""


def side_by_side(mapping: BlockMapping, payloads: Mapping[str, Any], width: int) -> str:
    """The three columns in *width* characters; what does not fit its place stands below."""
    value, trace = mapping.apply(payloads), mapping.trace(payloads)
    lineage = [
        f"{step.target} <- {', '.join(step.sources) or '(nothing)'}"
        + (f"  {step.via}" if step.via else "")
        for step in trace
    ]
    columns = {
        "source": _lines(payloads),
        "canonical": _lines(as_json(value)),
        "lineage": lineage,
    }
    unknown = [f"unknown code: {path}" for path in unknown_codes(value)]
    return "\n".join([*_table(columns, width), *unknown])


def told(error: MappingError) -> str:
    """What is wrong, for somebody who is at work on the mapping."""
    return f"{error}\n  docs/mappings.md says what each key and converter takes"


def _lines(value: Any) -> list[str]:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode().splitlines()


def _table(columns: Mapping[str, Iterable[str]], width: int) -> Iterator[str]:
    each = max(_LEAST, (width - len(_GAP) * (len(columns) - 1)) // len(columns))
    cells = [[name, "-" * each, *_wrapped(lines, each)] for name, lines in columns.items()]
    for row in zip_longest(*cells, fillvalue=""):
        yield _GAP.join(cell.ljust(each) for cell in row).rstrip()


def _wrapped(lines: Iterable[str], width: int) -> Iterator[str]:
    for line in lines:
        indent = " " * (len(line) - len(line.lstrip()) + 2)
        yield from textwrap.wrap(line, width, subsequent_indent=indent) or [""]


def changes(paths: Iterable[Path], sleep: Callable[[], None]) -> Iterator[None]:
    """Once at the start, and once each time that one of *paths* has been saved."""
    watched, before = tuple(paths), None
    while True:
        now = [path.stat().st_mtime_ns if path.exists() else 0 for path in watched]
        if now != before:
            before = now
            yield
        else:
            sleep()
