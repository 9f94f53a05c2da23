"""Requests counted by route template, method and status: nothing that a client wrote."""

from __future__ import annotations

import math
from collections import Counter, defaultdict

BOUNDS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the histogram of durations."""


class Requests:
    """What became of requests, since the start."""

    def __init__(self) -> None:
        self.ended: Counter[tuple[str, str, int]] = Counter()
        """By route, method and status; status 0 where the client had gone."""
        self.within: dict[str, Counter[float]] = {}
        """By route, and by the smallest bound that the duration is within."""
        self.seconds: defaultdict[str, float] = defaultdict(float)

    def note(self, route: str, method: str, status: int, elapsed_s: float) -> None:
        """One request ended."""
        self.ended[route, method, status] += 1
        bound = next((b for b in BOUNDS_S if elapsed_s <= b), math.inf)
        self.within.setdefault(route, Counter())[bound] += 1
        self.seconds[route] += elapsed_s
