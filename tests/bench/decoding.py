"""How long reading an answer keeps a thread, by its size, and what handing it over costs.

`hub.wire.offload.SMALL_BYTES` is the size up to which an answer is read on the event loop: the
figure that was chosen is the one at which the dearest kind takes about five milliseconds.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import msgspec

from hub.core.moment import utc_now
from hub.wire.client import Answer
from hub.wire.decode import json_value
from hub.wire.offload import beside_the_loop
from hub.wire.signature import PinnedVerifier
from hub.wire.xml import parse_xml
from tests.support.sealing import signed, the_certificate

SIZES = (4, 16, 64, 256, 1024, 4000)
"""KiB."""


def measure(_: Path) -> list[tuple[str, str, str]]:
    """Milliseconds per kind and size, and of handing nothing over."""
    rows = [("handing over to a thread and back", f"{asyncio.run(_hop()):.3f} ms", "")]
    verifier = PinnedVerifier("x", the_certificate(), utc_now)
    for kib in SIZES:
        text = "<a>" + "<b>some text</b>" * (kib * 1024 // 16) + "</a>"
        data = text.encode()
        rows.append((f"XML: {kib} KiB parsed", _ms(partial(parse_xml, "x", data)), ""))
        plain = msgspec.json.encode([{"name": "some text", "n": 1}] * (kib * 1024 // 28))
        answer = Answer(source="x", status=200, headers={}, body=plain, exchange="")
        rows.append((f"JSON: {kib} KiB decoded", _ms(partial(json_value, answer, object)), ""))
        sealed = signed(text="some text " * (kib * 1024 // 10))
        rows.append(
            (
                f"XML: {kib} KiB canonicalised and verified",
                _ms(partial(verifier.verify, sealed, "rsa-sha256")),
                "",
            )
        )
    for kind, work in (
        ("XML", lambda: parse_xml("x", data)),
        ("JSON", lambda: json_value(answer, object)),
    ):
        for place, size in (("on the loop", 0), ("beside it", len(data))):
            stretch = asyncio.run(_longest(size, work))
            label = f"{kind}: 4000 KiB read {place}, longest wait for a turn"
            rows.append((label, f"{stretch * 1000:.1f} ms", ""))
    return rows


async def _longest(size: int, work: Callable[[], object]) -> float:
    """Seconds between two turns of the loop, at most, while *work* is done."""
    task = asyncio.create_task(beside_the_loop(size, work))
    longest, last = 0.0, time.perf_counter()
    while not task.done():
        await asyncio.sleep(0)
        now = time.perf_counter()
        longest, last = max(longest, now - last), now
    return longest


def _ms(work: Callable[[], object], times: int = 5) -> str:
    """The median of a few runs."""
    took = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    return f"{sorted(took)[times // 2] * 1000:.2f} ms"


async def _hop(times: int = 500) -> float:
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(1) as pool:
        await loop.run_in_executor(pool, int)
        began = time.perf_counter()
        for _ in range(times):
            await loop.run_in_executor(pool, int)
        return (time.perf_counter() - began) / times * 1000
