"""What a bulk request leaves behind for each person, sealed under that person's own key."""

from __future__ import annotations

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
from hub.core.policy import Denial, Grant
from hub.core.position import Block, Denied, Position, SubjectView, is_complete
from hub.ledger.jobs import Item, Job, Jobs, Run
from hub.ledger.store import JSON, Entry
from hub.position.assemble import block_of
from hub.position.bulk_memory import item_id
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
        decisions: Mapping[str, Grant | Denial],
        asked: Mapping[str, bytes],
        parts: Mapping[str, Part],
        failure: TechnicalReason | None,
        exchange: str | None,
    ) -> list[Entry]:
        """For each person a `fragment` and an `answer`, and what is a security event.

        *decisions* says per item id what may be shown now, which may be nothing any more.
        """
        queries = {item.id: item.query for item in bulk.items}
        exchanges = tuple(id_ for id_ in (job.sent, exchange) if id_)
        entries: list[Entry] = []
        for item in items:
            query = queries.get(item_id(item))
            if query is None:
                entries.append(self._dropped(run, job, item))
                continue
            part = parts.get(item_id(item))
            fragment = Fragment(
                asked=asked.get(item_id(item)), answered=part.fragment if part else None
            )
            got = self._outcome(run, query, part, failure, exchanges)
            about = [self._fragment(run, item, query, fragment, exchanges)]
            about += self._answer(run, item, query, got, decisions[item_id(item)])
            others = self._others(query, part)
            entries += [replace(e, others=others if e.payload else ()) for e in about]
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
        query: Query,
        got: SourceRecord | Failure,
        decision: Grant | Denial,
    ) -> list[Entry]:
        access = query.access
        block, failure, digests = self._block(run, got, decision)
        position = Position(
            subject=SubjectView(document=str(access.subject)),
            as_of=query.as_of,
            purpose=access.purpose,
            complete=is_complete({run.block: block}),
            blocks={run.block: block},
        )
        body = _encoder.encode(position)
        records = [got] if isinstance(got, SourceRecord) else []
        decoded = evidence_bytes(records, digests)
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
        entry = self._entry("answer", item.key, query, header, body)
        entries = [replace(entry, decoded=decoded)]
        if failure and failure.is_security_event:
            about = {**_about(run, item.job), "access": access.id, "reason": failure.reason}
            entries.append(self._entry("security", item.key, query, about, None))
        return entries

    def _block(
        self, run: Run, got: SourceRecord | Failure, decision: Grant | Denial
    ) -> tuple[Block, Failure | None, dict[str, str]]:
        if isinstance(decision, Denial):
            return Denied(reason=decision.reason), None, {}
        return block_of(run.block, self._desk.sources.by_name[run.source], got, decision)

    def _fragment(
        self,
        run: Run,
        item: Item,
        query: Query,
        fragment: Fragment,
        exchanges: tuple[str, ...],
    ) -> Entry:
        header = {**_about(run, item.job), "access": query.access.id, "exchanges": exchanges}
        payload = msgspec.msgpack.encode(fragment)
        return self._entry("fragment", item.key, query, header, payload)

    def _dropped(self, run: Run, job: Job, item: Item) -> Entry:
        """The person was erased, or never asked about: nothing about them is kept. Whether a
        key was destroyed or an access closed, the ledger's own records tell.
        """
        header = {**_about(run, job.id), "access": item.access, "dropped": "erased_or_closed"}
        return Entry(kind="answer", id=item.key, at=self._desk.clock(), header=header)

    def _entry(
        self,
        kind: Literal["answer", "fragment", "security"],
        id_: str,
        query: Query,
        header: Mapping[str, JSON],
        payload: bytes | None,
    ) -> Entry:
        return Entry(
            kind=kind,
            id=id_,
            at=self._desk.clock(),
            header=header,
            subject=query.access.subject,
            retention=query.access.retention,
            payload=payload,
        )


def _about(run: Run, job: str) -> dict[str, JSON]:
    return {"source": run.source, "operation": run.operation, "bulk": job, "run": run.id}
