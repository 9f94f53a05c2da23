"""Coverage and drift, learned from recordings: fields nobody reads, or nobody declared.

Counted over recorded payloads by path, with `[]` for list indices; never a value.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from msgspec import Struct

from hub.audit.case import BlockCase
from hub.mapping import Coverage, unknown_codes
from hub.position.evidence import Reading

Known = Literal["read", "ignored", "never_read", "undeclared"]

_INDEX = re.compile(r"\[[0-9]+\]")


class Drift(Struct, frozen=True, kw_only=True, rename="camel"):
    """Counts over the replayed readings: in how many each path has a value."""

    readings: int
    read: int
    """How many different source paths were seen that some mapping reads."""
    ignored: int
    never_read: Mapping[str, int]
    """In the contract, filled by the source, and read by no mapping."""
    undeclared: Mapping[str, int]
    """Sent by the source, and not in its contract."""
    unknown_codes: Mapping[str, int]
    """Canonical fields with a code that its list lacks."""


class Watch:
    """Looks at every reading that it is given, once."""

    def __init__(self, coverage: Mapping[str, Coverage]) -> None:
        self._coverage = coverage
        self._kinds: dict[tuple[str, str], Known] = {}
        self._seen: dict[Known, Counter[str]] = {
            "read": Counter(),
            "ignored": Counter(),
            "never_read": Counter(),
            "undeclared": Counter(),
        }
        self._codes: Counter[str] = Counter()
        self._readings = 0

    def note_reading(self, reading: Reading) -> None:
        """Count the paths of one decoded payload."""
        coverage = self._coverage.get(reading.source)
        if coverage is None:
            return
        self._readings += 1
        for path in set(filled_paths(reading.payload, reading.operation)):
            kind = self._kind(reading.source, path, coverage)
            self._seen[kind][f"{reading.source}: {path}"] += 1

    def note_value(self, block: BlockCase, value: Struct | None) -> None:
        """Count the codes of a canonical value that their lists lack."""
        if value is not None:
            for place in unknown_codes(value):
                self._codes[f"{block.name}.{_INDEX.sub('[]', place)}"] += 1

    def result(self) -> Drift:
        """What was counted, the most frequent first."""
        return Drift(
            readings=self._readings,
            read=len(self._seen["read"]),
            ignored=len(self._seen["ignored"]),
            never_read=dict(self._seen["never_read"].most_common()),
            undeclared=dict(self._seen["undeclared"].most_common()),
            unknown_codes=dict(self._codes.most_common()),
        )

    def _kind(self, source: str, path: str, coverage: Coverage) -> Known:
        key = (source, path)
        if key not in self._kinds:
            self._kinds[key] = _kind_of(path, coverage)
        return self._kinds[key]


def filled_paths(node: Any, at: str) -> Iterator[str]:
    """The path of each leaf under *node* that holds something."""
    if isinstance(node, dict):
        for key, inner in node.items():
            yield from filled_paths(inner, f"{at}/{key}")
    elif isinstance(node, list):
        for inner in node:
            yield from filled_paths(inner, f"{at}[]")
    elif node is not None and node != "":
        yield at


def _kind_of(path: str, coverage: Coverage) -> Known:
    if _is_among(path, coverage.read):
        return "read"
    if _is_among(path, coverage.ignored):
        return "ignored"
    return "never_read" if _is_among(path, coverage.never_read) else "undeclared"


def _is_among(path: str, leaves: tuple[str, ...]) -> bool:
    """Whether *path* is one of *leaves*, or lies under one that the contract leaves open."""
    return any(path == leaf or path.startswith((f"{leaf}/", f"{leaf}[]")) for leaf in leaves)
