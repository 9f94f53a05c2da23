"""Rules about what a connector does when the source, the ledger or the clock misbehaves."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

import httpx

from hub.core.errors import LedgerError, SourceError, SourceUnavailable
from hub.core.exchange import Outcome, Sent
from hub.tables import with_secrets
from hub.testing.bench import PATIENT_S, Bench, Opened
from hub.testing.builders import MemoryRecorder
from hub.testing.disguise import forms_of
from hub.testing.hostile import (
    CANARY,
    HOSTILE,
    INDISCREET,
    MAY_PASS,
    QUOTED,
    REFUSED_FOR_EVER,
    Hostile,
    status,
)
from hub.testing.listening import listening
from hub.testing.rule import Finding
from hub.testing.transport import Answering, Runaway

LIVELY_S = 15.0
"""A fetch that has not ended by then, whatever its deadline, never will."""

_DOCUMENT = re.compile(r"(?<![0-9A-Za-z])(?:[0-9]{8}|[XYZxyz][0-9]{7})[A-Za-z](?![0-9A-Za-z])")


def answering(hostile: Hostile) -> Answering:
    """*hostile* as a transport asks for it."""

    async def answer(request: httpx.Request) -> httpx.Response:
        return hostile(request)

    return answer


async def each(bench: Bench) -> AsyncIterator[tuple[str, Opened]]:
    """Every operation, with one connector that remembers nothing of the operation before.

    Opening one may cost as much as all its cases: keys are read, contracts compiled.
    """
    async with bench.opened() as world:
        for operation in bench.operations:
            world.recorder.seen.clear()
            world.watched.afresh(None)
            yield operation, world


async def attempt(
    bench: Bench, world: Opened, operation: str, seconds: float = PATIENT_S
) -> BaseException | None:
    """What asking raised; None when a record came back. Ends whatever the connector does."""
    try:
        async with asyncio.timeout(LIVELY_S):
            await world.connector.fetch(operation, bench.query(seconds=seconds))
    except (Exception, Runaway) as error:  # noqa: BLE001 - whatever it is, it is the finding
        return error
    return None


async def hostile_answers(bench: Bench) -> AsyncIterator[Finding]:
    """Only SourceError escapes, and each attempt is on record with its outcome."""
    async for operation, world in each(bench):
        for name, hostile in HOSTILE.items():
            world.watched.afresh(answering(hostile))
            error = await attempt(bench, world, operation)
            about = f"{operation}, answered with {name}"
            if error is None:
                yield Finding(what=f"{about}: believed", where=bench.fetch_line())
            elif not isinstance(error, SourceError):
                what = f"{about}: {type(error).__name__} escapes"
                yield Finding(what=what, where=bench.raised_at(error))
            elif len(world.recorder.sent) != len(world.recorder.outcomes):
                what = f"{about}: a message without its outcome"
                yield Finding(what=what, where=bench.fetch_line())


async def nothing_personal_in_errors(bench: Bench) -> AsyncIterator[Finding]:
    """No error quotes the person or the source's text."""
    async for operation, world in each(bench):
        for name, hostile in {**HOSTILE, **INDISCREET}.items():
            world.watched.afresh(answering(hostile))
            error = await attempt(bench, world, operation)
            if error is None:
                continue
            told = " ".join(_told(error))
            if any(text in told for text in QUOTED):
                what = f"{operation}, answered with {name}: {type(error).__name__} quotes it"
                yield Finding(what=what, where=bench.raised_at(error))


def _told(error: BaseException) -> list[str]:
    """What a log would show of *error*: its text, and that of what it was raised from."""
    shown: list[str] = []
    current: BaseException | None = error
    while current is not None and len(shown) < 20:  # noqa: PLR2004 - guards against a cycle
        shown.append(f"{current} {current!r}")
        hidden = current.__suppress_context__
        current = current.__cause__ or (None if hidden else current.__context__)
    return shown


async def nothing_personal_in_logs(bench: Bench) -> AsyncIterator[Finding]:
    """Nothing is logged or printed that names the person, in good answers and in bad ones."""
    bad = [answering(hostile) for hostile in INDISCREET.values()]
    ways: list[Answering | None] = [*([None] if bench.sandbox else []), *bad]
    async for operation, world in each(bench):
        said: list[str] = []
        for way in ways:
            world.watched.afresh(way)
            with listening() as heard:
                await attempt(bench, world, operation)
            said += heard
        if any(text in line or _DOCUMENT.search(line) for line in said for text in QUOTED[:3]):
            where = bench.line(r"\b(log|logger|_log|logging)\b.*\(|print\(")
            yield Finding(what=f"{operation}: what it logs names the person", where=where)


async def records_before_return(bench: Bench) -> AsyncIterator[Finding]:
    """No record, no question; no outcome on record, no answer."""
    for operation in bench.operations:
        async for finding in _unrecorded(bench, operation):
            yield finding
        if bench.sandbox is None:
            continue
        async with bench.opened() as world:
            try:
                record = await world.connector.fetch(operation, bench.query())
            except SourceError as error:
                what = f"{operation}: no answer to learn from ({error.reason})"
                yield Finding(what=what, where=bench.raised_at(error))
                continue
        outcomes = {entry.id for entry in world.recorder.outcomes}
        if not record.exchanges or not set(record.exchanges) <= outcomes:
            what = f"{operation}: its record names exchanges that are not on record"
            yield Finding(what=what, where=bench.fetch_line())


async def _unrecorded(bench: Bench, operation: str) -> AsyncIterator[Finding]:
    refusing = MemoryRecorder(fails=True)
    asked = answering(status(200))
    async with bench.opened(asked, recorder=refusing) as world:
        error = await attempt(bench, world, operation)
    if world.watched.seen:
        yield Finding(what=f"{operation}: sent without a record", where=bench.fetch_line())
    if not isinstance(error, LedgerError):
        how = "an answer" if error is None else type(error).__name__
        what = f"{operation}: {how} where the ledger cannot write"
        yield Finding(what=what, where=bench.raised_at(error) if error else bench.fetch_line())


async def deadline_kept(bench: Bench) -> AsyncIterator[Finding]:
    """No message waits beyond the query's deadline, and a cancelled call leaves both halves."""
    async for operation, world in each(bench):
        world.watched.afresh(_never)
        ends = asyncio.get_running_loop().time() + 0.3
        error = await attempt(bench, world, operation, seconds=0.3)
        late = [seen for seen in world.watched.about_somebody if seen.tag.until > ends + 0.3]
        if late:
            what = f"{operation}: a message may wait beyond the query's deadline"
            yield Finding(what=what, where=bench.fetch_line())
        elif not isinstance(error, SourceError) or error.reason != "timeout":
            how = getattr(error, "reason", None) or type(error).__name__
            what = f"{operation}: a source that never answers ends as {how}, not as timeout"
            yield Finding(what=what, where=bench.raised_at(error) if error else bench.fetch_line())
        if not await _leaves_both_halves(bench, operation):
            what = f"{operation}: a cancelled call leaves no outcome, or is not cancelled"
            yield Finding(what=what, where=bench.fetch_line())


async def _never(request: httpx.Request) -> httpx.Response:
    await asyncio.sleep(3600)
    return httpx.Response(200, request=request)


async def _leaves_both_halves(bench: Bench, operation: str) -> bool:
    begun = asyncio.Event()

    async def never(request: httpx.Request) -> httpx.Response:
        begun.set()
        return await _never(request)

    async with bench.opened(never) as world:
        task = asyncio.create_task(world.connector.fetch(operation, bench.query()))
        waiting = asyncio.create_task(begun.wait())
        await asyncio.wait({task, waiting}, return_when="FIRST_COMPLETED", timeout=LIVELY_S)
        task.cancel()
        waiting.cancel()
        done, _ = await asyncio.wait({task}, timeout=LIVELY_S)
    about = [entry for entry in world.recorder.seen if entry.origin.subject is not None]
    kinds = [type(entry) for entry in about[-2:]]
    return bool(done) and task.cancelled() and kinds == [Sent, Outcome]


async def ping_harmless(bench: Bench) -> AsyncIterator[Finding]:
    """A ping names nobody, is recorded as about nobody, and fails when the source does."""
    asked = None if bench.sandbox else answering(status(200))
    async with bench.opened(asked) as world:
        error = await _ping(world)
    where = bench.line(r"def ping\(")
    if bench.sandbox and error is not None:
        yield Finding(what=f"the simulator's ping fails: {type(error).__name__}", where=where)
    if any(seen.tag.origin.subject is not None for seen in world.watched.seen):
        yield Finding(what="the ping is sent on a person's behalf", where=where)
    for seen in world.watched.seen:
        sent = f"{seen.url} {seen.body.decode('utf-8', 'replace')}"
        if _DOCUMENT.search(sent) or CANARY in sent:
            yield Finding(what="the ping holds a document number", where=where)
    if not world.watched.seen:
        yield Finding(what="the ping asks nothing, so it proves nothing", where=where)


async def _ping(world: Opened) -> Exception | None:
    try:
        async with asyncio.timeout(LIVELY_S):
            await world.connector.ping()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the finding
        return error
    return None


async def faults_classified(bench: Bench) -> AsyncIterator[Finding]:
    """What may pass is told from what is final, whatever the protocol."""
    async for operation, world in each(bench):
        for code in sorted(REFUSED_FOR_EVER | MAY_PASS):
            world.watched.afresh(answering(status(code)))
            error = await attempt(bench, world, operation)
            passes = isinstance(error, SourceUnavailable)
            if not isinstance(error, SourceError) or passes != (code in MAY_PASS):
                how = "believed" if error is None else type(error).__name__
                wanted = "may pass" if code in MAY_PASS else "is final"
                what = f"{operation}: HTTP {code} {wanted}, and is {how}"
                yield Finding(what=what, where=_where(bench, error))
            elif code in (401, 403) and error.reason != "hub_credentials":
                what = f"{operation}: HTTP {code} is the hub's own fault, and is {error.reason}"
                yield Finding(what=what, where=_where(bench, error))


async def redirect_not_followed(bench: Bench) -> AsyncIterator[Finding]:
    """A redirect ends the operation: no second message, wherever it leads."""

    def elsewhere(request: httpx.Request) -> httpx.Response:
        there = str(request.url.join("elsewhere"))
        return httpx.Response(307, headers={"location": there}, request=request)

    async for operation, world in each(bench):
        world.watched.afresh(answering(elsewhere))
        error = await attempt(bench, world, operation)
        asked = world.watched.about_somebody
        if len(asked) > 1:
            what = f"{operation}: {len(asked)} messages where the first was redirected"
            yield Finding(what=what, where=bench.fetch_line())
        elif not isinstance(error, SourceError) or error.reason != "redirect":
            how = getattr(error, "reason", None) or type(error).__name__
            what = f"{operation}: a redirect ends as {how}"
            yield Finding(what=what, where=_where(bench, error))


def _where(bench: Bench, error: BaseException | None) -> str:
    return bench.raised_at(error) if error else bench.fetch_line()


async def nothing_secret_recorded(bench: Bench) -> AsyncIterator[Finding]:
    """What is on record holds no credential."""
    table = with_secrets(bench.table.settings, bench.settings.root)
    secrets = forms_of(table.values())
    async for operation, world in each(bench):
        world.watched.afresh(None if bench.sandbox else answering(status(200)))
        await attempt(bench, world, operation)
        recorded = repr([(e.message.headers, e.message.body, e.url) for e in world.recorder.sent])
        if any(secret in recorded for secret in secrets):
            what = f"{operation}: a credential of its settings is on record"
            yield Finding(what=what, where=bench.fetch_line())


async def no_person_in_address(bench: Bench) -> AsyncIterator[Finding]:
    """No address holds a document number: addresses end in everybody's logs."""
    async for operation, world in each(bench):
        world.watched.afresh(None if bench.sandbox else answering(status(200)))
        await attempt(bench, world, operation)
        if any(CANARY in seen.url for seen in world.watched.seen):
            what = f"{operation}: the address holds the person's document number"
            yield Finding(what=what, where=bench.fetch_line())
