"""What is done for `/v1/audit`: recorded first, then opened."""

from __future__ import annotations

from typing import get_args

from hub.api.audit_bodies import (
    HeadView,
    LineageRequest,
    RecordView,
    ReplayRequest,
    SampleRequest,
    SearchPage,
    SearchRequest,
)
from hub.api.context import AnyRequest, caller_of, context_of
from hub.api.problems import Fault, Problem
from hub.audit.act import (
    Action,
    Auditor,
    ConflictingDuties,
    asked,
    auditor_of,
    note_act,
    take_duty,
)
from hub.audit.case import NotOnRecord
from hub.audit.consistency import Consistency, NeverThatLong, consistency
from hub.audit.library import Library
from hub.audit.lineage import Explanation, Proof, explain, proof_of
from hub.audit.opening import Opening
from hub.audit.replay import Replay, Replayer
from hub.audit.sample import Lottery, PeriodOpen, Sample, draw
from hub.core.document import Document, parse_document
from hub.core.errors import InvalidDocument, LedgerError, PayloadBlocked, PayloadDestroyed
from hub.core.policy import Caller
from hub.ledger.heads import NotOfThisTree
from hub.ledger.store import Kind, Ledger, Search
from hub.position.desk import Desk

_NOT_THERE = (NotOnRecord, PayloadBlocked, PayloadDestroyed)
"""What an auditor named and cannot have opened; the message says which of the three."""


async def operator(request: AnyRequest) -> Caller:
    """The operator behind the token; 403 for everybody else, and for who audits as well."""
    caller = caller_of(request, "operator")
    desk = desk_of(request)
    try:
        await take_duty(desk.ledger, desk.clock, caller, "operator")
    except ConflictingDuties as error:
        raise Problem("conflicting-duties", str(error)) from None
    return caller


async def auditor(request: AnyRequest) -> Auditor:
    """The auditor behind the token; 403 for everybody else, and for who operates as well."""
    caller = caller_of(request, "auditor")
    desk = desk_of(request)
    try:
        await take_duty(desk.ledger, desk.clock, caller, "auditor")
    except ConflictingDuties as error:
        raise Problem("conflicting-duties", str(error)) from None
    return auditor_of(caller)


def desk_of(request: AnyRequest) -> Desk:
    """The desk of the application."""
    return context_of(request).desk


async def head_of(request: AnyRequest) -> HeadView:
    """The signed head of now."""
    head = await desk_of(request).ledger.checkpoint()
    return HeadView(note=head.note)


async def consistency_at(request: AnyRequest, size: int) -> Consistency:
    """The proof from the tree of that size to the head of now; 404 where there was none."""
    try:
        return await consistency(desk_of(request).ledger, size)
    except NeverThatLong as error:
        raise Problem("not-found", str(error)) from None


async def proof_at(request: AnyRequest, kind: str, record_id: str) -> Proof:
    """The proof of a record of the hub that is asked."""
    return await proof_of_record(desk_of(request).ledger, kind, record_id)


async def proof_of_record(ledger: Ledger, kind: str, record_id: str) -> Proof:
    """The proof of a record, be it blocked or destroyed; 404 for one that there is not."""
    known = {name: name for name in get_args(Kind)}
    record = await ledger.find(record_id, known[kind]) if kind in known else None
    inclusion = None if record is None else await ledger.prove(record.index)
    if inclusion is None:
        raise Problem("not-found", "no such record")
    return proof_of(f"{kind} {record_id}", inclusion)


async def searched(desk: Desk, who: Auditor, wanted: SearchRequest) -> SearchPage:
    """The page that was asked for; the search is on record before it is made."""
    subject = _document(wanted.subject, "/subject")
    query = Search(
        subject=subject,
        official=_document(wanted.official, "/official"),
        **{name: getattr(wanted, name) for name in _AS_THEY_ARE},
    )
    await note_act(
        desk.ledger,
        desk.clock,
        who,
        "search",
        wanted.reason,
        reveals=False,
        subject=subject,
        detail=asked(query),
    )
    try:
        page = await desk.ledger.search(query, limit=wanted.limit, cursor=wanted.cursor)
    except LedgerError:
        if wanted.cursor is None:
            raise
        fault = Fault(pointer="/cursor", detail="no page gave this cursor")
        raise Problem("invalid-request", errors=(fault,)) from None
    views = tuple(
        RecordView(index=r.index, kind=r.kind, id=r.id, at=r.at, header=r.header)
        for r in page.items
    )
    return SearchPage(records=views, cursor=page.cursor)


_AS_THEY_ARE = (
    "case_file",
    "purpose",
    "unit",
    "access",
    "kind",
    "source",
    "operation",
    "error",
    "security",
    "since",
    "until",
)


async def lineage_of(desk: Desk, who: Auditor, answer: str, wanted: LineageRequest) -> Explanation:
    """The lineage of an answer; the act is on record, about its subject, before it is opened."""
    opening = _opening(desk, who, "explain", wanted)
    try:
        case = await opening.named(answer)
        library = Library(desk.ledger, desk.blocks, desk.sources.converters)
        return await explain(desk.ledger, library, case, block=wanted.block, reveal=wanted.reveal)
    except _NOT_THERE as error:
        raise Problem("not-found", str(error)) from None


async def replay_of(desk: Desk, who: Auditor, wanted: ReplayRequest) -> Replay:
    """The replay of some answers against the mappings in force."""
    opening = _opening(desk, who, "replay", wanted)
    shelf = {block: source.mappings[block] for block, source in desk.sources.of_block.items()}
    replayer = Replayer(
        Library(desk.ledger, desk.blocks, desk.sources.converters),
        shelf,
        against="today",
        reveal=wanted.reveal,
    )
    search = Search(purpose=wanted.purpose, since=wanted.since, until=wanted.until)
    try:
        for answer in wanted.answers:
            await replayer.run(await opening.named(answer))
    except _NOT_THERE as error:
        raise Problem("not-found", str(error)) from None
    if not wanted.answers:
        async for case in opening.fitting(search, wanted.most, replayer.report.closed):
            await replayer.run(case)
    return replayer.finish()


def _opening(
    desk: Desk, who: Auditor, action: Action, wanted: LineageRequest | ReplayRequest
) -> Opening:
    return Opening(
        ledger=desk.ledger,
        clock=desk.clock,
        who=who,
        action=action,
        reason=wanted.reason,
        reveals=wanted.reveal,
    )


async def sample_of(desk: Desk, who: Auditor, wanted: SampleRequest) -> Sample:
    """A sample under the checkpoint that was named, or the first one after the period."""
    lottery = Lottery(
        since=wanted.since,
        until=wanted.until,
        size=wanted.size,
        kind=wanted.kind,
        checkpoint=wanted.checkpoint,
    )
    await note_act(
        desk.ledger,
        desk.clock,
        who,
        "sample",
        wanted.reason,
        reveals=False,
        detail=lottery.detail(),
    )
    try:
        return await draw(desk.ledger, lottery)
    except (ValueError, PeriodOpen, NotOfThisTree) as error:
        raise Problem("invalid-request", str(error)) from None


def _document(number: str | None, pointer: str) -> Document | None:
    try:
        return None if number is None else parse_document(number)
    except InvalidDocument as error:
        raise Problem(
            "invalid-request", errors=(Fault(pointer=pointer, detail=str(error)),)
        ) from None
