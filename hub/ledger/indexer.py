"""A thread that keeps the search index near the end of the log, so that no search waits long."""

from __future__ import annotations

import threading
from collections.abc import Callable

from hub.core.errors import LedgerError


class Indexer:
    """Calls *work* every *every_s* seconds (0: never) until it says that it is done."""

    def __init__(self, work: Callable[[], bool], every_s: float) -> None:
        self._work, self._every_s = work, every_s
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        if every_s:
            self._thread = threading.Thread(target=self._serve, name="ledger-indexer", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the thread after the step in hand."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()

    def _serve(self) -> None:
        while not self._ended.wait(self._every_s):
            try:
                while not self._ended.is_set() and not self._work():
                    pass
            except (LedgerError, RuntimeError):
                continue  # a search meets the same fault and tells it; here it is tried again
