"""What a PromQL expression asks for: metrics, with the labels and values that it names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import promql_parser
from msgspec import Struct

Catalogue = Mapping[str, Mapping[str, frozenset[str] | None]]
"""By metric, as a query names it, its labels and the values of each; None where a configuration
gives them.
"""


class Asked(Struct, frozen=True, kw_only=True):
    """One metric that an expression reads, and how it selects and groups."""

    metric: str
    labels: frozenset[str]
    """Every label that the expression names of it."""
    values: Mapping[str, tuple[str, ...]]
    """The values that it compares labels with; of a pattern each alternative."""


def faults_of(expression: str, known: Catalogue) -> list[str]:
    """What *expression* asks for that is not *known*; ValueError when it is no PromQL."""
    faults = []
    for asked in asked_by(expression):
        labels = known.get(asked.metric)
        if labels is None:
            faults.append(f"no metric {asked.metric}")
            continue
        faults += [f"{asked.metric} has no label {name}" for name in asked.labels - labels.keys()]
        for name, values in asked.values.items():
            possible = labels.get(name)
            if possible is not None:
                faults += [
                    f"{asked.metric}: {name} is never {v}" for v in values if v not in possible
                ]
    return faults


def asked_by(expression: str) -> list[Asked]:
    """Every metric that *expression* reads."""
    return list(_asked(promql_parser.parse(expression), frozenset()))


def _asked(tree: Any, grouped: frozenset[str]) -> Iterator[Asked]:
    if isinstance(tree, promql_parser.VectorSelector):
        rows = [
            *tree.matchers.matchers,
            *(row for rows in tree.matchers.or_matchers for row in rows),
        ]
        values = {row.name: _values(row) for row in rows}
        yield Asked(metric=tree.name or "", labels=grouped.union(values), values=values)
        return
    inner = grouped.union(_grouping(tree))
    parts = [getattr(tree, name, None) for name in ("lhs", "rhs", "expr", "vector_selector")]
    for part in (*parts, *getattr(tree, "args", ())):
        if isinstance(part, promql_parser.Expr):
            yield from _asked(part, inner)


def _grouping(tree: Any) -> list[str]:
    """The labels that an aggregation or a join names."""
    modifier = getattr(tree, "modifier", None)
    matching = getattr(modifier, "matching", None)
    return [*getattr(modifier, "labels", ()), *getattr(matching, "labels", ())]


def _values(row: Any) -> tuple[str, ...]:
    if row.op in (promql_parser.MatchOp.Equal, promql_parser.MatchOp.NotEqual):
        return (row.value,)
    plain = re.fullmatch(r"[\w|]+", row.value)
    return tuple(row.value.split("|")) if plain else ()
