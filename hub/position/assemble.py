"""Ask every planned source at once, and turn what came into blocks.

Each task returns a value and never raises: one failing source must not cancel the others.
The exception is the ledger: without a record there is no answer at all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import structlog
from msgspec import Struct

from hub.core.binding import check_binding
from hub.core.connector import Query
from hub.core.errors import (
    SECURITY_REASONS,
    LedgerError,
    MappingError,
    SourceError,
    SourceProtected,
    TechnicalReason,
)
from hub.core.exchange import SourceRecord
from hub.core.fields import project
from hub.core.model import Canonical
from hub.core.model.canonical import Highlight, highlight
from hub.core.policy import Grant, PublicReason
from hub.core.position import Block, Denied, Empty, Fresh, Provenance, Unavailable
from hub.mapping import value_digest
from hub.position.plan import Plan, Step
from hub.position.sources import Source, Sources

log = structlog.get_logger()

_PUBLIC: dict[TechnicalReason, PublicReason] = {
    "maintenance": "maintenance",
    "charset": "source_problem",
    "decryption": "source_problem",
    "forbidden_xml": "source_problem",
    "hub_credentials": "source_problem",
    "identity_mismatch": "source_problem",
    "malformed": "source_problem",
    "out_of_scope": "source_problem",
    "redirect": "source_problem",
    "replay": "source_problem",
    "schema": "source_problem",
    "signature": "source_problem",
    "too_large": "source_problem",
}
"""Technical reasons that are not simply `temporary`."""


class Failure(Struct, frozen=True, kw_only=True):
    """Why an operation gave nothing usable."""

    source: str
    operation: str
    reason: TechnicalReason
    retry_after: int | None = None
    protected: bool = False

    @property
    def is_security_event(self) -> bool:
        """Whether auditors must see it as an attack or a leak, not as bad luck."""
        return self.reason in SECURITY_REASONS


class Assembly(Struct, frozen=True, kw_only=True):
    """The blocks, and what the ledger needs to explain them."""

    blocks: Mapping[str, Block]
    records: tuple[SourceRecord, ...]
    failures: tuple[Failure, ...]
    highlights: Mapping[str, Highlight]
    digests: Mapping[str, str]
    """Per block the digest of its whole canonical value, before it was narrowed."""


async def assemble(plan: Plan, sources: Sources, query: Query) -> Assembly:
    """Run *plan* until the query's deadline; raises LedgerError and nothing else."""
    tasks = {step: asyncio.create_task(_watched(sources, step, query)) for step in plan.steps}
    try:
        answers = await _until_deadline(tasks, query.deadline)
    finally:
        await _cancelled([task for task in tasks.values() if not task.done()])
    records = {step: got for step, got in answers.items() if isinstance(got, SourceRecord)}
    failures = {step: got for step, got in answers.items() if isinstance(got, Failure)}
    drafts = {name: _draft(name, sources, answers) for name, grant in plan.grants.items()}
    misfits = [d for d in drafts.values() if isinstance(d, Failure) and d not in failures.values()]
    today = query.as_of.date()
    return Assembly(
        blocks={name: _block(draft, plan.grants[name]) for name, draft in drafts.items()}
        | {name: Denied(reason=denial.reason) for name, denial in plan.denials.items()},
        records=tuple(records.values()),
        failures=(*failures.values(), *misfits),
        highlights={
            name: highlight(draft.value, today)
            for name, draft in drafts.items()
            if isinstance(draft, _Mapped) and "*" in plan.grants[name].fields
        },
        digests={n: value_digest(d.value) for n, d in drafts.items() if isinstance(d, _Mapped)},
    )


async def _watched(
    sources: Sources, step: Step, query: Query
) -> SourceRecord | Failure | LedgerError:
    """Ask, and note for operators how the source was."""
    got = await _ask(sources.by_name[step.source], step, query)
    if not isinstance(got, LedgerError):
        sources.pulse.note(
            step.source, got.reason if isinstance(got, Failure) and not got.protected else None
        )
    return got


async def _ask(source: Source, step: Step, query: Query) -> SourceRecord | Failure | LedgerError:
    operation = source.spec.operation(step.operation)
    try:
        record = await source.connector.fetch(step.operation, query)
        check_binding(operation, query, record)
    except SourceError as error:
        if error.reason in SECURITY_REASONS:
            await source.client.discard_connections()
        return Failure(
            source=step.source,
            operation=step.operation,
            reason=error.reason,
            retry_after=error.retry_after,
            protected=isinstance(error, SourceProtected),
        )
    except LedgerError as error:
        return error
    except Exception as error:  # noqa: BLE001 - a connector's bug must not spoil the others
        # no traceback: its frames hold the person's data
        log.error("connector_failed", source=step.source, error=type(error).__name__)  # noqa: TRY400
        return Failure(source=step.source, operation=step.operation, reason="hub_fault")
    return record


async def _until_deadline(
    tasks: Mapping[Step, asyncio.Task[SourceRecord | Failure | LedgerError]], deadline: float
) -> dict[Step, SourceRecord | Failure]:
    if tasks:
        left = deadline - asyncio.get_running_loop().time()
        await asyncio.wait(tasks.values(), timeout=max(left, 0))
    answers: dict[Step, SourceRecord | Failure] = {}
    for step, task in tasks.items():
        if not task.done():
            late = Failure(source=step.source, operation=step.operation, reason="timeout")
            answers[step] = late
            continue
        got = task.result()
        if isinstance(got, LedgerError):
            raise got
        answers[step] = got
    return answers


async def _cancelled(tasks: list[asyncio.Task[SourceRecord | Failure | LedgerError]]) -> None:
    """Cancel and wait: each must have written its Outcome before anyone goes on."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


class _Mapped(Struct, frozen=True):
    """A block's canonical value before it is narrowed to what was granted."""

    value: Canonical
    provenance: Provenance


_Draft = _Mapped | Empty | Failure


def _block(draft: _Draft, grant: Grant) -> Block:
    if isinstance(draft, _Mapped):
        return Fresh(data=project(draft.value, grant.fields), provenance=draft.provenance)
    return _unusable(draft) if isinstance(draft, Failure) else draft


def block_of(
    name: str, source: Source, got: SourceRecord | Failure, grant: Grant
) -> tuple[Block, Failure | None, dict[str, str]]:
    """The block that one operation's answer makes, the failure behind it, if it is one, and
    the digest of its whole value, if it has one.
    """
    draft = got if isinstance(got, Failure) else _mapped(name, source, [got])
    digests = {name: value_digest(draft.value)} if isinstance(draft, _Mapped) else {}
    return _block(draft, grant), draft if isinstance(draft, Failure) else None, digests


def _draft(name: str, sources: Sources, answers: Mapping[Step, SourceRecord | Failure]) -> _Draft:
    source = sources.of_block.get(name)
    if source is None:
        return Failure(source="none", operation="none", reason="maintenance")
    steps = [Step(source=source.spec.name, operation=o) for o in source.spec.blocks[name]]
    records: list[SourceRecord] = []
    for step in steps:
        got = answers[step]
        if isinstance(got, Failure):
            return got
        records.append(got)
    return _mapped(name, source, records)


def _mapped(name: str, source: Source, records: list[SourceRecord]) -> _Draft:
    mapping = source.mappings[name]
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


def _unusable(failure: Failure) -> Block:
    if failure.protected:
        return Denied(reason="in_person")
    reason = _PUBLIC.get(failure.reason, "temporary")
    return Unavailable(source=failure.source, reason=reason, retry_after=failure.retry_after)
