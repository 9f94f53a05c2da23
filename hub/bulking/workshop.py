"""Runs: from a file of people to an answer on record for each, across any number of starts."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec

from hub.api.token_form import InvalidToken
from hub.bulking.bench import Bench, open_bench
from hub.bulking.declaring import Declared, check_registers, declare_all, purpose_of
from hub.bulking.people import Unusable, read_people
from hub.core.commands import BulkOrder, BulkReport, Progress
from hub.core.connector import Query
from hub.core.errors import SourceRefused
from hub.core.moment import Clock, new_id, utc_now
from hub.core.policy import Caller
from hub.ledger.jobs import Item, Job, Run
from hub.ledger.leaf import milliseconds_of, moment_of
from hub.ledger.store import JSON, Entry
from hub.position.access import subject_of
from hub.settings import Settings

_TOGETHER = 500
"""Accesses that are put on record at once, so that they share commits."""


class HubWorkshop:
    """A `hub.core.commands.Workshop` for one source of the configuration."""

    def __init__(self, settings: Settings, source: str, clock: Clock = utc_now) -> None:
        self._settings, self._source, self._clock = settings, source, clock

    def request(self, order: BulkOrder, wait_s: float, progress: Progress) -> BulkReport:
        async def work() -> BulkReport:
            async with open_bench(self._settings, self._source, self._clock) as bench:
                run = await begin(bench, order)
                return await work_on(bench, run, wait_s, progress)

        return asyncio.run(work())

    def resume(self, run: str, wait_s: float, progress: Progress) -> BulkReport:
        async def work() -> BulkReport:
            async with open_bench(self._settings, self._source, self._clock) as bench:
                return await work_on(bench, await _found(bench, run), wait_s, progress)

        return asyncio.run(work())

    def runs(self) -> list[BulkReport]:
        async def work() -> list[BulkReport]:
            async with open_bench(self._settings, self._source, self._clock) as bench:
                return [await report(bench, run) for run in await bench.jobs.runs(bench.source)]

        return asyncio.run(work())

    def results(self, run: str, output: Path) -> int:
        async def work() -> int:
            async with open_bench(self._settings, self._source, self._clock) as bench:
                lines = [line async for line in result_lines(bench, await _found(bench, run))]
                _write_whole(output, lines)
                return len(lines)

        return asyncio.run(work())


async def begin(bench: Bench, order: BulkOrder) -> Run:
    """The run of *order*: the one that it began before, or a new one with everything checked.

    Raises Unusable, and nobody was asked about, for any fault in any row.
    """
    caller = await _caller(bench, order.token)
    raw, rows = read_people(order.file)
    if order.operation not in bench.connector.rules:
        raise Unusable(["this service cannot be asked in bulk"])
    block = _block(bench, order.operation)
    purpose = purpose_of(bench.desk, caller, order.procedure, block)
    people = declare_all(bench.desk, caller, purpose, rows)
    mark = _mark(bench, order, purpose.code, raw)
    known = await bench.jobs.latest(mark)
    if known is not None and not (order.again and await _is_over(bench, known)):
        return known
    _check_form(bench, order.operation, people)
    await check_registers(bench.desk, block, people)
    for start in range(0, len(people), _TOGETHER):
        some = people[start : start + _TOGETHER]
        await asyncio.gather(*(bench.desk.open_access(p.access, None, "bulk") for p in some))
    run = Run(
        id=new_id(),
        source=bench.source,
        operation=order.operation,
        block=block,
        retention=purpose.retention,
        mark=mark,
        at=milliseconds_of(bench.desk.clock()),
    )
    await _write_down(bench, run, people)
    return run


async def work_on(bench: Bench, run: Run, wait_s: float, progress: Progress) -> BulkReport:
    """Advance every request of *run* whose time has come, and wait for others up to *wait_s*."""
    loop = asyncio.get_running_loop()
    until = loop.time() + wait_s
    while True:
        for job in await bench.jobs.jobs(run.id):
            await _as_far_as_possible(bench, run, job)
            done = await report(bench, run)
            progress(done.answered + done.failed, done.people)
        state = await report(bench, run)
        if state.next_at is None:
            return state
        pause = max((state.next_at - bench.desk.clock()).total_seconds(), 0.0)
        if loop.time() + pause > until:
            return state
        await asyncio.sleep(pause)


async def _as_far_as_possible(bench: Bench, run: Run, job: Job) -> None:
    while True:
        after = await bench.runner.advance(run, job)
        if after == job:
            return
        job = after


async def report(bench: Bench, run: Run) -> BulkReport:
    """How far *run* is, by its rows."""
    people = answered = failed = 0
    due: list[int] = []
    reasons: set[str] = set()
    for job in await bench.jobs.jobs(run.id):
        count = len(await bench.jobs.items(job.id))
        people += count
        if job.failure is not None:
            failed += count
            reasons.add(job.failure)
        elif job.state in ("sealed", "done"):
            answered += count
        if job.state != "done":
            due.append(job.due)
    return BulkReport(
        run=run.id,
        operation=run.operation,
        people=people,
        answered=answered,
        failed=failed,
        reasons=tuple(sorted(reasons)),
        next_at=moment_of(min(due)) if due else None,
    )


async def result_lines(bench: Bench, run: Run) -> AsyncIterator[bytes]:
    """One JSON object for each person about whom something final is on record.

    `row` is the line of the file; the subject is masked as everywhere in the API.
    """
    for job in await bench.jobs.jobs(run.id):
        for item in await bench.jobs.items(job.id):
            if not await bench.jobs.on_record("answer", item.key):
                continue
            yield msgspec.json.encode(
                {"row": item.row, "access": item.access, **await _said(bench, item)}
            )


async def _said(bench: Bench, item: Item) -> dict[str, object]:
    """The answer; for somebody who was erased, or whose access was closed or over, that.

    Closing counts whenever it came: nobody is shown anything under a closed access.
    """
    if await bench.jobs.is_erased(item.access):
        return {"erased": True}
    if await bench.desk.closings.closed_at(item.access) is not None:
        return {"closed": True}
    body = await bench.ledger.payload("answer", item.key)
    if body is None:
        return {"expired": True}
    said: dict[str, object] = msgspec.json.decode(body)
    return said


async def _caller(bench: Bench, token: str) -> Caller:
    """Whoever the token proves; a refused one counts like one that came to the API."""
    identifier = bench.callers.identifier
    try:
        caller = await identifier.authenticator.caller(token.strip())
    except InvalidToken as error:
        identifier.refusals.count(error.issuer, error.reason)
        raise Unusable([f"the token is refused: {error}"]) from None
    if caller.audience not in ("official", "system"):
        raise Unusable(["the token is not an official's or a system's"])
    return caller


def _block(bench: Bench, operation: str) -> str:
    blocks = bench.desk.sources.by_name[bench.source].spec.blocks
    return next(block for block, operations in blocks.items() if operations == (operation,))


def _mark(bench: Bench, order: BulkOrder, purpose: str, raw: bytes) -> str:
    """Recognises the same order again. Keyed: a hash of a short file could be guessed."""
    digest = hashlib.sha256(raw).hexdigest()
    text = f"posicion-integral bulk\n{bench.source}\n{order.operation}\n{purpose}\n{digest}"
    return bench.ledger.keys.pseudonym(text.encode()).hex()


def _check_form(bench: Bench, operation: str, people: list[Declared]) -> None:
    """Whoever does not fit the service's form is found before anybody is asked about."""
    faults = []
    for person in people:
        access = person.access
        query = Query(
            subject=subject_of(access),
            access=access,
            as_of=bench.desk.clock(),
            wanted={},
            deadline=0.0,
        )
        try:
            bench.connector.check(operation, query)
        except SourceRefused as error:
            faults.append(f"line {person.line}: {error.detail}")
    if faults:
        raise Unusable(faults)


async def _write_down(bench: Bench, run: Run, people: list[Declared]) -> None:
    """The run's requests and people, all at once, and a record that names them."""
    limit = bench.connector.rules[run.operation].limit
    jobs: list[Job] = []
    items: list[Item] = []
    for number, start in enumerate(range(0, len(people), limit)):
        job = Job(
            id=new_id(), run=run.id, number=number, request_id=bench.connector.new_request_id()
        )
        jobs.append(job)
        items += [
            Item(job=job.id, number=place, row=person.line, access=person.access.id)
            for place, person in enumerate(people[start : start + limit], 1)
        ]
    header: dict[str, JSON] = {
        "event": "begun",
        "source": run.source,
        "operation": run.operation,
        "run": run.id,
        "people": len(people),
        "requests": {job.id: job.request_id for job in jobs},
    }
    await bench.ledger.append([Entry(kind="bulk", id=run.id, at=bench.desk.clock(), header=header)])
    await bench.jobs.begin(run, jobs, items)


async def _is_over(bench: Bench, run: Run) -> bool:
    return (await report(bench, run)).next_at is None


async def _found(bench: Bench, run: str) -> Run:
    found = await bench.jobs.run(run)
    if found is None or found.source != bench.source:
        raise Unusable(["there is no such run of this source"])
    return found


def _write_whole(output: Path, lines: list[bytes]) -> None:
    """Replace *output* in one step; what it holds is personal, so only its owner may read it."""
    draft = output.with_name(f".{output.name}.{new_id()}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as stream:
        stream.writelines(line + b"\n" for line in lines)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(output)
