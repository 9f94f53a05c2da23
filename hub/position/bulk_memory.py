"""What is on record of a bulk request: who is in it, what was sent, and what came back."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Mapping

from hub.core.connector import Query
from hub.core.errors import LedgerError
from hub.core.policy import Access
from hub.ledger.bulk_keys import BulkKeys, opened_body
from hub.ledger.jobs import Item, Job, Jobs, Run
from hub.ledger.recorder import RecordedMessage, recorded_message
from hub.ledger.sqlite import SqliteLedger
from hub.ledger.store import Kind, Record
from hub.position.access import subject_of
from hub.position.bulk_holding import find_access
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
        """The request with everybody who is in it and still there, and all of its rows.

        One moment for all: one of its own would tell who was never asked about.
        """
        items, as_of = await self._jobs.items(job.id), self._desk.clock()
        left_out = await self._jobs.left_out(job.id, run.block)
        there: list[BulkItem] = []
        for item in items:
            out = item.number in left_out
            access = None if out else await find_access(self._desk, self._jobs, item)
            if access is not None:
                there.append(BulkItem(id=item.id, query=_query(item, access, as_of)))
        bulk = Bulk(
            id=job.id,
            operation=run.operation,
            request_id=job.request_id,
            retention=run.retention,
            items=tuple(there),
            size=job.size or len(there),
            dropped=frozenset({item.id for item in items} - {item.id for item in there}),
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


def _query(item: Item, access: Access, as_of: dt.datetime) -> Query:
    return Query(
        subject=subject_of(access),
        access=access,
        as_of=as_of,
        wanted={},
        deadline=asyncio.get_running_loop().time() + _PATIENCE_S,
        request=item.job,
    )


def _message(record: Record) -> RecordedMessage:
    if record.payload is None:
        raise LedgerError(f"record {record.index} has no message")
    return recorded_message(record.payload)
