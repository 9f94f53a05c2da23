"""A whole position over sockets: what the hub itself costs and adds."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import httpx

from hub.ledger.open import open_ledger
from tests.bench.timing import percentile, process_cpu_s
from tests.support.running import RunningHub

LATENCY_MS = 50


def measure(folder: Path) -> list[tuple[str, str, str]]:
    """CPU per position, positions per second, and the overhead with 50 ms back ends."""
    hub = RunningHub(folder)
    hub.start()
    try:
        token = hub.token()
        asyncio.run(_positions(hub, token, 20, 4))
        cpu, rate = _load(hub, token)
        for source in ("padron", "sap_trm", "civis", "avisos"):
            hub.fault(source, "latency", ms=LATENCY_MS)
        took = asyncio.run(_positions(hub, token, 200, 1))
    finally:
        hub.stop()
    added = asyncio.run(_overheads(hub, took))
    p50, p99 = percentile(added, 0.5), percentile(added, 0.99)
    return [
        ("CPU of the hub per position, 10 in flight", f"{cpu:.1f} ms", "naive: 12-18 ms"),
        ("positions per second, 10 in flight", f"{rate:.0f}/s", "simulators share the cores"),
        (f"added over {LATENCY_MS} ms back ends, p50", f"{p50:.1f} ms", "aim ≤ 5 ms"),
        (f"added over {LATENCY_MS} ms back ends, p99", f"{p99:.1f} ms", "aim ≤ 20 ms"),
    ]


def _load(hub: RunningHub, token: str) -> tuple[float, float]:
    """CPU milliseconds of the hub's process per position, and positions per second."""
    assert hub.pid is not None
    before, began = process_cpu_s(hub.pid), time.perf_counter()
    count = len(asyncio.run(_positions(hub, token, 300, 10)))
    elapsed = time.perf_counter() - began
    return (process_cpu_s(hub.pid) - before) / count * 1000, count / elapsed


async def _positions(
    hub: RunningHub, token: str, count: int, in_flight: int
) -> list[tuple[float, set[str]]]:
    """Per position how long it took in ms, and its exchanges."""
    took: list[tuple[float, set[str]]] = []
    left = iter(range(count))
    limits = httpx.Limits(max_connections=in_flight)
    async with httpx.AsyncClient(limits=limits, timeout=30) as client:

        async def caller() -> None:
            for _ in left:
                began = time.perf_counter()
                answer = await client.get(
                    f"{hub.base}/v1/me/position", headers={"Authorization": f"Bearer {token}"}
                )
                elapsed = (time.perf_counter() - began) * 1000
                blocks = answer.json()["blocks"].values()
                assert answer.json()["complete"], answer.text[:500]
                took.append(
                    (
                        elapsed,
                        {i for b in blocks for i in b.get("provenance", {}).get("exchanges", ())},
                    )
                )

        await asyncio.gather(*(caller() for _ in range(in_flight)))
    return took


async def _overheads(hub: RunningHub, took: list[tuple[float, set[str]]]) -> list[float]:
    """Each answer's time without its slowest source, whose time the ledger has on record."""
    keys = hub.folder / "var/keys"
    ledger = open_ledger(
        hub.folder / "var/ledger.db", keys, origin="posicion-integral.sandbox.invalid/ledger"
    )
    waited: dict[str, tuple[str, float]] = {}
    for first in range(0, await ledger.size(), 1000):
        for record in await ledger.records(first, 1000):
            if record.kind == "outcome":
                leaf = json.loads(record.leaf)
                operation = f"{leaf['source']}/{leaf['operation']}"
                waited[record.id] = (operation, leaf["elapsed_us"] / 1000)
    await ledger.close()
    return [elapsed - _slowest(exchanges, waited) for elapsed, exchanges in took]


def _slowest(exchanges: set[str], waited: dict[str, tuple[str, float]]) -> float:
    """The longest chain: messages of one operation follow each other, sources do not."""
    chains: dict[str, float] = {}
    for exchange in exchanges:
        operation, elapsed = waited[exchange]
        chains[operation] = chains.get(operation, 0.0) + elapsed
    return max(chains.values())
