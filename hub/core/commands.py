"""What the hub lends to a connector's own commands (`hub <source> …`).

A connector package may offer `COMMANDS`, a group of commands of the command line. It knows
its services' names and what its users type; the hub does the work, under the same policy,
records and promises as for a call of its API. A command gets a Workshop as its object.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from msgspec import Struct

Progress = Callable[[int, int], None]
"""Hears for how many people it is over, out of how many."""


class BulkOrder(Struct, frozen=True, kw_only=True):
    """Ask about everybody in a file."""

    operation: str
    procedure: str
    """Code of the procedure; the purpose is the row of the table that names it."""
    file: Path
    token: str
    """The bearer token of the official who asks."""
    again: bool = False
    """Whether to begin anew where the same file was asked about and answered before."""


class BulkReport(Struct, frozen=True, kw_only=True):
    """How far a run is."""

    run: str
    operation: str
    people: int
    answered: int
    """For how many the source's answer, or why they were not asked about, is on record."""
    failed: int = 0
    """How many were in a request that ended without an answer: as missing on record."""
    reasons: tuple[str, ...] = ()
    """The technical reasons why."""
    next_at: dt.datetime | None = None
    """When it makes sense to go on; None when it is over for everybody."""


class Workshop(Protocol):
    """Every failure is a HubError, and names rows and columns, never what stood there."""

    def request(self, order: BulkOrder, wait_s: float, progress: Progress) -> BulkReport:
        """Begin the run that *order* describes, or go on with it, for up to *wait_s* seconds.

        The same order finds the run that it began: nobody is asked about twice.
        """
        ...

    def resume(self, run: str, wait_s: float, progress: Progress) -> BulkReport:
        """Go on with a run by its id."""
        ...

    def runs(self) -> list[BulkReport]:
        """Every run of this source, newest first."""
        ...

    def results(self, run: str, output: Path) -> int:
        """Write what is on record so far as JSON Lines, one person a line; how many lines.

        The file is replaced whole, and only its owner may read it.
        """
        ...
