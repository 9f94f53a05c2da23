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
    unserved: tuple[str, ...]
    """Granted blocks that no configured source feeds."""


def make_plan(decisions: Iterable[Grant | Denial], sources: Sources) -> Plan:
    """The calls that *decisions* allow; a source without a granted block gets none."""
    grants: dict[str, Grant] = {}
    denials: dict[str, Denial] = {}
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
        else:
            steps |= dict.fromkeys(_steps(source, decision.block))
    return Plan(steps=tuple(steps), grants=grants, denials=denials, unserved=tuple(unserved))


def _steps(source: Source, block: str) -> list[Step]:
    return [Step(source=source.spec.name, operation=name) for name in source.spec.blocks[block]]
