"""The auditors' command line: `hub explain`, `hub replay`, `hub audit …`, `hub report`.

Each command says who acts and why before it opens anything, as the API does.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import getpass
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

import click
from msgspec import Struct

from hub.audit.act import Action, Auditor, note_act
from hub.audit.case import Case
from hub.audit.choose import as_known_at
from hub.audit.consistency import consistency
from hub.audit.drift import Watch
from hub.audit.library import Library, Shelf, shelf_of
from hub.audit.lineage import explain
from hub.audit.opening import Opening
from hub.audit.render import as_json, explanation_text, replay_html, replay_text
from hub.audit.replay import Replay, Replayer
from hub.audit.sample import Lottery, draw
from hub.audit.wire_replay import WireReplay, replay_wire
from hub.core.document import Document, parse_document
from hub.core.errors import SettingsError
from hub.core.moment import utc_now
from hub.ledger.open import open_ledger
from hub.ledger.sqlite import SqliteLedger
from hub.ledger.store import Ledger, Search
from hub.mapping import Coverage, coverage, load_schemas
from hub.position.outside import model_of
from hub.position.sources import contract_folder, mappings_folder, read_spec
from hub.settings import Settings, load_settings

T = TypeVar("T")


class Scope(Struct, frozen=True, kw_only=True):
    """What a replay runs over, and against what."""

    search: Search
    most: int | None = None
    answer: str | None = None
    against: str | None = "today"
    reveal: bool = False


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[SqliteLedger]:
    """The ledger of a configuration, beside a hub that may be serving."""
    file = settings.path(settings.ledger.file)
    if not file.exists():
        raise SettingsError([f"there is no ledger at {settings.ledger.file} yet"])
    ledger = open_ledger(file, settings.path(settings.keys), origin=settings.ledger.origin)
    try:
        yield ledger
    finally:
        await ledger.close()


def library_of(settings: Settings, ledger: Ledger) -> Library:
    """The mappings on record, with the blocks and converters that the sources bring."""
    model = model_of(settings)
    return Library(ledger, model.blocks, model.converters)


def acting() -> Auditor:
    """Whoever is logged in on this machine."""
    return Auditor(holder=getpass.getuser(), channel="cli")


def trees(settings: Settings, root: Path | None) -> tuple[Shelf, Mapping[str, Coverage]]:
    """The mappings of every source and what they read; of *root*, or as the hub runs them."""
    folders: dict[str, Path] = {}
    feeds: dict[str, tuple[str, ...]] = {}
    covered: dict[str, Coverage] = {}
    for name, table in settings.sources.items():
        module, spec = read_spec(name, table)
        folder = mappings_folder(module, spec) if root is None else root / "mappings" / name
        folders[name], feeds[name] = folder, tuple(spec.blocks)
    model = model_of(settings)
    shelf = shelf_of(folders, feeds, model.blocks, model.converters)
    for name, folder in folders.items():
        maps = [shelf[block] for block in feeds[name]]
        covered[name] = coverage(maps, load_schemas(contract_folder(folder)))
    return shelf, covered


async def replay(settings: Settings, scope: Scope, reason: str) -> Replay:
    """The report over everything in *scope*; on record before anything is opened."""
    root = Path.cwd() if scope.against == "working-tree" else None
    shelf, covered = trees(settings, root)
    async with opened(settings) as ledger:
        replayer = Replayer(
            library_of(settings, ledger),
            shelf if scope.against is not None else None,
            against=scope.against,
            reveal=scope.reveal,
            watch=Watch(covered),
        )
        opening = _opening(ledger, "replay", reason, reveals=scope.reveal)
        async for case in _chosen(opening, scope, replayer.report.closed):
            await replayer.run(case)
        return replayer.finish()


async def wired(settings: Settings, scope: Scope, reason: str) -> tuple[WireReplay, ...]:
    """The wire replays of everything in *scope*, with the connectors and mappings of now."""
    shelf, _ = trees(settings, None)
    async with opened(settings) as ledger:
        chosen = _chosen(_opening(ledger, "wire_replay", reason, reveals=False), scope)
        return tuple([await replay_wire(ledger, settings, case, shelf) async for case in chosen])


async def explained(
    settings: Settings, answer: str, block: str | None, reason: str, *, reveal: bool
) -> str:
    """The lineage of a recorded answer, as text."""
    async with opened(settings) as ledger:
        case = await _opening(ledger, "explain", reason, reveals=reveal).named(answer)
        library = library_of(settings, ledger)
        return explanation_text(await explain(ledger, library, case, block=block, reveal=reveal))


async def known(settings: Settings, subject: Document, moment: dt.datetime, reason: str) -> str:
    """What the hub last answered about a person at a moment, replayed, as JSON."""
    async with opened(settings) as ledger:
        await note_act(
            ledger,
            utc_now,
            acting(),
            "as_known_at",
            reason,
            reveals=True,
            subject=subject,
            detail={"moment": moment.isoformat()},
        )
        case = await as_known_at(ledger, subject, moment)
        replayer = Replayer(library_of(settings, ledger))
        await replayer.run(case)
        proof = await ledger.prove(case.record.index)
        return as_json(
            {
                "asKnownAt": moment,
                "answer": case.record.id,
                "at": case.record.at,
                "position": case.answer,
                "replay": replayer.finish(),
                "checkpoint": None if proof is None else proof.checkpoint.note,
            }
        )


async def sampled(settings: Settings, lottery: Lottery, reason: str) -> str:
    """A provable sample of a period, as JSON; opens nobody's data."""
    async with opened(settings) as ledger:
        detail = lottery.detail()
        await note_act(ledger, utc_now, acting(), "sample", reason, reveals=False, detail=detail)
        return as_json(await draw(ledger, lottery))


async def extended(settings: Settings, note: str) -> str:
    """The proof that the log of now extends the one whose signed head is *note*, as JSON."""
    async with opened(settings) as ledger:
        kept = await ledger.head_of(note)
        return as_json(await consistency(ledger, kept.size))


def _opening(ledger: SqliteLedger, action: Action, reason: str, *, reveals: bool) -> Opening:
    return Opening(
        ledger=ledger, clock=utc_now, who=acting(), action=action, reason=reason, reveals=reveals
    )


async def _chosen(
    opening: Opening, scope: Scope, closed: list[str] | None = None
) -> AsyncIterator[Case]:
    """The one answer that *scope* names, or all that fit its search."""
    if scope.answer is not None:
        yield await opening.named(scope.answer)
        return
    async for case in opening.fitting(scope.search, scope.most, closed):
        yield case


def run(config: Path, work: Callable[[Settings], Awaitable[T]]) -> T:
    """The result of *work* with the configuration in *config*."""

    async def working() -> T:
        return await work(load_settings(config))

    return asyncio.run(working())


def moment_of(text: str) -> dt.datetime:
    """An ISO 8601 moment or day, in UTC where it names no zone; click's error if it is none."""
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter("not an ISO 8601 day or moment") from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=dt.UTC)


def last_moment_of(text: str) -> dt.datetime:
    """As `moment_of`; of a bare day, the last moment in UTC: what was known *on* that day."""
    moment = moment_of(text)
    if len(text) == len("2026-10-01"):
        return moment + dt.timedelta(days=1, milliseconds=-1)
    return moment


def period_of(text: str) -> tuple[dt.datetime, dt.datetime]:
    """`2026-10` (a month), `2026-10-01` (a day), or `FROM/TO` (TO excluded)."""
    begin, slash, end = text.partition("/")
    if slash:
        return moment_of(begin), moment_of(end)
    if len(begin) == len("2026-10"):
        since = moment_of(f"{begin}-01")
        return since, (since + dt.timedelta(days=32)).replace(day=1)
    since = moment_of(begin)
    return since, since + dt.timedelta(days=1)


def person_of(number: str | None) -> Document | None:
    """The document with that number; InvalidDocument quotes nothing of it."""
    return None if number is None else parse_document(number)


RENDERERS: Mapping[str, Callable[[Replay], str]] = {
    "text": replay_text,
    "json": as_json,
    "html": replay_html,
}
