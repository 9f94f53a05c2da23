"""Grants become the list of operations to run, before any is run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct

from hub.core.policy import Denial, Grant
from hub.position.sources import Source, Sources


class Step(Struct, frozen=True, kw_only=True):
    """One operation of one source; it runs once, however many blocks need it."""

    source: str
    operation: str


class Plan(Struct, frozen=True, kw_only=True):
    """What will be asked, for which blocks, and which blocks will not be asked for."""

    steps: tuple[Step, ...]
    grants: Mapping[str, Grant]
    denials: Mapping[str, Denial]
    operations: Mapping[str, tuple[str, ...]]
    """Per granted block the operations that its granted fields need, in the Spec's order."""
    unserved: tuple[str, ...]
    """Granted blocks that no configured source feeds."""


def make_plan(decisions: Iterable[Grant | Denial], sources: Sources) -> Plan:
    """The calls that *decisions* need; an operation none of whose fields is granted gets none."""
    grants: dict[str, Grant] = {}
    denials: dict[str, Denial] = {}
    operations: dict[str, tuple[str, ...]] = {}
    steps: dict[Step, None] = {}
    unserved: list[str] = []
    for decision in decisions:
        if isinstance(decision, Denial):
            denials[decision.block] = decision
            continue
        grants[decision.block] = decision
        source = sources.of_block.get(decision.block)
        if source is None:
            unserved.append(decision.block)
            continue
        operations[decision.block] = needed = _needed(source, decision)
        steps |= dict.fromkeys(Step(source=source.spec.name, operation=name) for name in needed)
    return Plan(
        steps=tuple(steps),
        grants=grants,
        denials=denials,
        operations=operations,
        unserved=tuple(unserved),
    )


def _needed(source: Source, grant: Grant) -> tuple[str, ...]:
    needs = source.mappings[grant.block].needs(grant.fields)
    return tuple(name for name in source.spec.blocks[grant.block] if name in needs)
