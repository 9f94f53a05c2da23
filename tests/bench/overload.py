"""Ten times more than the hub can take: what is still answered well, and what refusals cost."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from pathlib import Path
from typing import Any

from msgspec import Struct

from hub.api.admission import Gate, admits
from hub.core.limits import AdmissionLimits
from tests.bench.timing import percentile, process_cpu_s
from tests.support.running import RunningHub

SECONDS = 8.0
TIMES = 10
"""So much more than its capacity is offered, whether it is answered or not."""
CALLERS = 8
WAIT_S = 4
GATED = 5000


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
    """Capacity with 8 callers, then ten times as much, audit reading beside."""
    hub = RunningHub(folder)
    hub.start()
    try:
        token, auditor = hub.token(), hub.token("--auditor")
        asyncio.run(_full(hub, token, 2.0))
        calm = asyncio.run(_full(hub, token, SECONDS))
        storm, audit = asyncio.run(_beside_audit(hub, token, auditor, TIMES * calm.good_per_s))
    finally:
        hub.stop()
    refused = storm.ends["503"]
    share = storm.good_per_s / calm.good_per_s
    offered = sum(storm.ends.values()) / SECONDS / calm.good_per_s
    cost_s = storm.cpu_s - storm.ends["good"] * calm.cpu_s / calm.ends["good"]
    refusals = storm.refusals_ms or [0.0]
    return [
        ("capacity: whole positions, 8 callers", f"{calm.good_per_s:.0f}/s", "-"),
        ("offered in the storm", f"{offered:.1f} x", f"{TIMES} x"),
        ("whole positions in the storm, of capacity", f"{share:.0%}", "at least 80 %"),
        ("ends in the storm", _told(storm.ends), "-"),
        ("refusal, CPU of the hub", f"{cost_s * 1000 / max(refused, 1):.2f} ms", "aim 5 ms"),
        ("refusal, in the gate alone", f"{_gate_ms():.3f} ms", "aim 5 ms"),
        ("refusal, p50, seen by the client", f"{percentile(refusals, 0.5):.1f} ms", "-"),
        ("refusal, p99, seen by the client", f"{percentile(refusals, 0.99):.1f} ms", "-"),
        ("audit and health answered in the storm", audit, "all"),
    ]


def _gate_ms() -> float:
    """What one refusal costs behind the server's own parsing, by a gate with no place left."""
    gate = Gate(AdmissionLimits(max_in_flight=1))
    gate.enter("interactive")

    async def nobody(*_: Any) -> None:
        raise AssertionError("refused before it is asked")

    async def refusals() -> float:
        app, scope = (
            admits(nobody, gate),
            {"type": "http", "path": "/v1/me/position", "headers": []},
        )
        began = time.process_time()
        for _ in range(GATED):
            await app(scope, nobody, _swallow)  # type: ignore[arg-type]  # all that the gate looks at
        return (time.process_time() - began) * 1000 / GATED

    return asyncio.run(refusals())


async def _swallow(_: Any) -> None:
    """An answer that goes nowhere."""


def _told(ends: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in ends.most_common())


async def _beside_audit(
    hub: RunningHub, token: str, auditor: str, per_s: float
) -> tuple[Load, str]:
    storm = asyncio.ensure_future(_storm(hub, token, per_s))
    ends: list[int] = []
    while not storm.done():
        for path in ("/livez", "/status", "/v1/audit/checkpoint"):
            status, _ = await _one(hub, path, auditor)
            ends += [status]
        await asyncio.sleep(0.5)
    return await storm, f"{sum(end == 200 for end in ends)}/{len(ends)}"


class _Watch:
    """Counts ends, refusals and the hub's CPU from its making to `load`."""

    def __init__(self, hub: RunningHub, token: str) -> None:
        assert hub.pid is not None
        self._hub, self._token, self._pid = hub, token, hub.pid
        self._ends: Counter[str] = Counter()
        self._refusals: list[float] = []
        self._cpu, self.began = process_cpu_s(hub.pid), time.perf_counter()

    async def ask(self) -> None:
        """One citizen's position."""
        sent = time.perf_counter()
        status, body = await _one(self._hub, "/v1/me/position", self._token)
        whole = status == 200 and b'"complete":true' in body
        self._ends["good" if whole else f"{status}"] += 1
        if status == 503:
            self._refusals.append((time.perf_counter() - sent) * 1000)

    def load(self) -> Load:
        """What there was until now."""
        elapsed = time.perf_counter() - self.began
        return Load(self._ends, self._refusals, process_cpu_s(self._pid) - self._cpu, elapsed)


async def _full(hub: RunningHub, token: str, seconds: float) -> Load:
    """As much as CALLERS get who wait for each answer."""
    watch = _Watch(hub, token)

    async def caller() -> None:
        while time.perf_counter() - watch.began < seconds:
            await watch.ask()

    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    return watch.load()


async def _storm(hub: RunningHub, token: str, per_s: float) -> Load:
    """Questions at a pace of their own, of clients who wait for nobody else's answer."""
    watch, asked = _Watch(hub, token), []
    for number in range(round(per_s * SECONDS)):
        asked.append(asyncio.ensure_future(watch.ask()))
        await asyncio.sleep(watch.began + number / per_s - time.perf_counter())
    await asyncio.gather(*asked)
    return watch.load()


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
