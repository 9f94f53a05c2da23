"""Nobody in a file is asked about whom a register has come to withhold since it was handed in.

Days can lie between a file and its sending. Whoever may not be asked about any more has their
access closed, on record, before the request is put together: under a closed one nothing is sent.
And hours between the sending and the answer: what is shown is decided anew.
"""

from __future__ import annotations

from collections.abc import Sequence

from hub.core.errors import LedgerError
from hub.core.policy import Access, Denial, Grant
from hub.ledger.jobs import Item, Jobs, Run
from hub.position.desk import Desk, Wish


async def decision_now(desk: Desk, block: str, access: Access) -> Grant | Denial:
    """Whether *block* may be asked for and shown under *access* now; a reason is a public one.

    LedgerError where a register cannot be read.
    """
    purpose = desk.purposes.get(access.purpose)
    if purpose is None:
        return Denial(block=block, reason="purpose")
    known = await desk.door.circumstances(access, purpose)
    grants, denials = desk.decided(access.caller, purpose, Wish(blocks=(block,)), known, access)
    return grants[0] if grants else denials[0]


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
        if isinstance(await decision_now(desk, run.block, access), Denial):
            await desk.closings.close(access, None)
