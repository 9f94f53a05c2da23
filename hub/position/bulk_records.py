"""What a bulk request leaves behind for each person, sealed under that person's own key."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping
from typing import Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from hub.core.binding import check_binding
from hub.core.connector import Query
from hub.core.document import Document
from hub.core.errors import SourceError, SourceProtected, TechnicalReason
from hub.core.exchange import FORMAT, SourceRecord
from hub.core.moment import new_id
from hub.core.people import people_named
from hub.core.policy import Access, Denial, Grant
from hub.core.position import Block, Denied, Position, SubjectView, is_complete
from hub.ledger.jobs import Item, Job, Jobs, Run
from hub.ledger.store import JSON, Entry
from hub.position.assemble import block_of
from hub.position.bulk_holding import Decided
from hub.position.desk import Desk, explained
from hub.position.evidence import evidence_bytes
from hub.position.failure import Failure
from hub.position.others import others_among
from hub.wire.bulk import Bulk, Part

_encoder = msgspec.json.Encoder(decimal_format="string")


class Fragment(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One person's part of a bulk request and of its answer, as they were on the wire.

    In the source's own canonical form. The answer's is cut from what the source had signed
    and the hub had verified; what was about others is gone with the key of the raw bytes.
    """

    format: int = FORMAT
    asked: bytes | None = None
    answered: bytes | None = None


class BulkRecords:
    """Makes the entries; writes only security events."""

    def __init__(self, desk: Desk, jobs: Jobs) -> None:
        self._desk, self._jobs = desk, jobs

    def entries(
        self,
        run: Run,
        job: Job,
        bulk: Bulk,
        items: list[Item],
        decisions: Mapping[int, Decided],
        asked: Mapping[str, bytes],
        parts: Mapping[str, Part],
        failure: TechnicalReason | None,
        exchange: str | None,
    ) -> list[Entry]:
        """For each person an `answer`, for who was asked about a `fragment`, and what is a
        security event.

        *decisions* says by number what may be shown now, which may be nothing any more.
        """
        queries = {item.id: item.query for item in bulk.items}
        as_of = bulk.items[0].query.as_of if bulk.items else self._desk.clock()
        exchanges = tuple(id_ for id_ in (job.sent, exchange) if id_)
        entries: list[Entry] = []
        for item in items:
            query, part = queries.get(item.id), parts.get(item.id)
            about: list[Entry] = []
            got: SourceRecord | Failure | None = None
            others: tuple[Document, ...] = ()
            if query is not None:
                answered = part.fragment if part else None
                fragment = Fragment(asked=asked.get(item.id), answered=answered)
                about = [self._fragment(run, item, query.access, fragment, exchanges)]
                got = self._outcome(run, query, part, failure, exchanges)
                others = self._others(query, part)
            about += self._told(run, item, decisions.get(item.number), as_of, got)
            entries += [replace(e, others=others if e.payload else ()) for e in about]
        return entries

    def _told(
        self,
        run: Run,
        item: Item,
        known: Decided | None,
        as_of: dt.datetime,
        got: SourceRecord | Failure | None,
    ) -> list[Entry]:
        """What whoever asked is told, or that it is nothing."""
        if known is None:
            return [self._dropped(run, item, "erased")]
        if isinstance(known.decision, str):
            return [self._dropped(run, item, known.decision)]
        block, failure, digests = self._block(run, got, known.decision)
        entry = self._answer(run, item, known.access, as_of, block, failure)
        records = [got] if isinstance(got, SourceRecord) else []
        entries = [replace(entry, decoded=evidence_bytes(records, digests))]
        if failure and failure.is_security_event:
            about = {**_about(run, item.job), "access": item.access, "reason": failure.reason}
            entries.append(self._entry("security", item.key, known.access, about, None))
        return entries

    def destroyed(self, run: Run, job: Job, people: int) -> Entry:
        """That the key of a bulk request's raw bytes is gone, and why."""
        header = {
            **_about(run, job.id),
            "event": "key_destroyed",
            "reason": "every person's part is sealed under that person's key",
            "people": people,
        }
        return Entry(kind="bulk", id=job.id, at=self._desk.clock(), header=header)

    async def security(self, run: Run, job: Job, reason: TechnicalReason) -> None:
        """Put on record that an answer, or a part of it, must not be believed."""
        header = {**_about(run, job.id), "reason": reason}
        entry = Entry(kind="security", id=new_id(), at=self._desk.clock(), header=header)
        await self._desk.ledger.append([entry])

    def _outcome(
        self,
        run: Run,
        query: Query,
        part: Part | None,
        failure: TechnicalReason | None,
        exchanges: tuple[str, ...],
    ) -> SourceRecord | Failure:
        got = part.outcome if part else None
        if isinstance(got, SourceRecord):
            got = replace(got, exchanges=exchanges)
            try:
                spec = self._desk.sources.by_name[run.source].spec
                check_binding(spec.operation(run.operation), query, got)
            except SourceError as error:
                got = error
        if isinstance(got, SourceRecord):
            return got
        return Failure(
            source=run.source,
            operation=run.operation,
            reason=got.reason if got else failure or "schema",
            protected=isinstance(got, SourceProtected),
        )

    def _others(self, query: Query, part: Part | None) -> tuple[Document, ...]:
        """Everybody else whom a person's part names, in what may not be believed too."""
        got = part.outcome if part else None
        people = people_named(got.payload) if isinstance(got, SourceRecord) else ()
        return others_among(people, query.access)

    def _answer(
        self,
        run: Run,
        item: Item,
        access: Access,
        as_of: dt.datetime,
        block: Block,
        failure: Failure | None,
    ) -> Entry:
        position = Position(
            subject=SubjectView(document=str(access.subject)),
            as_of=as_of,
            purpose=access.purpose,
            complete=is_complete({run.block: block}),
            blocks={run.block: block},
        )
        body = _encoder.encode(position)
        header: dict[str, JSON] = {
            "access": access.id,
            "purpose": access.purpose,
            "bulk": item.job,
            "answer": hashlib.sha256(body).hexdigest(),
            "blocks": {run.block: explained(block)},
            "failures": [f"{failure.source}/{failure.operation}: {failure.reason}"]
            if failure
            else [],
        }
        return self._entry("answer", item.key, access, header, body)

    def _block(
        self, run: Run, got: SourceRecord | Failure | None, decision: Grant | Denial
    ) -> tuple[Block, Failure | None, dict[str, str]]:
        if isinstance(decision, Denial):
            return Denied(reason=decision.reason), None, {}
        assert got is not None  # noqa: S101 - whoever was never asked about has a denial
        return block_of(run.block, self._desk.sources.by_name[run.source], got, decision)

    def _fragment(
        self,
        run: Run,
        item: Item,
        access: Access,
        fragment: Fragment,
        exchanges: tuple[str, ...],
    ) -> Entry:
        header = {**_about(run, item.job), "access": access.id, "exchanges": exchanges}
        payload = msgspec.msgpack.encode(fragment)
        return self._entry("fragment", item.key, access, header, payload)

    def _dropped(self, run: Run, item: Item, why: Literal["erased", "closed", "expired"]) -> Entry:
        """The person was erased, or nothing is shown under their access: nothing is kept."""
        header = {**_about(run, item.job), "access": item.access, "dropped": why}
        return Entry(kind="answer", id=item.key, at=self._desk.clock(), header=header)

    def _entry(
        self,
        kind: Literal["answer", "fragment", "security"],
        id_: str,
        access: Access,
        header: Mapping[str, JSON],
        payload: bytes | None,
    ) -> Entry:
        return Entry(
            kind=kind,
            id=id_,
            at=self._desk.clock(),
            header=header,
            subject=access.subject,
            retention=access.retention,
            payload=payload,
        )


def _about(run: Run, job: str) -> dict[str, JSON]:
    return {"source": run.source, "operation": run.operation, "bulk": job, "run": run.id}
