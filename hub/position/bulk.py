"""Run a bulk request to its end, through crashes, asking about nobody twice.

    planned → asking → waiting ⇄ collecting → sealed → done

`asking` and `collecting` are durable before bytes leave. Found at a start, they mean that a
message may have been on its way: its recorded answer is read if there is one, and otherwise
the source is asked for the answer to that request. Only when the source says that it never
heard of the request is it sent, under the same id, so that a source which has it after all
refuses the repetition.

Once it is sent, nothing but an answer ends it, or the source's proved word that there is none,
or its unproved word on two days, or the time after which the hub gives up: what anybody on the
way can say may delay a run, and throws nobody's answer away.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from hub.core.errors import (
    SECURITY_REASONS,
    SourceError,
    SourceRefused,
    SourceUnavailable,
    TechnicalReason,
)
from hub.ledger.bulk_keys import BulkKeys
from hub.ledger.jobs import Item, Job, Jobs, Run
from hub.ledger.leaf import milliseconds_of
from hub.ledger.sqlite import SqliteLedger
from hub.position.bulk_holding import decided, hold
from hub.position.bulk_memory import BulkMemory
from hub.position.bulk_records import BulkRecords
from hub.position.desk import Desk
from hub.position.failure import alert
from hub.wire.bulk import (
    Accepted,
    Bulk,
    BulkConnector,
    BulkRules,
    Delivered,
    Gone,
    NeverArrived,
    Part,
)
from hub.wire.client import Answer
from hub.wire.patience import NEVER_LEFT

_DAY_MS = 24 * 3600 * 1000


class BulkDesk:
    """Works on the bulk requests of one source. One process at a time may use it."""

    def __init__(
        self,
        desk: Desk,
        connector: BulkConnector,
        ledger: SqliteLedger,
        jobs: Jobs,
        keys: BulkKeys,
    ) -> None:
        self._desk, self._connector, self._ledger = desk, connector, ledger
        self._jobs, self._keys = jobs, keys
        self._memory = BulkMemory(desk, ledger, jobs, keys)
        self._records = BulkRecords(desk, jobs)

    async def advance(self, run: Run, job: Job) -> Job:
        """*job* one step further, if its time has come; LedgerError when nothing is known."""
        if job.state == "done" or (job.due > self._now() and job.state in ("planned", "waiting")):
            return job
        if job.state == "planned":
            await hold(self._desk, self._jobs, run, job, await self._jobs.items(job.id))
        bulk, items = await self._memory.bulk(run, job)
        match job.state:
            case "planned":
                return await self._ask(run, job, bulk, items)
            case "waiting":
                return await self._collect(run, job, bulk, items)
            case "asking" | "collecting":
                return await self._recover(run, job, bulk, items)
            case "sealed":
                return await self._forget(run, job, items)
            case _:
                assert_never(job.state)

    async def _ask(self, run: Run, job: Job, bulk: Bulk, items: list[Item]) -> Job:
        if not bulk.items:
            return await self._conclude(run, job, bulk, items, None)
        if self._is_late(run, job):
            return await self._conclude(run, job, bulk, items, "timeout")
        await self._keys.ensure(job.id)
        size = await self._ledger.size()
        job = await self._jobs.move(
            job,
            "asking",
            asked=job.asked or self._now(),
            since=size,
            sendings=job.sendings + 1,
            size=len(bulk.items),
        )
        try:
            answer = await self._connector.submit(bulk)
        except SourceError as error:
            return await self._not_confirmed(run, job, bulk, items, error)
        return await self._confirmed(run, job, bulk, items, answer)

    async def _confirmed(
        self, run: Run, job: Job, bulk: Bulk, items: list[Item], answer: Answer
    ) -> Job:
        try:
            accepted = self._connector.confirmed(bulk, answer)
        except SourceError as error:
            return await self._not_confirmed(run, job, bulk, items, error)
        due = self._due(max(accepted.wait_s, self._rules(run).first_wait_s))
        confirmed = int(accepted.signed or job.confirmed)
        return await self._jobs.move(
            job, "waiting", confirmed=confirmed, sent=answer.exchange, due=due
        )

    async def _not_confirmed(
        self, run: Run, job: Job, bulk: Bulk, items: list[Item], error: SourceError
    ) -> Job:
        """A first sending that is refused is over, and what never left may be sent. Of all else
        the fate is unknown, a refused repetition too: what was sent before may be there.
        """
        await self._note(run, job, error)
        sent = await self._memory.sent_since(job)
        due = self._due(self._rules(run).first_wait_s)
        if isinstance(error, SourceRefused) and job.sendings == 1:
            job = await self._jobs.move(job, "asking", sent=sent)
            return await self._conclude(run, job, bulk, items, error.reason)
        if isinstance(error, SourceUnavailable) and error.reason in NEVER_LEFT:
            return await self._jobs.move(job, "planned", due=due, sendings=job.sendings - 1)
        return await self._jobs.move(job, "waiting", sent=sent, due=due)

    async def _recover(self, run: Run, job: Job, bulk: Bulk, items: list[Item]) -> Job:
        """After a crash with a message on its way: read its answer, or find out by asking."""
        await self._ledger.close_orphans(job.id)
        answer = await self._memory.answer_since(run, job)
        asking = job.state == "asking"
        if answer is not None and asking:
            return await self._confirmed(run, job, bulk, items, answer)
        if answer is not None:
            return await self._collected(run, job, bulk, items, answer)
        sent = await self._memory.sent_since(job)
        if asking and sent is None:  # its record is durable before bytes leave: none left
            return await self._jobs.move(job, "planned", sendings=job.sendings - 1)
        if asking:
            due = self._due(self._rules(run).first_wait_s)
            return await self._jobs.move(job, "waiting", sent=sent, due=due)
        return await self._jobs.move(job, "waiting", due=self._now())

    async def _collect(self, run: Run, job: Job, bulk: Bulk, items: list[Item]) -> Job:
        if self._is_late(run, job):
            return await self._conclude(run, job, bulk, items, "timeout")
        size = await self._ledger.size()
        job = await self._jobs.move(job, "collecting", since=size, polls=job.polls + 1)
        try:
            answer = await self._connector.collect(bulk)
        except SourceError as error:
            return await self._not_collected(run, job, error)
        return await self._collected(run, job, bulk, items, answer)

    async def _collected(
        self, run: Run, job: Job, bulk: Bulk, items: list[Item], answer: Answer
    ) -> Job:
        try:
            got = self._connector.delivered(bulk, answer)
        except SourceError as error:
            return await self._not_collected(run, job, error)
        match got:
            case Accepted(wait_s=wait_s):
                due = self._due(max(wait_s, self._rules(run).interval_s))
                return await self._jobs.move(job, "waiting", confirmed=1, gone=None, due=due)
            case NeverArrived() if self._may_be_sent_again(run, job):
                return await self._jobs.move(job, "planned", due=self._now())
            case NeverArrived():
                return await self._gone(run, job, bulk, items, signed=False)
            case Gone(signed=signed):
                return await self._gone(run, job, bulk, items, signed=signed)
            case Delivered(items=parts, surplus=surplus):
                if surplus:
                    await self._records.security(run, job, "out_of_scope")
                return await self._conclude(run, job, bulk, items, None, parts, answer.exchange)
            case _:
                assert_never(got)

    async def _not_collected(self, run: Run, job: Job, error: SourceError) -> Job:
        """Nothing that the source did not sign ends a request: its answer may be there."""
        await self._note(run, job, error)
        return await self._jobs.move(job, "waiting", due=self._due(self._rules(run).interval_s))

    async def _gone(
        self, run: Run, job: Job, bulk: Bulk, items: list[Item], *, signed: bool
    ) -> Job:
        """No answer is left, the source says: unsigned, it has to say so on another day too."""
        detail = "the source says that it has no answer to a bulk request"
        await self._note(run, job, SourceRefused(run.source, "backend_fault", detail))
        first = self._now() if job.gone is None else job.gone
        if signed or self._now() - first >= _DAY_MS:
            return await self._conclude(run, job, bulk, items, "backend_fault")
        due = max(first + _DAY_MS, self._due(self._rules(run).interval_s))
        return await self._jobs.move(job, "waiting", gone=first, due=due)

    async def _conclude(
        self,
        run: Run,
        job: Job,
        bulk: Bulk,
        items: list[Item],
        failure: TechnicalReason | None,
        parts: Mapping[str, Part] | None = None,
        exchange: str | None = None,
    ) -> Job:
        """Put each person's part on record under that person's key, all at once or none."""
        if not await self._jobs.on_record("answer", items[0].key):
            asked = await self._memory.requested(self._connector, job)
            decisions = await decided(self._desk, self._jobs, run, job, bulk, items)
            entries = self._records.entries(
                run, job, bulk, items, decisions, asked, parts or {}, failure, exchange
            )
            mapping = self._desk.sources.by_name[run.source].mappings[run.block]
            await self._desk.texts.ensure([mapping])
            await self._ledger.append(entries)
        job = await self._jobs.move(job, "sealed", failure=failure)
        return await self._forget(run, job, items)

    async def _forget(self, run: Run, job: Job, items: list[Item]) -> Job:
        """Destroy the key of the raw bytes: from here on each person can be erased alone."""
        await self._keys.destroy(job.id)
        if not await self._jobs.on_record("bulk", job.id):
            await self._ledger.append([self._records.destroyed(run, job, len(items))])
        return await self._jobs.move(job, "done")

    async def _note(self, run: Run, job: Job, error: SourceError) -> None:
        """An answer that must not be believed is a security event; a refusal is for operators."""
        alert(error, run.operation)
        if error.reason in SECURITY_REASONS:
            await self._records.security(run, job, error.reason)

    def _rules(self, run: Run) -> BulkRules:
        return self._connector.rules[run.operation]

    def _may_be_sent_again(self, run: Run, job: Job) -> bool:
        """Not where the source has signed that it had it: that could ask about people twice."""
        return not job.confirmed and job.sendings < self._rules(run).attempts

    def _is_late(self, run: Run, job: Job) -> bool:
        limit = round(self._rules(run).give_up_s * 1000)
        return job.asked is not None and self._now() - job.asked > limit

    def _now(self) -> int:
        return milliseconds_of(self._desk.clock())

    def _due(self, seconds: float) -> int:
        return self._now() + round(seconds * 1000)
