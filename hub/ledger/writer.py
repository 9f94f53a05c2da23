"""One thread that writes, for everybody: concurrent appends share a commit.

A request once queued is carried out, whether or not its caller still waits. The thread
blocks on the queue itself, so that there is no flag to miss and no wake-up to lose.
"""

from __future__ import annotations

import asyncio
import math
import queue
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from msgspec.structs import replace

from hub.core.errors import LedgerError
from hub.ledger.store import Entry, Receipt
from hub.tracing import note_append

T = TypeVar("T")
Write = Callable[[sqlite3.Connection, Sequence[Entry]], Receipt]

MAX_ENTRIES = 512
"""After so many entries a group is committed, whoever else waits."""

MAX_BYTES = 16 * 1024 * 1024
"""After so many bytes of payload likewise."""

_REFUSED = (LedgerError, sqlite3.IntegrityError, sqlite3.DataError, sqlite3.InterfaceError)
"""Errors that speak of an entry; every other error speaks of the storage."""


class _Waiter(Generic[T]):
    """A caller: the future that it awaits, in its own loop."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[T] = self.loop.create_future()

    def tell(self, result: T | None, error: LedgerError | None) -> None:
        """Resolve the future from the writing thread."""
        _tell([(self, result, error)])

    def resolve(self, result: Any, error: LedgerError | None) -> None:
        """Resolve the future in its own loop, unless its caller has gone."""
        if self.future.done():
            return
        if error is not None:
            self.future.set_exception(error)
        else:
            self.future.set_result(result)


class _Append(_Waiter[Receipt]):
    def __init__(self, entries: Sequence[Entry]) -> None:
        super().__init__()
        self.entries = entries
        self.bytes = sum(len(e.payload or b"") + len(e.decoded or b"") for e in entries)


class _Work(_Waiter[Any]):
    def __init__(self, call: Callable[[sqlite3.Connection], Any]) -> None:
        super().__init__()
        self.call = call


class _Close(_Waiter[None]):
    pass


BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
"""Upper bounds of the histogram of durations."""


class Tally:
    """How appends went, counted since the start."""

    def __init__(self) -> None:
        self.failed = 0
        self.within: Counter[float] = Counter()
        """By the smallest bound of BOUNDS_S, or infinity, that the duration is within."""
        self.seconds = 0.0

    def note(self, elapsed_s: float, *, failed: bool) -> None:
        """One append ended."""
        self.failed += failed
        self.within[next((b for b in BOUNDS_S if elapsed_s <= b), math.inf)] += 1
        self.seconds += elapsed_s


class Writer:
    """The writing thread and its queue.

    *opener* gives a connection, and is called again after a storage error; *write* commits
    entries; *publish* runs every *every_s* seconds (0: never) and when the writer closes.
    """

    def __init__(
        self,
        opener: Callable[[], sqlite3.Connection],
        write: Write,
        publish: Callable[[sqlite3.Connection], object],
        every_s: float,
    ) -> None:
        self._opener, self._write, self._publish = opener, write, publish
        self._every_s = every_s
        self.tally = Tally()
        self._queue: queue.SimpleQueue[_Append | _Work | _Close] = queue.SimpleQueue()
        self._db: sqlite3.Connection | None = None
        self._closed = False
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._serve, name="ledger-writer", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """How many requests the thread has not begun."""
        return self._queue.qsize()

    async def append(self, entries: Sequence[Entry]) -> Receipt:
        """Queue *entries*; return when they are committed, LedgerError if they are not."""
        began, failed = time.perf_counter(), True
        try:
            receipt: Receipt = await self._asked(_Append(entries))
            failed = False
        finally:
            elapsed_s = time.perf_counter() - began
            self.tally.note(elapsed_s, failed=failed)
            note_append(elapsed_s)
        return receipt

    async def run(self, call: Callable[[sqlite3.Connection], T]) -> T:
        """The result of *call* on the writing connection, after all that was queued before."""
        result: T = await self._asked(_Work(call))
        return result

    async def close(self) -> None:
        """Carry out what is queued, publish, and end the thread."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            last = _Close()
            self._queue.put(last)
        await last.future
        self._thread.join()  # it has nothing left to do but to return

    async def _asked(self, request: _Append | _Work) -> Any:
        with self._lock:
            if self._closed or not self._thread.is_alive():
                raise LedgerError("the ledger is closed")
            self._queue.put(request)
        return await request.future

    def _serve(self) -> None:
        due = time.monotonic() + self._every_s
        while True:
            request = self._next(due)
            if self._every_s and time.monotonic() >= due:
                self._quietly(self._publish)
                due = time.monotonic() + self._every_s
            if isinstance(request, _Close):
                self._quietly(self._publish)
                self._drop()
                request.tell(None, None)
                return

    def _next(self, due: float) -> _Close | None:
        """Carry out what the queue holds, up to one group; None when it was not the end."""
        wait = max(due - time.monotonic(), 0) if self._every_s else None
        group: list[_Append] = []
        entries = held = 0
        try:
            request = self._queue.get(timeout=wait)
            while isinstance(request, _Append):
                group.append(request)
                entries, held = entries + len(request.entries), held + request.bytes
                if entries >= MAX_ENTRIES or held >= MAX_BYTES:
                    break
                request = self._queue.get_nowait()
        except queue.Empty:
            request = None
        if group:
            self._commit(group)
        if isinstance(request, _Work):
            self._work(request)
        return request if isinstance(request, _Close) else None

    def _commit(self, group: list[_Append]) -> None:
        entries = [entry for request in group for entry in request.entries]
        receipt, error = self._attempt(lambda db: self._write(db, entries))
        if isinstance(error, _REFUSED) and len(group) > 1:
            for request in group:  # one entry is to blame: let it fail alone
                self._commit([request])
            return
        if receipt is None:
            _tell([(request, None, _as_ledger_error(error)) for request in group])
            return
        first, told = receipt.first, []
        for request in group:
            told.append((request, replace(receipt, first=first), None))
            first += len(request.entries)
        _tell(told)

    def _work(self, request: _Work) -> None:
        result, error = self._attempt(request.call)
        request.tell(result, None if error is None else _as_ledger_error(error))

    def _quietly(self, call: Callable[[sqlite3.Connection], object]) -> None:
        """*call*, whose failure harms nobody: it is tried again at the next turn."""
        self._attempt(call)

    def _attempt(
        self, call: Callable[[sqlite3.Connection], T]
    ) -> tuple[T | None, BaseException | None]:
        """Result or error of *call*. After an error of the storage the connection is renewed."""
        try:
            if self._db is None:
                self._db = self._opener()
            return call(self._db), None
        except _REFUSED as error:
            return None, error
        except BaseException as error:  # noqa: BLE001 - the thread must outlive every error
            self._drop()
            return None, error

    def _drop(self) -> None:
        db, self._db = self._db, None
        try:
            if db is not None:
                db.close()
        except sqlite3.Error:
            return  # it could not even be closed; the next request opens another


def _tell(told: Sequence[tuple[_Waiter[Any], Any, LedgerError | None]]) -> None:
    """Resolve futures from the writing thread, with one wake-up for each loop."""
    for loop in {waiter.loop: None for waiter, _, _ in told}:
        try:
            loop.call_soon_threadsafe(_resolve, [one for one in told if one[0].loop is loop])
        except RuntimeError:
            continue  # the callers' loop has ended, and nobody waits any more


def _resolve(told: Sequence[tuple[_Waiter[Any], Any, LedgerError | None]]) -> None:
    for waiter, result, error in told:
        waiter.resolve(result, error)


def _as_ledger_error(error: BaseException | None) -> LedgerError:
    """A fresh error for one caller. SQLite's own texts hold no value; others might."""
    if isinstance(error, LedgerError):
        return LedgerError(str(error))
    if isinstance(error, sqlite3.Error):
        fresh = LedgerError(f"not written: {error}")
        fresh.__cause__ = error
        return fresh
    return LedgerError(f"not written: {type(error).__name__}")
