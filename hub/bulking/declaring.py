"""The people of a file become accesses, by the same rules as a call of the API."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from hub.api.declaring import declared, read_declaration
from hub.api.problems import Problem
from hub.bulking.people import ABOUT_SUBJECT, COLUMNS, Row, Unusable
from hub.core.circumstances import Circumstances
from hub.core.policy import Access, Caller, Denial, Purpose
from hub.position.bulk_holding import decision_now
from hub.position.desk import Desk, Refused, Wish


class Declared(Struct, frozen=True, kw_only=True):
    """One person of the file, and the access under which they will be asked about."""

    line: int
    access: Access


def purpose_of(desk: Desk, caller: Caller, procedure: str, block: str) -> Purpose:
    """The one purpose of *caller* for *procedure* that allows *block*; else Unusable."""
    rows = [
        row
        for row in desk.purposes.purposes
        if row.procedure == procedure and caller.audience in row.audience
    ]
    allowed = [row for row in rows if block in row.blocks]
    if len(allowed) != 1:
        which = "no purpose" if not allowed else "more than one purpose"
        raise Unusable([f"{which} of yours has the procedure and allows the block {block}"])
    try:
        stated = Circumstances(consent="given")  # of each row, which says so itself
        desk.decisions(caller, allowed[0], Wish(blocks=(block,)), stated)
    except Refused as refusal:
        reasons = ", ".join(denial.reason for denial in refusal.denials)
        raise Unusable([f"you may not ask for the block {block}: {reasons}"]) from None
    return allowed[0]


def declare_all(
    desk: Desk, caller: Caller, purpose: Purpose, rows: Sequence[Row]
) -> list[Declared]:
    """An access for every row, not yet on record; raises Unusable with every fault at once."""
    found: list[Declared] = []
    faults: list[str] = []
    for row in rows:
        try:
            access = declared(desk, caller, read_declaration(_body(row, purpose)))
        except Problem as problem:
            faults += [
                f"line {row.line}, {(f.pointer or '').strip('/')}: {f.detail}"
                for f in problem.errors
            ]
            continue
        found.append(Declared(line=row.line, access=access))
    if faults:
        raise Unusable(faults)
    return found


async def check_registers(desk: Desk, block: str, people: Sequence[Declared]) -> None:
    """Hold everybody against the registers, as a call of the API is held, before anything is
    on record: Unusable with the lines of those who are protected, oppose it or are too young.

    The reason is the public one, which ordinary cases give too.
    """
    faults: list[str] = []
    for person in people:
        decision = await decision_now(desk, block, person.access)
        if isinstance(decision, Denial):
            faults.append(f"line {person.line}: {decision.reason}; take it out of the file")
    if faults:
        raise Unusable(faults)


def _body(row: Row, purpose: Purpose) -> bytes:
    subject = {COLUMNS[n]: v for n, v in row.values.items() if n in ABOUT_SUBJECT}
    others = {COLUMNS[n]: v for n, v in row.values.items() if n not in ABOUT_SUBJECT}
    return msgspec.json.encode({"subject": subject, "purpose": purpose.code, **others})
