"""Ten times more than the hub can take: what is still answered well, and what refusals cost."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from pathlib import Path

from msgspec import Struct

from tests.bench.timing import percentile, process_cpu_s
from tests.support.running import RunningHub

SECONDS = 8.0
CALLERS = 100
WAIT_S = 4


class Load(Struct):
    """What a load gave: answers by kind, how long each refusal took, and CPU of the hub."""

    ends: Counter[str]
    refusals_ms: list[float]
    cpu_s: float
    elapsed_s: float

    @property
    def good_per_s(self) -> float:
        """Whole positions per second."""
        return self.ends["good"] / self.elapsed_s


def measure(folder: Path) -> list[tuple[str, str, str]]:
    """Capacity with 8 callers, then ten times as much offered by 100, audit reading beside."""
    hub = RunningHub(folder)
    hub.start()
    try:
        token, auditor = hub.token(), hub.token("--auditor")
        asyncio.run(_load(hub, token, 8, 0.0, 2.0))
        calm = asyncio.run(_load(hub, token, 8, 0.0, SECONDS))
        pause_s = CALLERS / (10 * calm.good_per_s)
        storm, audit = asyncio.run(_beside_audit(hub, token, auditor, pause_s))
    finally:
        hub.stop()
    share = storm.good_per_s / calm.good_per_s
    offered = sum(storm.ends.values()) / storm.elapsed_s / calm.good_per_s
    refusals = storm.refusals_ms or [0.0]
    return [
        ("capacity: whole positions, 8 callers", f"{calm.good_per_s:.0f}/s", "-"),
        ("offered in the storm", f"{offered:.1f} x", "10 x"),
        ("whole positions in the storm, of capacity", f"{share:.0%}", "at least 80 %"),
        ("other ends in the storm", str(dict(storm.ends)), "-"),
        ("refusal, p50, seen by the client", f"{percentile(refusals, 0.5):.1f} ms", "aim 5 ms"),
        ("refusal, p99, seen by the client", f"{percentile(refusals, 0.99):.1f} ms", "-"),
        ("audit and health answered in the storm", audit, "all"),
    ]


async def _beside_audit(
    hub: RunningHub, token: str, auditor: str, pause_s: float
) -> tuple[Load, str]:
    storm = asyncio.ensure_future(_load(hub, token, CALLERS, pause_s, SECONDS))
    ends: list[int] = []
    while not storm.done():
        for path in ("/livez", "/status", "/v1/audit/checkpoint"):
            status, _ = await _one(hub, path, auditor)
            ends += [status]
        await asyncio.sleep(0.5)
    return await storm, f"{sum(end == 200 for end in ends)}/{len(ends)}"


async def _load(hub: RunningHub, token: str, callers: int, pause_s: float, seconds: float) -> Load:
    assert hub.pid is not None
    ends: Counter[str] = Counter()
    refusals: list[float] = []
    cpu, began = process_cpu_s(hub.pid), time.perf_counter()

    async def caller(number: int) -> None:
        await asyncio.sleep(pause_s * number / callers)
        while time.perf_counter() - began < seconds:
            sent = time.perf_counter()
            status, body = await _one(hub, "/v1/me/position", token)
            took = time.perf_counter() - sent
            whole = status == 200 and b'"complete":true' in body
            ends["good" if whole else f"{status}"] += 1
            if status == 503:
                refusals.append(took * 1000)
            await asyncio.sleep(max(pause_s - took, 0))

    await asyncio.gather(*(caller(number) for number in range(callers)))
    elapsed = time.perf_counter() - began
    return Load(ends, refusals, process_cpu_s(hub.pid) - cpu, elapsed)


async def _one(hub: RunningHub, path: str, token: str) -> tuple[int, bytes]:
    """One request on a connection of its own, with as little work here as possible."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", hub.port)
        lines = (
            f"GET {path} HTTP/1.1",
            "host: x",
            f"authorization: Bearer {token}",
            f"prefer: wait={WAIT_S}",
            "connection: close",
        )
        writer.write("\r\n".join([*lines, "", ""]).encode())
        answer = await reader.read()
        writer.close()
    except OSError:
        return 0, b""
    return int(answer[9:12] or 0), answer
