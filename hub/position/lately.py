"""How each operation ended for the last person asked about, so that nobody stands out.

A person who is withheld is not asked about. Where an operation gives nothing to anybody now, an
answer that said `in_person` in its place would tell them from everybody else. So a block that
is hidden reads as it reads for others: without its source where that is missing, switched off,
left in peace or failing, and `in_person` elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from hub.core.errors import TechnicalReason
from hub.core.position import Block
from hub.position.failure import UNSERVED, Failure
from hub.position.missing import unusable
from hub.position.plan import Plan, Step
from hub.position.sources import Source, Sources

_OF_THE_ANSWER: frozenset[TechnicalReason] = frozenset({"backend_fault", "schema", "too_large"})
"""Final, they are what the source says of one person: others are answered meanwhile."""

_OF_THE_WAIT: frozenset[TechnicalReason] = frozenset({"throttled", "timeout"})
"""Whoever waits longer may be answered meanwhile."""


class _End(Struct, frozen=True):
    failure: Failure
    wait_s: float


class Lately:
    """The failures that stand, by step; knows nobody whom they were about."""

    def __init__(self) -> None:
        self._ends: dict[Step, _End] = {}

    def note(self, ends: Mapping[Step, Failure | None], sources: Sources, wait_s: float) -> None:
        """How the steps of one answer ended whose caller waited *wait_s*; None is an answer.

        What the guard refuses is not kept: it is asked again, and knows how long.
        """
        for step, failure in ends.items():
            source = sources.by_name.get(step.source)
            if failure is None or _is_of_the_answer(failure):
                self._ends.pop(step, None)
            elif source is not None and _refused(source, step.operation) is None:
                self._ends[step] = _End(failure, wait_s)

    def instead(self, block: str, plan: Plan, sources: Sources, wait_s: float) -> Block | None:
        """What anybody's *block* says now for want of its source; None where it answers."""
        source = sources.of_block.get(block)
        if source is None:
            return unusable(UNSERVED)
        for name in plan.operations[block]:
            failure = _refused(source, name) or self._standing(source, name, wait_s)
            if failure is not None:
                return unusable(failure)
        return None

    def _standing(self, source: Source, operation: str, wait_s: float) -> Failure | None:
        end = self._ends.get(Step(source=source.spec.name, operation=operation))
        if end is None or (end.failure.reason in _OF_THE_WAIT and wait_s > end.wait_s):
            return None
        return end.failure


def _is_of_the_answer(failure: Failure) -> bool:
    final = not failure.passing and failure.reason in _OF_THE_ANSWER
    return final or failure.protected


def _refused(source: Source, operation: str) -> Failure | None:
    """Why the source's guard would not begin *operation* now."""
    guard, name = source.client.guard, source.spec.name
    if guard.switch.is_off(operation):
        return Failure(source=name, operation=operation, reason="maintenance")
    wait_s = guard.standing().retry_after
    if not wait_s:
        return None
    return Failure(source=name, operation=operation, reason="circuit_open", retry_after=wait_s)
