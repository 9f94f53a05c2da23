"""Rules that need a source that answers: the simulator, or at least the samples on file."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from hub.core.binding import check_binding
from hub.core.connector import Query
from hub.core.errors import HubError, SettingsError, SourceError
from hub.mapping import load_schemas
from hub.sandbox.faults import COMMON_FAULTS
from hub.testing.bench import OTHER, Bench, Opened
from hub.testing.conduct import LIVELY_S, each
from hub.testing.manifest import read_manifest
from hub.testing.rule import Finding
from hub.testing.spoil import ablations, plain_numbers, sizes_of, swapped, words_of
from hub.testing.transport import Played, Runaway, replaying

_MILD: Mapping[str, Mapping[str, Any]] = {
    "latency": {"ms": 20},
    "status": {"code": 500},
    "huge": {"bytes": 6 * 1024 * 1024},
    "slow-drip": {"every_ms": 200},
}
"""Parameters of the common modes that have no defaults, small enough for a check in seconds."""
_SOMEBODY_ELSE = re.compile(r"other_citizen")
"""Names of fault modes in which nothing may be believed, whatever else is in order."""
_PAGES = ("endless", "loop", "pages", "paging")
_TRUTHS = {
    True: frozenset({"true", "1", "s", "si", "sí", "y", "yes", "x"}),
    False: frozenset({"false", "0", "n", "no"}),
}
"""Words with which a source says yes or no."""
_BRIEF_S = 0.4
_UNENDING_S = 10.0


async def echo_enforced(bench: Bench) -> AsyncIterator[Finding]:
    """What was answered about one person is believed about nobody else."""
    async for operation, world in each(bench):
        async for answers, like in _answers(bench, world, operation):
            world.watched.afresh(replaying(answers))
            query = bench.query(OTHER, like=like)
            error = await believed(bench, world, operation, query)
            if error is None:
                what = f"{operation}: an answer about somebody else is believed"
                yield Finding(what=what, where=bench.line(r"\bEcho\(path="))
            elif not isinstance(error, SourceError):
                what = f"{operation}: {type(error).__name__} escapes"
                yield Finding(what=what, where=bench.raised_at(error))
            elif like is not None and (place := await _believed_in_part(bench, world, operation)):
                what = f"{operation}: believed, though {place} is somebody else's number"
                yield Finding(what=what, where=bench.line(r"\bechoes\b|\bEcho\("))


async def _believed_in_part(bench: Bench, world: Opened, operation: str) -> str | None:
    """The place of an answer where another number than the asked one is believed."""
    query = bench.query()
    _, answers = await bench.genuine(world, operation, query)
    for place, variant in swapped(answers, query.subject.document.number, OTHER):
        world.watched.afresh(replaying(variant))
        again = msgspec.structs.replace(query, deadline=bench.query().deadline)
        if await believed(bench, world, operation, again) is None:
            return place
    return None


async def _answers(
    bench: Bench, world: Opened, operation: str
) -> AsyncIterator[tuple[list[Played], Query | None]]:
    """What the simulator answers about the canary, else each sample; and for which question."""
    if bench.sandbox:
        query = bench.query()
        _, answers = await bench.genuine(world, operation, query)
        yield answers, query
        return
    for file in read_manifest(bench.contract).samples.get(operation, ()):
        kind = b"text/xml" if file.endswith("xml") else b"application/json"
        body = (bench.contract / "samples" / file).read_bytes()
        yield [Played(status=200, headers=[(b"content-type", kind)], body=body)], None


async def believed(
    bench: Bench, world: Opened, operation: str, query: Query
) -> BaseException | None:
    """What fetching or the hub's own binding check raised; None when the answer stands."""
    try:
        async with asyncio.timeout(LIVELY_S):
            record = await world.connector.fetch(operation, query)
        check_binding(bench.spec.operation(operation), query, record)
    except (Exception, Runaway) as error:  # noqa: BLE001 - whatever it is, it is the finding
        return error
    return None


async def nothing_invented(bench: Bench) -> AsyncIterator[Finding]:
    """Each value of a payload stands in the answer, also where the answer lacks a field."""
    if bench.sandbox is None:
        return
    async for operation, world in each(bench):
        query = bench.query()
        record, answers = await bench.genuine(world, operation, query)
        variants = [("the genuine answer", answers), *ablations(answers)]
        asked = {value for values in record.asked.values() for value in values}
        for name, variant in variants:
            world.watched.afresh(replaying(variant))
            try:
                found = await _payload(bench, world, operation, query)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is the finding
                what = f"{operation}, {name}: {type(error).__name__} escapes"
                yield Finding(what=what, where=bench.raised_at(error))
                break
            known = words_of([*variant, *_texts(asked | {query.subject.document.number})])
            if invented := sorted(_places(found, known | sizes_of(found), "")):
                what = f"{operation}, {name}: {invented[0]} is in no answer"
                yield Finding(what=what, where=bench.fetch_line())
                break


def _texts(values: set[str]) -> list[Played]:
    return [Played(status=200, headers=[], body=value.encode()) for value in values]


def _places(node: Any, known: frozenset[str], at: str) -> list[str]:
    """The places of values that hold a word or a number which no answer has."""
    if isinstance(node, dict):
        return [p for key, item in node.items() for p in _places(item, known, f"{at}/{key}")]
    if isinstance(node, list):
        return [p for n, item in enumerate(node) for p in _places(item, known, f"{at}/{n}")]
    if isinstance(node, bool):
        return [] if known & _TRUTHS[node] else [at]
    if isinstance(node, int | float | Decimal):
        return [] if plain_numbers(words_of(_texts({str(node)}))) <= plain_numbers(known) else [at]
    return [] if not isinstance(node, str) or words_of(_texts({node})) <= known else [at]


async def _payload(
    bench: Bench, world: Opened, operation: str, query: Query
) -> dict[str, Any] | None:
    again = msgspec.structs.replace(query, deadline=bench.query().deadline)
    try:
        return (await world.connector.fetch(operation, again)).payload
    except (HubError, Runaway):
        return None


async def simulator(bench: Bench) -> AsyncIterator[Finding]:
    """It plays the source: an answer with data for the default citizen, and fault modes."""
    where = bench.shown(bench.folder / "simulator.py")
    if bench.sandbox is None:
        yield Finding(what="there is no simulator", where=where)
        return
    if not bench.own_faults:
        yield Finding(what="the simulator declares no fault modes of its own", where=where)
    async for operation, world in each(bench):
        try:
            record, _ = await bench.genuine(world, operation, bench.query())
        except SourceError as error:
            what = f"{operation}: no answer about the default citizen ({error})"
            yield Finding(what=what, where=bench.raised_at(error))
            continue
        if not record.holds:
            what = f"{operation}: the default citizen has nothing in it"
            yield Finding(what=what, where=where)


async def simulator_agrees(bench: Bench) -> AsyncIterator[Finding]:
    """What it answers becomes a payload as the contract describes it, bound to its question."""
    import jsonschema

    schemas = load_schemas(bench.contract)
    if bench.sandbox is None:
        return
    async for operation, world in each(bench):
        query = bench.query()
        try:
            record, _ = await bench.genuine(world, operation, query)
            check_binding(bench.spec.operation(operation), query, record)
            plain = json.loads(json.dumps(record.payload, default=str))
            jsonschema.validate(plain, schemas.get(operation, {"not": {}}))
        except SourceError as error:
            yield Finding(what=f"{operation}: {error}", where=bench.raised_at(error))
        except jsonschema.ValidationError as error:
            place = bench.shown(bench.contract / "payloads" / f"{operation}.schema.json")
            what = f"{operation}: {error.json_path} is not {error.validator} as the schema says"
            yield Finding(what=what, where=place)


async def faults_survived(bench: Bench) -> AsyncIterator[Finding]:
    """Under each fault of the simulator: in time, a SourceError or a record that binds; and
    nothing is believed under one that is called after another citizen.
    """
    if bench.sandbox is None:
        return
    async with bench.opened() as world:
        for mode in sorted(bench.own_faults | COMMON_FAULTS.keys()):
            world.recorder.seen.clear()
            world.watched.afresh(None)
            query = bench.query(seconds=_BRIEF_S)
            try:
                await bench.sandbox.put_fault(bench.name, mode, _parameters(bench, mode))
                errors = await asyncio.gather(
                    *(believed(bench, world, operation, query) for operation in bench.operations)
                )
            finally:
                await bench.sandbox.lift(bench.name)
            for finding in _survived(bench, world, mode, errors):
                yield finding
            if any(seen.tag.until > query.deadline for seen in world.watched.about_somebody):
                what = f"under {mode}: a message may wait beyond the deadline"
                yield Finding(what=what, where=bench.fetch_line())


def _survived(
    bench: Bench, world: Opened, mode: str, errors: Sequence[BaseException | None]
) -> Iterator[Finding]:
    for operation, error in zip(bench.operations, errors, strict=True):
        if error is not None and not isinstance(error, SourceError):
            what = f"{operation} under {mode}: {type(error).__name__} escapes"
            yield Finding(what=what, where=bench.raised_at(error))
        if error is None and _SOMEBODY_ELSE.search(mode):
            what = f"{operation} under {mode}: what is about somebody else is believed"
            yield Finding(what=what, where=bench.line(r"\bechoes\b|\bEcho\("))
    if len(world.recorder.sent) != len(world.recorder.outcomes):
        yield Finding(what=f"under {mode}: no outcome on record", where=bench.fetch_line())


def _parameters(bench: Bench, mode: str) -> Mapping[str, Any]:
    return {} if mode in bench.own_faults else _MILD.get(mode, {})


async def reading_ends(bench: Bench) -> AsyncIterator[Finding]:
    """A list without end is ended by the connector, long before its deadline."""
    if bench.sandbox is None:
        return
    modes = sorted(m for m in bench.own_faults if any(part in m for part in _PAGES))
    if not modes:
        what = "no fault mode makes a list without end: nothing was tried, so claim an exemption"
        yield Finding(what=what, where=bench.shown(bench.folder / "quality.toml"))
    for mode in modes:
        for operation in bench.operations:
            try:
                await bench.sandbox.put_fault(bench.name, mode, {})
                async with bench.opened() as world:
                    query = bench.query(seconds=_UNENDING_S)
                    error = await believed(bench, world, operation, query)
            except SettingsError:
                continue
            finally:
                await bench.sandbox.lift(bench.name)
            if (
                isinstance(error, Runaway | TimeoutError)
                or getattr(error, "reason", "") == "timeout"
            ):
                count = len(world.watched.about_somebody)
                what = f"{operation} under {mode}: still reading after {count} messages"
                yield Finding(what=what, where=bench.line(r"MAX_PAGES|max_pages|def fetch\("))
