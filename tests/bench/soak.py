"""Half of what the hub can take, for a long time: what grows, and what does not.

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


class Soak(Struct, kw_only=True):
    """What a soak gave."""

    capacity_per_s: float
    ends: Counter[str]
    elapsed_s: float
    samples: list[Standing]


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
    """The result for people; memory from the fourth sample on, when caches are full."""
    memory = [one.memory_mib for one in got.samples]
    settled, last = memory[SAMPLES // 5], memory[-1]
    return [
        ("capacity: whole positions, 8 callers", f"{got.capacity_per_s:.0f}/s"),
        ("offered and answered", f"{got.ends.total() / got.elapsed_s:.0f}/s, {dict(got.ends)}"),
        ("for", f"{got.elapsed_s:.0f} s"),
        (
            "memory at the start, after a fifth, at the end",
            f"{memory[0]:.0f}, {settled:.0f}, {last:.0f} MiB",
        ),
        ("memory over the last four fifths", f"{(last / settled - 1):+.1%} (flat: within 5 %)"),
        ("tasks, fewest and most", _range(one.tasks.total() for one in got.samples)),
        ("sockets, fewest and most", _range(one.sockets for one in got.samples)),
        ("connections left busy, most", str(max(one.busy for one in got.samples))),
    ]


def _range(counts: Iterable[int]) -> str:
    told = sorted(counts)
    return f"{told[0]} to {told[-1]}"


def main() -> None:
    """`python -m tests.bench.soak 600`."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 600.0
    with tempfile.TemporaryDirectory() as folder:
        got = asyncio.run(soak(Path(folder), seconds))
    for label, figure in rows(got):
        sys.stdout.write(f"  {label:<50} {figure}\n")
    memory = ", ".join(f"{one.memory_mib:.0f}" for one in got.samples)
    sys.stdout.write(f"  memory at every sample, MiB: {memory}\n")


if __name__ == "__main__":
    main()
