"""Refused tokens on record, in aggregate: one record per issuer, reason and minute.

So bad tokens cannot flood the ledger, and a wave of them is still evidence. A crash loses at
most the counts of the minutes that were not written yet; a ledger that cannot write loses
none, they are kept until it can.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
from collections import Counter

import structlog

from hub.core.errors import LedgerError
from hub.core.moment import Clock, new_id
from hub.ledger.store import Entry, Ledger

log = structlog.get_logger()

UNKNOWN = "unknown"
"""Stands for every issuer that the hub does not know: what a token invents is not written."""

MAX_WAITING = 10_000
"""Counts that wait for a ledger; beyond it the minute is no longer told apart."""

_Key = tuple[dt.datetime, str, str]


class Refusals:
    """Counts refusals, and writes each minute's counts when it is over."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self._ledger, self._clock = ledger, clock
        self._counts: Counter[_Key] = Counter()
        self.seen: Counter[str] = Counter()
        """By reason, since the start."""
        self._task: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()

    def count(self, issuer: str | None, reason: str) -> None:
        """One more refusal of a token that claims to be of *issuer*, a configured one."""
        minute = self._clock().replace(second=0, microsecond=0)
        if len(self._counts) >= MAX_WAITING:
            minute = min(minute for minute, _, _ in self._counts)
        self._counts[minute, issuer or UNKNOWN, reason] += 1
        self.seen[reason] += 1

    async def flush(self, *, everything: bool = False) -> int:
        """Write the minutes that are over, or *everything*; how many records that were.

        Raises LedgerError, and then keeps every count.
        """
        now = self._clock().replace(second=0, microsecond=0)
        due = {key: n for key, n in self._counts.items() if everything or key[0] < now}
        if due:
            await self._ledger.append([self._entry(key, number) for key, number in due.items()])
            self._counts.subtract(due)
            self._counts = +self._counts
        return len(due)

    def start(self, every_s: float = 5.0) -> None:
        """Begin to write in the background."""
        self._task = asyncio.get_running_loop().create_task(self._run(every_s))

    async def aclose(self) -> None:
        """Stop, and write what is left."""
        self._stopping.set()
        if self._task is not None:
            await self._task  # never cut: an append that is cancelled is written all the same
        await self._try(everything=True)

    async def _run(self, every_s: float) -> None:
        while not self._stopping.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(every_s):
                    await self._stopping.wait()
            await self._try()

    async def _try(self, *, everything: bool = False) -> None:
        try:
            await self.flush(everything=everything)
        except LedgerError:
            log.warning("refusals_not_recorded", waiting=len(self._counts))

    def _entry(self, key: _Key, number: int) -> Entry:
        minute, issuer, reason = key
        return Entry(
            kind="refusal",
            id=new_id(),
            at=self._clock(),
            header={
                "issuer": issuer,
                "reason": reason,
                "minute": minute.isoformat(timespec="minutes"),
                "count": number,
            },
        )
