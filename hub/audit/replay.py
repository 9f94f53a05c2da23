"""Mapping replay: the recorded payload through the mapping of then, and through another.

Pure once the records are open: no connector, no clock, no network. The mapping of then must
give the digest on record; what another mapping would have given is listed by field.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct

from hub.audit.case import BlockCase, Case
from hub.audit.difference import Difference, compare, contains, masked
from hub.audit.drift import Drift, Watch
from hub.audit.library import Library, Shelf
from hub.core.errors import MappingError
from hub.mapping import Mapping as BlockMapping
from hub.mapping import as_json, value_digest

Verdict = Literal["identical", "refuted", "not_replayable"]
"""Of a block replayed as then. `refuted`: the recorded mapping gives something else."""

MOST_LISTED = 1000
"""So many differences are listed one by one; all are counted."""

_CAN_BE_MADE = frozenset({"fresh", "stale", "empty"})


class Made(Struct, frozen=True):
    """What a mapping makes of recorded payloads."""

    state: Literal["fresh", "empty", "unavailable"]
    value: Struct | None = None
    why: str | None = None


class Finding(Struct, frozen=True, kw_only=True, rename="camel"):
    """A block that does not replay as it is on record; names no value."""

    answer: str
    block: str
    verdict: Verdict
    why: str


class Replay(Struct, kw_only=True, rename="camel", omit_defaults=True):
    """The sum of a replay over any number of answers."""

    against: str | None = None
    """What the mapping of then was compared with; None when it was not."""
    revealed: bool = False
    answers: int = 0
    closed: list[str] = []
    """Answers that were passed over because they are blocked or destroyed."""
    blocks: int = 0
    exchanges: int = 0
    identical: int = 0
    findings: list[Finding] = []
    changed_answers: int = 0
    changed_blocks: int = 0
    states: dict[str, int] = {}
    """`taxBills: fresh -> unavailable` and the like, counted."""
    fields: dict[str, int] = {}
    """`taxBills/items[]/amount` -> how many values differ."""
    differences: list[Difference] = []
    misfits: dict[str, int] = {}
    """Why the other mapping refuses a payload that the one of then took; counted."""
    drift: Drift | None = None

    @property
    def ok(self) -> bool:
        """Whether everything that could be made again came out as it is on record."""
        return not self.findings


def make(mapping: BlockMapping, block: BlockCase) -> Made:
    """Run *mapping* over what is on record of *block*, as the hub does when it answers."""
    if block.readings and block.readings[0].holds is False:
        return Made("empty")
    if block.readings and block.readings[0].holds is None and block.state == "empty":
        return Made("empty")  # format 1 did not say what the source said
    try:
        asked = mapping.narrowed(frozenset(block.payloads))
        value = asked.apply(block.payloads)
    except MappingError as error:
        return Made("unavailable", why=f"{error.target} <- {error.source}: {error.why}")
    return Made("empty", value) if getattr(value, "items", None) == () else Made("fresh", value)


def judged(block: BlockCase, made: Made) -> str | None:
    """Why *made* is not what is on record of *block*; None when it is."""
    if made.state == "unavailable":
        return f"the recorded mapping refuses the recorded payload: {made.why}"
    if (made.state == "empty") != (block.state == "empty"):
        return f"it was {block.state} and comes out {made.state}"
    if made.state == "empty" or made.value is None:
        return None
    if block.value_digest is not None and value_digest(made.value) != block.value_digest:
        return "the digest of the value is another than the one on record"
    if not contains(plain(made.value), block.shown):
        return "what was shown is not part of the value"
    return None


def plain(value: Struct) -> Any:
    """A canonical value as the answer's JSON has it."""
    return as_json(value)


class Replayer:
    """Replays answer after answer and keeps the sum in `report`."""

    def __init__(
        self,
        library: Library,
        shelf: Shelf | None = None,
        *,
        against: str | None = None,
        reveal: bool = False,
        watch: Watch | None = None,
    ) -> None:
        self._library, self._shelf, self._reveal = library, shelf, reveal
        self.report = Replay(against=against if shelf is not None else None, revealed=reveal)
        self._watch = watch
        self._states: Counter[str] = Counter()
        self._fields: Counter[str] = Counter()
        self._misfits: Counter[str] = Counter()

    async def run(self, case: Case) -> None:
        """Replay one answer; LedgerError when a mapping's record is not what it must be."""
        report = self.report
        report.answers += 1
        report.exchanges += sum(len(reading.exchanges) for reading in case.evidence.readings)
        if self._watch is not None:
            for reading in case.evidence.readings:
                self._watch.note_reading(reading)
        changed = [await self._block(case, block) for block in case.blocks if block.readings]
        report.changed_blocks += sum(changed)
        report.changed_answers += any(changed)

    def finish(self) -> Replay:
        """The report, its counts in order."""
        self.report.states = dict(self._states.most_common())
        self.report.fields = dict(self._fields.most_common())
        self.report.misfits = dict(self._misfits.most_common())
        self.report.drift = None if self._watch is None else self._watch.result()
        return self.report

    async def _block(self, case: Case, block: BlockCase) -> bool:
        """Replay a block as then, and against the other mapping; whether that changes it."""
        then = await self._then(case, block)
        other = None if self._shelf is None else self._shelf.get(block.name)
        if self._watch is not None and then is not None:
            self._watch.note_value(block, then.value)
        if other is None or (then is None and block.state in _CAN_BE_MADE):
            return False
        if then is not None and other.digest == block.digest:
            return False
        return self._compare(case, block, then or Made("unavailable"), make(other, block))

    async def _then(self, case: Case, block: BlockCase) -> Made | None:
        """What the recorded mapping makes; None where there is nothing to make again."""
        if block.digest is None or block.state not in _CAN_BE_MADE:
            return None
        self.report.blocks += 1
        try:
            mapping = await self._library.mapping(block.digest, block.name)
        except MappingError as error:
            self._find(case, block, "not_replayable", f"its text does not compile: {error.why}")
            return None
        if mapping is None:
            self._find(case, block, "not_replayable", "the mapping's text is not on record")
            return None
        made = make(mapping, block)
        why = judged(block, made)
        if why is None:
            self.report.identical += 1
        else:
            self._find(case, block, "refuted", why)
        return made

    def _find(self, case: Case, block: BlockCase, verdict: Verdict, why: str) -> None:
        finding = Finding(answer=case.record.id, block=block.name, verdict=verdict, why=why)
        self.report.findings.append(finding)

    def _compare(self, case: Case, block: BlockCase, then: Made, now: Made) -> bool:
        if then.state != now.state:
            self._states[f"{block.name}: {then.state} -> {now.state}"] += 1
            if now.why is not None:
                self._misfits[f"{block.name}: {now.why}"] += 1
            return True
        if then.value is None or now.value is None:
            return False
        found = list(compare(plain(then.value), plain(now.value)))
        for pointer, left, right in found:
            self._list(case, block, pointer, (left, right))
        return bool(found)

    def _list(self, case: Case, block: BlockCase, pointer: str, pair: tuple[Any, Any]) -> None:
        then, now = pair if self._reveal else map(masked, pair)
        difference = Difference(
            answer=case.record.id, block=block.name, pointer=pointer, then=then, now=now
        )
        self._fields[f"{block.name}{difference.field}"] += 1
        if len(self.report.differences) < MOST_LISTED:
            self.report.differences.append(difference)


def counted(report: Replay) -> Mapping[str, int]:
    """The figures of a report that a person reads first."""
    return {
        "answers": report.answers,
        "blocked_or_destroyed": len(report.closed),
        "exchanges": report.exchanges,
        "blocks": report.blocks,
        "identical": report.identical,
        "findings": len(report.findings),
        "changed_answers": report.changed_answers,
        "changed_blocks": report.changed_blocks,
    }
