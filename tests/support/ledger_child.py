"""A process that writes to a ledger until it is killed; says on stdout what is acknowledged.

Arguments: folder, what to stop in ("sent", "outcome", "answer", "checkpoint" or "nothing"),
and whether to stop "before" or "after" that commit. Stopping means to say so and hang, so
that the parent kills at exactly that point; "nothing" goes on and on.
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import time
from pathlib import Path
from typing import Any

from hub.ledger.open import open_ledger
from hub.ledger.recorder import entry_of
from hub.ledger.schema import Connect
from tests.support.ledgers import ORIGIN, a_sent, an_entry, its_outcome


def say(line: str) -> None:
    """One line to the parent, at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def stopping(what: str, when: str) -> Connect:
    """Connections that stop around the first commit that holds *what*."""

    class Connection(sqlite3.Connection):
        holds = False

        def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
            if sql.startswith("INSERT INTO checkpoint"):
                self.holds = what == ("checkpoint" if values[0][0] else "opening")
            if sql == "COMMIT" and self.holds:
                if when == "after":
                    super().execute(sql)
                say("stopped")
                time.sleep(600)
            return super().execute(sql, *values)

        def executemany(self, sql: str, rows: Any) -> sqlite3.Cursor:
            if sql.startswith("INSERT INTO leaf") and any(row[1] == what for row in rows):
                self.holds = True
            return super().executemany(sql, rows)

    return lambda path: sqlite3.connect(path, isolation_level=None, factory=Connection)


async def run(folder: Path, what: str, when: str) -> None:
    """Five callers who ask, get an outcome and answer, for ever."""
    ledger = open_ledger(
        folder / "ledger.db",
        folder / "keys",
        origin=ORIGIN,
        publish_every_s=0.02,
        opener=stopping(what, when),
    )

    async def asks() -> None:
        while True:
            sent = a_sent()
            for entry in (entry_of(sent), entry_of(its_outcome(sent)), an_entry("answer")):
                await ledger.append([entry])
                say(f"{entry.kind} {entry.id}")

    await asyncio.gather(*(asks() for _ in range(5)))


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1]), sys.argv[2], sys.argv[3]))
