"""`make hangups CLIENTS=10000`: callers who hang up on the whole hub, each at a moment of its own.

Every caller has a TCP connection and a citizen of its own; sources take their time, so that most
leave while something is under way at three of them. Exit code 1 if anything is left behind.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import socket
import sqlite3
import struct
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct

from hub.core.collector import spare_what_lasts
from hub.core.limits import SourceLimits
from hub.sandbox.population import Population
from tests.chaos.history import lost
from tests.chaos.storm import Standing, Storm, excess
from tests.support.fanout import Fanout, a_fanout, verified_ledger

AT_ONCE = 24
SLOW_MS, LEAVES_S = 150, 0.4
"""How long each source takes, and within how long a caller has gone."""
PATH = "/v1/me/position?blocks=residence,taxBills,socialServices"
SOURCES = ("padron", "sap_trm", "civis")
STAYS = 0.02
"""Part of the callers who wait for the answer."""
OVERLOADED = "/problems/overloaded"
ENDS = ("answered whole", "closed", "reset", "half a request", "told to come again")
"""The last where the gate finds the machine too busy."""
ABORT = struct.pack("ii", 1, 0)
"""SO_LINGER with no time: the connection is reset and not closed."""


class HangUps(Struct, kw_only=True):
    """What the callers did and what they left. *wrong* is empty, or a promise is broken."""

    ends: Counter[str]
    operations: Counter[str]
    """What the sources were asked, by how it ended."""
    records: int
    elapsed_s: float
    before: Standing
    after: Standing
    wrong: list[str]


class Caller:
    """One citizen's question over a connection of its own, given up in one of three ways."""

    def __init__(self, fanout: Fanout, dice: random.Random, person: int) -> None:
        self._fanout, self._dice = fanout, dice
        self._token = fanout.issuer.token("citizen", Population().person(person))

    async def ask(self) -> str:
        """How it ended, as one of ENDS if all is well."""
        if self._dice.random() < STAYS:
            answer = await self._fanout.hub.get(PATH, self._token, Prefer="wait=9")
            if answer.status_code == 200 and answer.json()["complete"]:
                return "answered whole"
            return ENDS[-1] if answer.json().get("type") == OVERLOADED else answer.text
        return await self._leave(self._dice.choice(ENDS[1:-1]))

    async def _leave(self, end: str) -> str:
        hub = urlsplit(self._fanout.hub.base)
        request = f"GET {PATH} HTTP/1.1\r\nhost: hub.test\r\nprefer: wait=9\r\n"
        request += f"authorization: Bearer {self._token}\r\n\r\n"
        cut = self._dice.randrange(len(request)) if end == "half a request" else None
        _, writer = await asyncio.open_connection(hub.hostname, hub.port)
        writer.write(request[:cut].encode())
        await asyncio.sleep(self._dice.uniform(0, LEAVES_S))
        if end == "reset":
            connection = writer.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, ABORT)
        writer.close()
        return end


async def run(folder: Path, clients: int, seed: str) -> HangUps:
    """That many callers, AT_ONCE at a time; judged by sources, process and ledger."""
    async with a_fanout(folder, limits=SourceLimits()) as fanout:
        storm, dice = Storm(fanout), random.Random(seed)
        for name in SOURCES:
            await fanout.sandbox.put_fault(name, "latency", {"ms": SLOW_MS})
        await _callers(fanout, dice, range(1000, 1000 + 2 * AT_ONCE))
        spare_what_lasts()  # as a hub that serves does
        before, first, began = await storm.standing(), fanout.last(), time.perf_counter()
        past = {name: fanout.ended(name) for name in SOURCES}
        ends = await _callers(fanout, dice, range(2000, 2000 + clients))
        elapsed = time.perf_counter() - began
        after = await storm.standing(before)
        wrong = excess(before, after)
        if fanout.hub.context.traffic.gate.in_flight:
            wrong.append("places are taken at the door, and nobody is there")
        operations: Counter[str] = Counter()
        for name in SOURCES:
            operations += fanout.ended(name) - past[name]
            breaker = fanout.sources[name].client.guard.breaker
            if breaker.opened or breaker.state != "closed":
                wrong.append(f"{name}: the breaker is {breaker.state}, opened {breaker.opened}")
        wrong += [f"operations ended {end}" for end in operations.keys() - {"ok", "cancelled"}]
        wrong += [f"a caller was {end}" for end in ends if end not in ENDS]
        leaves = fanout.leaves()
    return HangUps(
        ends=ends,
        operations=operations,
        records=len(leaves) - 1 - first,
        elapsed_s=elapsed,
        before=before,
        after=after,
        wrong=wrong + _on_record(folder, leaves),
    )


async def _callers(fanout: Fanout, dice: random.Random, people: range) -> Counter[str]:
    """One caller for each of *people*; when one has left, the next one comes."""
    coming, ends = iter(people), Counter[str]()

    async def door() -> None:
        for person in coming:
            ends[await Caller(fanout, dice, person).ask()] += 1

    await asyncio.gather(*(door() for _ in range(AT_ONCE)))
    return ends


def _on_record(folder: Path, leaves: list[dict[str, Any]]) -> list[str]:
    """Exchanges without an outcome, and whatever the verifier finds."""
    with closing(sqlite3.connect(folder / "var/ledger.db")) as ledger:
        [(count,)] = ledger.execute("SELECT COUNT(*) FROM open_exchange")
    orphans = [f"{count} exchanges are open for ever"] if count else []
    return [*orphans, *lost({}, leaves), *map(str, verified_ledger(folder).findings)]


def told(result: HangUps) -> str:
    """The result for people."""
    before, after = result.before, result.after
    rows = [
        ("callers", f"{dict(result.ends)}"),
        ("for", f"{result.elapsed_s:.0f} s"),
        ("operations at the sources", f"{dict(result.operations)}"),
        ("records in the ledger, verified", str(result.records)),
        ("tasks before / after", f"{before.tasks.total()} / {after.tasks.total()}"),
        ("sockets before / after", f"{before.sockets} / {after.sockets}"),
        ("connections left busy", str(after.busy)),
        ("memory before / after", f"{before.memory_mib:.0f} / {after.memory_mib:.0f} MiB"),
    ]
    lines = [f"  {label:<34} {figure}" for label, figure in rows]
    judged = [f"  WRONG: {text}" for text in result.wrong[:50]] or ["  nothing is left behind"]
    return "\n".join([*lines, *judged, ""])


def main() -> None:
    """`python -m tests.chaos.hangups --clients 10000`."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--clients", type=int, default=10_000)
    arguments.add_argument("--seed", default="madrid")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = asyncio.run(run(Path(folder), given.clients, given.seed))
    sys.stdout.write(told(result))
    raise SystemExit(1 if result.wrong else 0)


if __name__ == "__main__":
    main()
