"""A process that asks once through the wire, under a ledger, until it is killed.

Arguments: folder of the ledger, URL. Says "answered" once it has an answer.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from hub.core.connector import Operation, Patience
from hub.ledger.open import open_ledger
from hub.ledger.recorder import LedgerRecorder
from hub.wire.client import open_client
from tests.support.ledgers import ORIGIN

READ = Operation(name="read", echoes=(), patience=Patience(timeout_s=30, connect_s=5, attempts=1))


async def run(folder: Path, url: str) -> None:
    """Ask, and say that there was an answer."""
    ledger = open_ledger(folder / "ledger.db", folder / "keys", origin=ORIGIN, publish_every_s=0)
    client = open_client("source", url, LedgerRecorder(ledger))
    await client.technical_call(READ).get("/read")
    sys.stdout.write("answered\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(run(Path(sys.argv[1]), sys.argv[2]))
