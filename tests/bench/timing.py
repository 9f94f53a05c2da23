"""Measure CPU and time, as medians over rounds."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

YARDSTICK_US = 245
"""What `private_operation_us` gave on the machine for which the aims were set."""

TICK = os.sysconf("SC_CLK_TCK")


def cpu_us(work: Callable[[], object], *, rounds: int = 7, seconds: float = 0.15) -> float:
    """Median CPU microseconds of one call of *work*."""
    began, calls = time.perf_counter(), 0
    while time.perf_counter() - began < seconds / 5:
        work()
        calls += 1
    count = max(calls * 5, 1)
    samples = []
    for _ in range(rounds):
        start = time.process_time()
        for _ in range(count):
            work()
        samples.append((time.process_time() - start) / count * 1e6)
    return statistics.median(samples)


def private_operation_us() -> float:
    """One RSA-2048 private operation: the yardstick that travels between machines."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return cpu_us(lambda: key.sign(b"x", padding.PKCS1v15(), hashes.SHA256()))


def process_cpu_s(pid: int) -> float:
    """CPU seconds that a process has used, its threads included (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def percentile(values: list[float], share: float) -> float:
    """The value below which *share* of *values* lie."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]
