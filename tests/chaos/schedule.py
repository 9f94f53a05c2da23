"""When which source is ill, and how: a pure function of a seed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from msgspec import Struct

WELL_S, ILL_S = 3.0, 2.0
"""How long a source is well, and then ill, on average."""

STRANGER = "99000777E"
"""Nobody asks about this person: an answer that names them is about somebody else."""

PERSON = r"99\d{6}[A-Z]"

WAYS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("stop", {}),
    ("swallow", {}),
    ("reset", {}),
    ("reset-mid-body", {"after": 40}),
    ("close-mid-body", {"after": 40}),
    ("close-without-length", {"after": 40}),
    ("hang", {}),
    ("slow-headers", {"every_ms": 50}),
    ("slow-drip", {"every_ms": 20, "bytes": 8}),
    ("latency", {"ms": 700, "share": 0.5}),
    ("endless", {"bytes": 33_554_432}),
    ("bomb", {"bytes": 16_777_216}),
    ("huge-header", {"bytes": 200_000}),
    ("no-http", {}),
    ("second-answer", {"pattern": PERSON, "text": STRANGER}),
    ("edited", {"pattern": PERSON, "text": STRANGER}),
    ("redirect", {}),
    ("html", {"page": "maintenance"}),
    ("empty", {}),
    ("truncate", {"share": 0.5}),
    ("garbage", {}),
    ("wrong-charset", {}),
    ("status", {"code": 500, "share": 0.7}),
    ("status", {"code": 429, "retry_after": 1}),
    ("status", {"code": 503, "retry_after": "soon"}),
    ("status", {"code": 401}),
    ("said", {"body": "<a>" * 1000}),
    ("said", {"body": "[" * 1000}),
)
"""Modes of the sandbox that any source can have, and `stop` and `swallow`, which are done to it."""


class Act(Struct, frozen=True):
    """At that second of the storm, *source* becomes ill in *mode*; well, where that is None."""

    at_s: float
    source: str
    mode: str | None
    values: dict[str, Any] = {}


def schedule(seed: str, seconds: float, sources: Sequence[str]) -> tuple[Act, ...]:
    """Every change, in order; the same for the same arguments. At the end all are well."""
    acts: list[Act] = []
    for source in sorted(sources):
        dice = random.Random(f"{seed}:{source}")
        at = dice.uniform(0, WELL_S)
        while at < seconds:
            mode, values = dice.choice(WAYS)
            until = min(at + dice.uniform(0.3, 2 * ILL_S), seconds)
            acts += [Act(at, source, mode, values), Act(until, source, None)]
            at = until + dice.uniform(0, 2 * WELL_S)
    return tuple(sorted(acts, key=lambda act: (act.at_s, act.source, act.mode is not None)))
