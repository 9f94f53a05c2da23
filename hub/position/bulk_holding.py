"""Nobody in a file is asked about whom a register has come to withhold since it was handed in.

Days can lie between a file and its sending. Whoever may not be asked about any more has their
access closed, on record, before the request is put together: under a closed one nothing is sent.
"""

from __future__ import annotations

from collections.abc import Sequence

from hub.core.errors import LedgerError
from hub.core.policy import Access, Denial, Purpose
from hub.ledger.jobs import Item, Jobs, Run
from hub.position.desk import Desk, Wish


async def denials_now(desk: Desk, purpose: Purpose, block: str, access: Access) -> Sequence[Denial]:
    """Why *block* may not be asked for under *access* now; the reasons are the public ones.

    LedgerError where a register cannot be read.
    """
    known = await desk.door.circumstances(access, purpose)
    _, denials = desk.decided(access.caller, purpose, Wish(blocks=(block,)), known, access)
    return denials


async def hold(desk: Desk, jobs: Jobs, run: Run, items: Sequence[Item]) -> None:
    """Close the access of everybody in *items* who may not be asked about now."""
    for item in items:
        try:
            access = await desk.find_access(item.access)
        except LedgerError:
            if await jobs.is_erased(item.access):
                continue
            raise
        if access is None:
            raise LedgerError(f"access {item.access} is not on record")
        purpose = desk.purposes.get(access.purpose)
        if purpose is None or await denials_now(desk, purpose, run.block, access):
            await desk.closings.close(access, None)
