"""How late the event loop is: what is ready every tenth of a second, and when it gets its turn."""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import Callable

EVERY_S = 0.1
BOUNDS_S = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
"""Upper bounds of the histogram."""


class LoopWatch:
    """Counts turns by how late they came; *clock* gives seconds that never run backwards."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._due: float | None = None
        self.within: Counter[float] = Counter()
        """By the smallest bound of BOUNDS_S, or infinity, that the lateness is within."""
        self.seconds = 0.0

    def start(self) -> None:
        """Begin to watch the running loop."""
        self._due = self._clock() + EVERY_S
        self._wait()

    def stop(self) -> None:
        """Watch no more."""
        self._due = None

    def _wait(self) -> None:
        asyncio.get_running_loop().call_later(EVERY_S, self._turn)

    def _turn(self) -> None:
        if self._due is None:
            return
        late = max(self._clock() - self._due, 0.0)
        self.within[next((b for b in BOUNDS_S if late <= b), math.inf)] += 1
        self.seconds += late
        self._due = self._clock() + EVERY_S
        self._wait()
