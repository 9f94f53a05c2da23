"""Ask every planned source at once, and turn what came into blocks.

Each task returns a value and never raises: one failing source must not cancel the others.
The exception is the ledger: without a record there is no answer at all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial

import structlog
from msgspec import Struct

from hub.core.connector import Query
from hub.core.document import Document
from hub.core.errors import MappingError
from hub.core.exchange import SourceRecord
from hub.core.fields import project
from hub.core.model import Canonical
from hub.core.model.canonical import Highlight, highlight
from hub.core.people import people_in, people_named
from hub.core.policy import Grant
from hub.core.position import Block, Denied, Empty, Fresh, Provenance
from hub.ledger.store import JSON
from hub.mapping import unknown_codes, value_digest
from hub.position.failure import UNSERVED, Failure, Underway
from hub.position.missing import aged, unusable
from hub.position.obtain import Obtained, Obtainer
from hub.position.plan import Plan, Step
from hub.position.sources import Source, Sources
from hub.wire.offload import beside_the_loop

log = structlog.get_logger()

_WHOLE = frozenset({"*"})


class Assembly(Struct, frozen=True, kw_only=True):
    """The blocks, and what the ledger needs to explain them."""

    blocks: Mapping[str, Block]
    records: tuple[SourceRecord, ...]
    failures: tuple[Failure, ...]
    highlights: Mapping[str, Highlight]
    digests: Mapping[str, str]
    """Per block the digest of its whole canonical value, before it was narrowed."""
    shared: dict[str, JSON]
    """For the leaf: per operation the exchanges that stand on record under another request."""
    people: Mapping[str, frozenset[Document]]
    """Per block whose data it shows, the subject included."""
    named: frozenset[Document]
    """Everybody whom the answers name, whether it is shown or not."""
    named_late: tuple[tuple[Provenance, frozenset[Document]], ...]
    """Per block whom its canonical value names and no text of the answers does."""
    drift: Mapping[tuple[str, str], int]
    """By mapping and kind: what the sources sent that their contracts do not say."""
    ends: Mapping[Step, Failure | None]
    """How each step ended that was asked now, None for an answer."""


async def assemble(
    plan: Plan, obtainer: Obtainer, query: Query, *, short: bool = False
) -> Assembly:
    """Run *plan* until the query's deadline; raises LedgerError and nothing else.

    *short*: whether the purpose lets answers be kept for a short time.
    """
    obtained = await _all_of(plan, obtainer, query, short=short)
    got = (one.got for one in obtained.values())
    size = sum(record.size for record in got if isinstance(record, SourceRecord))
    made = partial(_assembled, plan, obtainer.sources, obtained, query)
    assembly = await beside_the_loop(size, made)
    obtainer.sources.drift.update(assembly.drift)
    return assembly


def _assembled(
    plan: Plan, sources: Sources, obtained: Mapping[Step, Obtained], query: Query
) -> Assembly:
    answers = {step: one.got for step, one in obtained.items()}
    records = {step: got for step, got in answers.items() if isinstance(got, SourceRecord)}
    failures = {
        step: got
        for step, one in obtained.items()
        if isinstance(got := one.instead_of or one.got, Failure)
    }
    drafts = {name: _draft(name, plan, sources, answers) for name in plan.grants}
    misfits = [d for d in drafts.values() if isinstance(d, Failure) and d not in failures.values()]
    today = query.as_of.date()
    named = people_named([record.payload for record in records.values()])
    late = _named_late(drafts, named)
    return Assembly(
        blocks={
            name: aged(_block(draft, plan.grants[name]), _behind(name, plan, sources, obtained))
            for name, draft in drafts.items()
        }
        | {name: Denied(reason=denial.reason) for name, denial in plan.denials.items()},
        records=tuple(records.values()),
        failures=(*failures.values(), *misfits),
        highlights={
            name: highlight(draft.value, today)
            for name, draft in drafts.items()
            if isinstance(draft, _Mapped) and "*" in plan.grants[name].fields
        },
        digests={n: value_digest(d.value) for n, d in drafts.items() if isinstance(d, _Mapped)},
        people={
            name: people_in(draft.value, plan.grants[name].fields)
            for name, draft in drafts.items()
            if isinstance(draft, _Mapped)
        },
        named=named.union(*(people for _, people in late)),
        named_late=late,
        shared=_shared(records, obtained),
        drift=_drift(drafts, sources, misfits),
        ends=_ends(obtained),
    )


def _ends(obtained: Mapping[Step, Obtained]) -> dict[Step, Failure | None]:
    """What was remembered and what is on its way have not ended now."""
    ends: dict[Step, Failure | None] = {}
    for step, one in obtained.items():
        end = one.instead_of or one.got
        if isinstance(end, Failure):
            ends[step] = end
        elif isinstance(end, SourceRecord) and not one.from_cache:
            ends[step] = None
    return ends


def _named_late(
    drafts: Mapping[str, _Draft], named: frozenset[Document]
) -> tuple[tuple[Provenance, frozenset[Document]], ...]:
    return tuple(
        (draft.provenance, people_in(draft.value, _WHOLE) - named)
        for draft in drafts.values()
        if isinstance(draft, _Mapped)
    )


def _drift(
    drafts: Mapping[str, _Draft], sources: Sources, misfits: list[Failure]
) -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    for name, draft in drafts.items():
        source = sources.of_block.get(name)
        if source is None or name not in source.mappings:
            continue
        mapping = source.mappings[name].name
        if isinstance(draft, Failure) and draft in misfits:
            found[mapping, "misfit"] = 1
        elif isinstance(draft, _Mapped) and (unknown := unknown_codes(draft.value)):
            found[mapping, "unknown_code"] = len(unknown)
    return found


def _shared(
    records: Mapping[Step, SourceRecord], obtained: Mapping[Step, Obtained]
) -> dict[str, JSON]:
    named: dict[str, JSON] = {
        f"{step.source}/{step.operation}": list(record.exchanges)
        for step, record in records.items()
        if obtained[step].is_shared
    }
    return {"shared": named} if named else {}


async def _all_of(
    plan: Plan, obtainer: Obtainer, query: Query, *, short: bool
) -> dict[Step, Obtained]:
    """What each step gave; each ends by the deadline itself, and has written its Outcome."""
    tasks = [asyncio.create_task(obtainer.obtain(step, query, short=short)) for step in plan.steps]
    try:
        ends = await asyncio.gather(*tasks, return_exceptions=True)
    finally:
        await _cancelled([task for task in tasks if not task.done()])
    obtained: dict[Step, Obtained] = {}
    for step, end in zip(plan.steps, ends, strict=True):
        if isinstance(end, BaseException):
            raise end
        obtained[step] = end
    return obtained


async def _cancelled(tasks: list[asyncio.Task[Obtained]]) -> None:
    """Cancel and wait: each must have written its Outcome before anyone goes on."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


class _Mapped(Struct, frozen=True):
    """A block's canonical value before it is narrowed to what was granted."""

    value: Canonical
    provenance: Provenance


_Draft = _Mapped | Empty | Failure | Underway


def _block(draft: _Draft, grant: Grant) -> Block:
    if isinstance(draft, _Mapped):
        return Fresh(data=project(draft.value, grant.fields), provenance=draft.provenance)
    return draft if isinstance(draft, Empty) else unusable(draft)


def block_of(
    name: str, source: Source, got: SourceRecord | Failure, grant: Grant
) -> tuple[Block, Failure | None, dict[str, str]]:
    """The block that one operation's answer makes, the failure behind it, if it is one, and
    the digest of its whole value, if it has one.
    """
    draft = got if isinstance(got, Failure) else _mapped(name, source, [got])
    digests = {name: value_digest(draft.value)} if isinstance(draft, _Mapped) else {}
    return _block(draft, grant), draft if isinstance(draft, Failure) else None, digests


def _behind(
    name: str, plan: Plan, sources: Sources, obtained: Mapping[Step, Obtained]
) -> list[Obtained]:
    """What the steps gave that feed a block."""
    source = sources.of_block.get(name)
    if source is None:
        return []
    return [
        one
        for step, one in obtained.items()
        if step.source == source.spec.name and step.operation in plan.operations[name]
    ]


def _draft(
    name: str,
    plan: Plan,
    sources: Sources,
    answers: Mapping[Step, SourceRecord | Failure | Underway],
) -> _Draft:
    source = sources.of_block.get(name)
    if source is None:
        return UNSERVED
    steps = [Step(source=source.spec.name, operation=o) for o in plan.operations[name]]
    records: list[SourceRecord] = []
    for step in steps:
        got = answers[step]
        if isinstance(got, Failure | Underway):
            return got
        records.append(got)
    return _mapped(name, source, records)


def _mapped(name: str, source: Source, records: list[SourceRecord]) -> _Draft:
    mapping = source.mappings[name].narrowed(frozenset(record.operation for record in records))
    provenance = Provenance(
        source=source.spec.name,
        exchanges=tuple(id_ for record in records for id_ in record.exchanges),
        obtained_at=min(record.obtained_at for record in records),
        mapping=f"{mapping.name}@{mapping.version}",
        mapping_digest=mapping.digest,
    )
    if not records[0].holds:
        return Empty(provenance=provenance)
    try:
        value = mapping.apply({record.operation: record.payload for record in records})
    except MappingError as error:
        log.warning("mapping_misfit", mapping=error.mapping, target=error.target, why=error.why)
        return Failure(source=source.spec.name, operation=records[0].operation, reason="schema")
    if getattr(value, "items", None) == ():
        return Empty(provenance=provenance)
    return _Mapped(value, provenance)
