"""Nobody in a file is asked about who may not be asked about any more when it is sent.

Days can lie between a file and its sending, and between one sending and the next. Before each,
everybody is looked at anew: whoever a register has come to withhold, whose access was closed or
has expired is left out, and a denial on record says why, under which nothing is sent. They are
answered for together with the others, so that no result comes early or reads otherwise.
And hours lie between the sending and the answer: what is shown is decided anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec
from msgspec import Struct

from hub.core.errors import LedgerError
from hub.core.policy import Access, Denial, Grant
from hub.ledger.jobs import Item, Job, Jobs, Run
from hub.ledger.store import JSON, Entry
from hub.position.desk import Desk, Wish
from hub.wire.bulk import Bulk

Drop = Literal["closed", "expired"]
"""Why nobody is shown anything under an access, whatever policy says."""


_DROPS: Mapping[str, Drop] = {"closed": "closed", "expired": "expired"}


class Decided(Struct, frozen=True, kw_only=True):
    """What may be shown of somebody of a bulk request, under which access."""

    access: Access
    decision: Grant | Denial | Drop


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


async def hold(desk: Desk, jobs: Jobs, run: Run, job: Job, items: Sequence[Item]) -> None:
    """Leave out of the request, on record, everybody who may not be asked about now."""
    known = await jobs.left_out(job.id, run.block)
    entries: list[Entry] = []
    for item in items:
        access = None if item.number in known else await find_access(desk, jobs, item)
        if access is not None:
            why = await _reason(desk, run, access)
            entries += [_denial(desk, run, item, access, why)] if why else []
    if entries:
        await desk.ledger.append(entries)


async def decided(
    desk: Desk, jobs: Jobs, run: Run, job: Job, bulk: Bulk, items: Sequence[Item]
) -> dict[int, Decided]:
    """By number what may be shown of everybody now; nothing of whoever was erased."""
    left_out = await jobs.left_out(job.id, run.block)
    asked = {item.id: item.query.access for item in bulk.items}
    found: dict[int, Decided] = {}
    for item in items:
        access = asked.get(item.id) or await find_access(desk, jobs, item)
        if access is not None:
            decision = await _decision(desk, run, access, left_out.get(item.number))
            found[item.number] = Decided(access=access, decision=decision)
    return found


async def find_access(desk: Desk, jobs: Jobs, item: Item) -> Access | None:
    """The access of *item*; None once its person was erased."""
    try:
        access = await desk.find_access(item.access)
    except LedgerError:
        if await jobs.is_erased(item.access):
            return None
        raise
    if access is None:
        raise LedgerError(f"access {item.access} is not on record")
    return access


async def _reason(desk: Desk, run: Run, access: Access) -> str | None:
    """Why nobody may ask under *access* now, if so."""
    if await desk.closings.closed_at(access.id) is not None:
        return "closed"
    if access.expires_at <= desk.clock():
        return "expired"
    decision = await decision_now(desk, run.block, access)
    return decision.reason if isinstance(decision, Denial) else None


async def _decision(
    desk: Desk, run: Run, access: Access, left_out: str | None
) -> Grant | Denial | Drop:
    """What was decided about whoever was left out; about the others what holds now.

    Under a closed access nobody is shown anything, whether it was asked about or not.
    """
    if await desk.closings.closed_at(access.id) is not None:
        return "closed"
    if left_out is None:
        return await decision_now(desk, run.block, access)
    if left_out in _DROPS:
        return _DROPS[left_out]
    return msgspec.convert({"block": run.block, "reason": left_out}, Denial)


def _denial(desk: Desk, run: Run, item: Item, access: Access, why: str) -> Entry:
    header: dict[str, JSON] = {
        "access": access.id,
        "purpose": access.purpose,
        "request": item.job,
        "bulk": item.job,
        "denied": {run.block: why},
        "paths": (),
    }
    return Entry(
        kind="denial",
        id=item.key,
        at=desk.clock(),
        header=header,
        subject=access.subject,
        retention=access.retention,
    )
