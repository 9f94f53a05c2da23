"""The storm: callers, sources that fall ill by the schedule, and the calm before and after."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx
from msgspec import Struct

from hub.auditing import Scope, replay
from hub.core.collector import spare_what_lasts
from hub.core.limits import CacheLimits, SourceLimits
from hub.ledger.store import Search
from hub.sandbox import magic
from hub.sandbox.population import Population
from tests.chaos.history import History, lost, wrong_values
from tests.chaos.schedule import Act, schedule
from tests.faults.world import canary, kinds_of_tasks
from tests.support.fanout import (
    Fanout,
    a_fanout,
    busy_connections,
    open_sockets,
    plain,
    verified_ledger,
)

LIMITS = SourceLimits(
    window_s=5, min_calls=6, open_s=0.5, open_max_s=1, slow_s=1, retry_after_max_s=1
)
CACHE = CacheLimits(fresh_s=1, stale_s=60)
PEOPLE = (
    magic.DEFAULT_CITIZEN,
    magic.NOT_REGISTERED,
    magic.NO_DEBTS,
    magic.MANY_BILLS,
    magic.ONE_SURNAME,
    magic.NOTHING_ANYWHERE,
    magic.HOUSEHOLD_OF_SIX,
    magic.ACCENTS,
)
_C = ctypes.CDLL(None)

OFFICIAL = -1
"""Who asks about the default citizen under an access, special categories and evidences too."""

CALLERS = 6
HANG_UP = 0.15
"""Part of the callers who hang up in the middle."""


class Standing(Struct, frozen=True):
    """What the process holds when nobody asks anything."""

    tasks: Counter[str]
    busy: int
    """Connections that a pool takes for used."""
    sockets: int
    """Besides those that pools keep for later."""
    memory_mib: float


class Result(Struct, kw_only=True):
    """What a storm gave. *wrong* is empty, or the hub has broken a promise."""

    seed: str
    acts: tuple[Act, ...]
    history: History
    before: Standing
    after: Standing
    records: int
    messages: int
    replayed: int
    wrong: list[str]


class Storm:
    """One hub, all sources, and what each of PEOPLE is shown in health."""

    def __init__(self, fanout: Fanout) -> None:
        self.fanout, self.history = fanout, History()
        people = Population()
        self._tokens = {n: fanout.issuer.token("citizen", people.person(n)) for n in PEOPLE}
        self.true: dict[int, dict[str, Any]] = {}

    async def ask(self, who: int, wait_s: int) -> httpx.Response:
        """One question of *who*."""
        if who == OFFICIAL:
            return await self.fanout.ask(wait_s)
        wish = f"wait={wait_s}"
        return await self.fanout.hub.get("/v1/me/position", self._tokens[who], Prefer=wish)

    async def calm(self) -> None:
        """Learn what is true."""
        for who in (OFFICIAL, *PEOPLE):
            answer = await self.ask(who, 9)
            assert answer.json()["complete"], answer.text
            self.true[who] = plain(answer.json())

    async def caller(self, dice: random.Random, until: float) -> None:
        """Ask one question after the other; now and then do not wait for the answer."""
        clock = asyncio.get_running_loop().time
        while clock() < until:
            who, wait_s = dice.choice((OFFICIAL, *PEOPLE)), dice.choice((1, 2))
            hangs_up = dice.random() < HANG_UP
            # anyio's, because asyncio's own cancellations cost httpcore connections (ADR 61)
            with anyio.move_on_after(dice.uniform(0, 0.2) if hangs_up else 30) as patience:
                answer = await self.ask(who, wait_s)
            if patience.cancelled_caught:
                self.history.ends["hung up" if hangs_up else "no answer"] += 1
                continue
            self._note(who, answer)
            await asyncio.sleep(dice.uniform(0, 0.1))

    def _note(self, who: int, answer: httpx.Response) -> None:
        if answer.status_code != 200:
            self.history.ends[f"status {answer.status_code}"] += 1
            if answer.status_code != 503:
                self.history.wrong.append(f"status {answer.status_code}")
            return
        position = answer.json()
        self.history.answered(answer.headers["x-request-id"], position["blocks"])
        self.history.wrong += wrong_values(plain(position), self.true[who])

    async def strike(self, acts: tuple[Act, ...]) -> None:
        """Do what the schedule says, when it says so."""
        clock, sandbox = asyncio.get_running_loop().time, self.fanout.sandbox
        began = clock()
        for act in acts:
            await asyncio.sleep(began + act.at_s - clock())
            match act.mode:
                case None:
                    await sandbox.lift(act.source)
                    await sandbox.start(act.source)
                case "stop":
                    await sandbox.stop(act.source)
                case "swallow":
                    await sandbox.swallow(act.source)
                case mode:
                    await sandbox.put_fault(act.source, mode, act.values)

    async def recovered(self) -> list[str]:
        """Who is not shown everything again after a few of the breakers' periods."""
        still = set(self.true)
        for _ in range(30):
            await asyncio.sleep(LIMITS.open_max_s * 0.4)
            for who in sorted(still):
                if plain((await self.ask(who, 9)).json()).items() >= self.true[who].items():
                    still.discard(who)
            if not still:
                return []
        return [f"caller {who} is not shown everything again" for who in sorted(still)]

    async def standing(self, at_least: Standing | None = None) -> Standing:
        """What is held now, or, within ten seconds, once it is no more than *at_least*."""
        await self.fanout.settled()
        for _ in range(100):
            busy = sum(busy_connections(one.client) for one in self.fanout.sources.values())
            for source in self.fanout.sources.values():
                await source.client.discard_connections()
            await asyncio.sleep(0.1)
            now = Standing(kinds_of_tasks(), busy, open_sockets(), memory_mib())
            if at_least is None or not excess(at_least, now):
                break
        return now


def excess(before: Standing, after: Standing) -> list[str]:
    """Tasks and sockets that were not there before, and connections that nobody ended."""
    found = [f"{count} more of {name}" for name, count in (after.tasks - before.tasks).items()]
    if after.busy:
        found.append(f"{after.busy} connections are busy with nothing")
    if after.sockets > before.sockets:
        found.append(f"{after.sockets} sockets after {before.sockets}")
    return found


def memory_mib() -> float:
    """Resident memory of this process, without what is free and the allocator keeps for later.

    glibc keeps up to some 40 MiB of free pages after a storm, and gives them back when asked; with
    them, this would measure how deep the stack of things under way was at its worst moment.
    """
    gc.collect()
    _C.malloc_trim(0)
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * 4096 / 1024 / 1024


async def load(storm: Storm, seed: str, seconds: float, callers: int) -> None:
    """That many callers at once, for so long."""
    until = asyncio.get_running_loop().time() + seconds
    dice = [random.Random(f"{seed}:caller:{n}") for n in range(callers)]
    await asyncio.gather(*(storm.caller(one, until) for one in dice))


@asynccontextmanager
async def a_storm(folder: Path) -> AsyncIterator[Storm]:
    """A hub with every source of the sandbox, in health, and what is true of each person."""
    async with a_fanout(folder, limits=LIMITS, cache=CACHE, every=True) as fanout:
        storm = Storm(fanout)
        await storm.calm()
        spare_what_lasts()  # as a hub that serves does
        yield storm


async def run(folder: Path, seed: str, seconds: float, callers: int = CALLERS) -> Result:
    """One storm, judged: by each answer, by what is left behind, and by the ledger."""
    async with a_storm(folder) as storm:
        fanout = storm.fanout
        await load(storm, f"{seed}:warm", min(seconds / 6, 5), callers)
        before = await storm.standing()
        fanout.sandbox.calls.clear()
        first = fanout.last()
        acts = schedule(seed, seconds, fanout.sandbox.sources)
        await asyncio.gather(storm.strike(acts), load(storm, seed, seconds, callers))
        wrong = await storm.recovered()
        after = await storm.standing(before)
        wrong += excess(before, after)
        log = fanout.log.getvalue()
        leaves = fanout.leaves()
        settings = fanout.settings
        arrived = {name: fanout.sandbox.calls.of(name)["total"] for name in fanout.sources}
    sent = Counter(one["source"] for one in leaves if one["kind"] == "sent" and one["idx"] > first)
    wrong += [
        f"{name} was asked {count} times, and {sent[name]} are on record"
        for name, count in arrived.items()
        if count > sent[name]
    ]
    report = verified_ledger(folder)
    wrong += [str(finding) for finding in report.findings]
    wrong += [text for text in canary() if text in log]
    again = await replay(settings, Scope(search=Search(), against=None), "after a storm")
    wrong += [f"{one.block}: {one.why}" for one in again.findings]
    wrong += [*storm.history.wrong, *lost(storm.history.said, leaves)]
    return Result(
        seed=seed,
        acts=acts,
        history=storm.history,
        before=before,
        after=after,
        records=len(leaves),
        messages=sent.total(),
        replayed=again.identical,
        wrong=wrong,
    )
