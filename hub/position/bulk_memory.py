"""What is on record of a bulk request: who is in it, what was sent, and what came back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

from hub.core.connector import Query
from hub.core.errors import LedgerError
from hub.ledger.bulk_keys import BulkKeys, opened_body
from hub.ledger.jobs import Item, Job, Jobs, Run
from hub.ledger.recorder import RecordedMessage, recorded_message
from hub.ledger.sqlite import SqliteLedger
from hub.ledger.store import Kind, Record
from hub.position.access import subject_of
from hub.position.desk import Desk
from hub.wire.bulk import Bulk, BulkConnector, BulkItem
from hub.wire.client import Answer

_PAGE = 500
_PATIENCE_S = 3600.0
"""A bulk request has no caller who waits; each message has its operation's own timeout."""


class BulkMemory:
    """Reads the ledger on behalf of a bulk request."""

    def __init__(self, desk: Desk, ledger: SqliteLedger, jobs: Jobs, keys: BulkKeys) -> None:
        self._desk, self._ledger, self._jobs, self._keys = desk, ledger, jobs, keys

    async def bulk(self, run: Run, job: Job) -> tuple[Bulk, list[Item]]:
        """The request with everybody who is still there, and all of its rows."""
        items = await self._jobs.items(job.id)
        queries = [await self._query(item) for item in items]
        there = [
            BulkItem(id=item_id(item), query=query)
            for item, query in zip(items, queries, strict=True)
            if query is not None
        ]
        bulk = Bulk(
            id=job.id,
            operation=run.operation,
            request_id=job.request_id,
            retention=run.retention,
            items=tuple(there),
            size=job.size or len(there),
            dropped=frozenset({item_id(item) for item in items} - {item.id for item in there}),
        )
        return bulk, items

    async def requested(self, connector: BulkConnector, job: Job) -> Mapping[str, bytes]:
        """Per item id that person's part of the request, as its record has it."""
        if job.sent is None:
            return {}
        record = await self._ledger.read(job.sent, "sent")
        if record is None:
            raise LedgerError(f"the request of bulk {job.id} is not on record")
        return connector.requested(await self._body(job, record, "sent"))

    async def sent_since(self, job: Job) -> str | None:
        """The exchange of the last message of *job* since its step began, or before."""
        sent = job.sent
        async for record in self._since(job, "sent"):
            sent = record.id
        return sent

    async def answer_since(self, run: Run, job: Job) -> Answer | None:
        """The answer that came since its step began and was not acted upon, if one did."""
        async for record in self._since(job, "outcome"):
            if record.header.get("status") is None:
                continue
            opened = await self._ledger.read(record.id, "outcome")
            assert opened is not None  # noqa: S101 - it was listed above
            message = _message(opened)
            return Answer(
                source=run.source,
                status=int(record.header["status"]),
                headers={name.lower(): value for name, value in message.headers},
                body=await self._body(job, opened, "outcome"),
                exchange=record.id,
            )
        return None

    async def _since(self, job: Job, kind: Kind) -> AsyncIterator[Record]:
        first = job.since if job.since is not None else await self._ledger.size()
        while page := await self._ledger.records(first, _PAGE):
            for record in page:
                if record.kind == kind and record.header.get("bulk") == job.id:
                    yield record
            first = page[-1].index + 1

    async def _body(self, job: Job, record: Record, kind: Kind) -> bytes:
        body = _message(record).body
        if body is None:
            return b""
        return opened_body(await self._keys.key(job.id), kind, record.id, body)

    async def _query(self, item: Item) -> Query | None:
        """The question about a person; None once they are erased."""
        try:
            access = await self._desk.find_access(item.access)
        except LedgerError:
            if await self._jobs.is_erased(item.access):
                return None
            raise
        if access is None:
            raise LedgerError(f"access {item.access} is not on record")
        return Query(
            subject=subject_of(access),
            access=access,
            as_of=self._desk.clock(),
            wanted={},
            deadline=asyncio.get_running_loop().time() + _PATIENCE_S,
            request=item.job,
        )


def item_id(item: Item) -> str:
    """The id of a person in the request, as the platform's documents propose it: 000001 …"""
    return f"{item.number:06d}"


def _message(record: Record) -> RecordedMessage:
    if record.payload is None:
        raise LedgerError(f"record {record.index} has no message")
    return recorded_message(record.payload)
