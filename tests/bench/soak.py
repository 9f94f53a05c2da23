"""Half of what the hub can take, for a long time: what grows, and what does not; judged.

Hub, sources and callers share this process, so that every task and socket is counted; what
stays flat in all of them together stays flat in the hub.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from msgspec import Struct

from tests.chaos.storm import PEOPLE, Standing, Storm, a_storm

CALLERS = 8
WARM_S, CAPACITY_S = 5.0, 15.0
SAMPLES = 20
WAIT_S = 4
GROWTH = 0.05
"""What memory may grow by over the last four fifths."""


class Soak(Struct, kw_only=True):
    """What a soak gave."""

    capacity_per_s: float
    ends: Counter[str]
    elapsed_s: float
    samples: list[Standing]

    @property
    def settled(self) -> list[Standing]:
        """From the first fifth on, when caches are full."""
        return self.samples[SAMPLES // 5 :]

    @property
    def growth(self) -> float:
        """Of memory, over the last four fifths."""
        return self.settled[-1].memory_mib / self.settled[0].memory_mib - 1


async def load(storm: Storm, seconds: float, pause_s: float = 0.0) -> Counter[str]:
    """CALLERS citizens, each with a question every *pause_s*, or as fast as they are answered."""
    ends: Counter[str] = Counter()
    until = time.perf_counter() + seconds

    async def caller(number: int) -> None:
        asked = number
        await asyncio.sleep(pause_s * number / CALLERS)
        while (began := time.perf_counter()) < until:
            answer = await storm.ask(PEOPLE[asked % len(PEOPLE)], WAIT_S)
            whole = answer.status_code == 200 and answer.json()["complete"]
            ends["whole" if whole else f"status {answer.status_code}"] += 1
            asked += 1
            await asyncio.sleep(max(began + pause_s - time.perf_counter(), 0))

    await asyncio.gather(*(caller(number) for number in range(CALLERS)))
    return ends


async def soak(folder: Path, seconds: float) -> Soak:
    """Measure the capacity, then offer half of it and look every twentieth of the time."""
    async with a_storm(folder) as storm:
        await load(storm, WARM_S)
        capacity = (await load(storm, CAPACITY_S)).total() / CAPACITY_S
        ends, samples, began = Counter[str](), [await storm.standing()], time.perf_counter()
        for _ in range(SAMPLES):
            ends += await load(storm, seconds / SAMPLES, 2 * CALLERS / capacity)
            samples.append(await storm.standing())
            storm.fanout.log.seek(0)
            storm.fanout.log.truncate()  # what is printed is no part of the hub's memory
        elapsed = time.perf_counter() - began
    return Soak(capacity_per_s=capacity, ends=ends, elapsed_s=elapsed, samples=samples)


def rows(got: Soak) -> list[tuple[str, str]]:
    """The result for people."""
    first, last = got.samples[0].memory_mib, got.samples[-1].memory_mib
    settled = got.settled[0].memory_mib
    return [
        ("capacity: whole positions, 8 callers", f"{got.capacity_per_s:.0f}/s"),
        ("offered and answered", f"{got.ends.total() / got.elapsed_s:.0f}/s, {dict(got.ends)}"),
        ("for", f"{got.elapsed_s:.0f} s"),
        (
            "memory at the start, after a fifth, at the end",
            f"{first:.0f}, {settled:.0f}, {last:.0f} MiB",
        ),
        ("memory over the last four fifths", f"{got.growth:+.1%} (flat: within {GROWTH:.0%})"),
        ("tasks, fewest and most", _range(one.tasks.total() for one in got.samples)),
        ("sockets, fewest and most", _range(one.sockets for one in got.samples)),
        ("connections left busy, most", str(max(one.busy for one in got.samples))),
    ]


def wrong(got: Soak) -> list[str]:
    """What did not stay flat."""
    found = []
    if got.growth > GROWTH:
        found.append(f"memory grew by {got.growth:.1%}, more than {GROWTH:.0%}")
    counts = {
        "tasks": [one.tasks.total() for one in got.settled],
        "sockets": [one.sockets for one in got.settled],
    }
    found += [
        f"{name} are not flat: {_range(seen)}"
        for name, seen in counts.items()
        if len(set(seen)) > 1
    ]
    if busy := max(one.busy for one in got.samples):
        found.append(f"{busy} connections are busy with nothing")
    return found


def _range(counts: Iterable[int]) -> str:
    told = sorted(counts)
    return f"{told[0]} to {told[-1]}"


def main() -> None:
    """`python -m tests.bench.soak 600`; the exit code is 1 when something did not stay flat."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 600.0
    with tempfile.TemporaryDirectory() as folder:
        got = asyncio.run(soak(Path(folder), seconds))
    for label, figure in rows(got):
        sys.stdout.write(f"  {label:<50} {figure}\n")
    memory = ", ".join(f"{one.memory_mib:.0f}" for one in got.samples)
    sys.stdout.write(f"  memory at every sample, MiB: {memory}\n")
    found = wrong(got)
    for text in found:
        sys.stdout.write(f"  WRONG: {text}\n")
    raise SystemExit(1 if found else 0)


if __name__ == "__main__":
    main()
