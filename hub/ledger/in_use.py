"""Whoever uses a folder of keys holds it: many at a time, or one alone, to replace them.

An advisory lock of the operating system, which ends with the process whatever becomes of it.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from hub.core.errors import LedgerError


class InUse:
    """A folder of keys in use; LedgerError where that is not to be had now. To be closed."""

    def __init__(self, folder: Path, *, alone: bool = False) -> None:
        self._handle: int | None = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(self._handle, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except BlockingIOError:
            self.close()
            raise LedgerError(_IN_USE if alone else _REPLACED) from None

    def close(self) -> None:
        """Let others have it; harmless when that was done."""
        handle, self._handle = self._handle, None
        if handle is not None:
            os.close(handle)


_IN_USE = "the keys are in use: stop the hub and its commands before replacing them"
_REPLACED = "the keys are being replaced: begin when that is done"
