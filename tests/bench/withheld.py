"""Whether the time of an answer tells who is protected: three kinds of people, one figure."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path

import httpx

from tests.bench.timing import percentile
from tests.support.running import RunningHub

ROUNDS = 80
PAUSE_S = 0.05
"""Between two answers, so that the quota of a client is not what is measured."""
UNKNOWN = "X0000000T"


def measure(folder: Path) -> list[tuple[str, str, str]]:
    """Per kind the median and p95; and how often a guess from the time alone is right."""
    hub = RunningHub(folder)
    hub.start()
    try:
        took = _took(hub)
    finally:
        hub.stop()
    rows = [
        (
            f"{name}: p50 / p95",
            f"{percentile(times, 0.5):.1f} / {percentile(times, 0.95):.1f} ms",
            "alike",
        )
        for name, times in took.items()
    ]
    for other in ("under 14", "unknown"):
        share = _told_apart(took["protected"], took[other])
        rows.append((f"protected told from {other} by time", f"{share:.2f}", "0.50 is a coin"))
    return rows


def _took(hub: RunningHub) -> dict[str, list[float]]:
    """Milliseconds of each answer, the kinds in random order."""
    people = {c["name"]: c["document"] for c in hub.sandbox("GET", "/citizens")}
    protected = people["HOUSEHOLD_OF_ONE"]
    file = hub.folder / "entries.jsonl"
    line = {"register": "protection", "document": protected, "reason": "bench"}
    file.write_text(json.dumps(line), "utf-8")
    hub.command("registers", str(file), "--by", "bench")
    subjects = {
        "protected": {"document": protected},
        "under 14": {"document": people["ELDERLY_ALONE"], "birthDate": "2020-01-01"},
        "unknown": {"document": UNKNOWN},
    }
    token = hub.token("--official", people["OFFICIAL"])
    paths = {
        name: hub.post(
            "/v1/accesses", token, {"purpose": "tax_attention", "subject": subject}
        ).json()["position"]
        for name, subject in subjects.items()
    }
    took: dict[str, list[float]] = {name: [] for name in paths}
    order = [name for name in paths for _ in range(ROUNDS)]
    random.shuffle(order)
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=hub.base, headers=headers, timeout=30) as client:
        for _ in range(64):  # other people, as on any day
            time.sleep(PAUSE_S)
            client.get(paths["unknown"])
        for name in order:
            time.sleep(PAUSE_S)
            began = time.perf_counter()
            client.get(paths[name]).raise_for_status()
            took[name].append((time.perf_counter() - began) * 1000)
    return took


def _told_apart(first: list[float], second: list[float]) -> float:
    """How often the slower of two answers is of the kind that is slower: 0.5 to 1."""
    wins = sum((a > b) + 0.5 * (a == b) for a in first for b in second)
    share = wins / (len(first) * len(second))
    return max(share, 1 - share)
