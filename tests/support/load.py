"""People who keep asking, from the test's own process, while something is done to the hub."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import httpx


class Crowd:
    """What a crowd got: statuses by number, and errors by their class."""

    def __init__(self) -> None:
        self.ends: Counter[int | str] = Counter()
        self.answered = threading.Semaphore(0)
        """Released at each answer, so that a test can wait for some."""
        self.leaves = threading.Event()
        """Set it, and nobody asks again."""

    def waits_for(self, answers: int) -> None:
        """Return after so many more answers."""
        for _ in range(answers):
            assert self.answered.acquire(timeout=30), f"nobody is answered any more: {self.ends}"

    async def _one(self, base: str, path: str, token: str, *, alone: bool) -> None:
        limits = httpx.Limits(max_keepalive_connections=0 if alone else 1)
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(
            base_url=base, headers=headers, timeout=30, limits=limits
        ) as client:
            while not self.leaves.is_set():
                try:
                    self.ends[(await client.get(path)).status_code] += 1
                except httpx.TransportError as error:
                    self.ends[type(error).__name__] += 1
                    return
                self.answered.release()

    async def run(self, size: int, base: str, path: str, token: str) -> None:
        """*size* people, half of them with a connection of their own per request."""
        people = [self._one(base, path, token, alone=bool(n % 2)) for n in range(size)]
        await asyncio.gather(*people)


@contextmanager
def crowd(size: int, base: str, path: str, token: str) -> Iterator[Crowd]:
    """A crowd that asks for the length of the block."""
    found = Crowd()
    thread = threading.Thread(target=lambda: asyncio.run(found.run(size, base, path, token)))
    thread.start()
    try:
        yield found
    finally:
        found.leaves.set()
        thread.join()
