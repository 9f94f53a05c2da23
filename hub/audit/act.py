"""What auditors and operators do is on record too: who and what, and an auditor's why, before
anything is seen or done.

Also here: nobody audits who operates. A person's first act in either role in a year is a
record of kind `duty`, and bars the other role for that year and the next.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping
from typing import Any, Literal

import msgspec
from msgspec import Struct

from hub.core.document import Document
from hub.core.errors import HubError, LedgerError
from hub.core.moment import Clock, new_id
from hub.core.policy import Caller
from hub.ledger.store import JSON, Entry, Kind, Ledger, Pseudonym, Search

Action = Literal[
    "as_known_at", "explain", "export", "replay", "report", "sample", "search", "wire_replay"
]
Role = Literal["auditor", "operator"]

RETENTION = "audit"
SHORTEST_REASON = 8

_OTHER: Mapping[Role, Role] = {"auditor": "operator", "operator": "auditor"}


class NoReason(HubError):
    """An act that opens somebody's data needs its reason in words."""


class ConflictingDuties(HubError):
    """The same person operates and audits."""


class Auditor(Struct, frozen=True, kw_only=True):
    """Who acts. `holder` names them on the machine or at the issuer; it is sealed."""

    holder: str
    channel: Literal["api", "cli"]
    document: Document | None = None

    def __repr__(self) -> str:
        return f"Auditor({self.channel!r})"


class Act(Struct, frozen=True, kw_only=True):
    """The sealed part of an act; an operator's has no reason in words."""

    holder: str
    reason: str
    detail: Mapping[str, Any]


def auditor_of(caller: Caller) -> Auditor:
    """The auditor behind a token."""
    return Auditor(holder=_holder(caller), channel="api", document=caller.document)


async def note_act(
    ledger: Ledger,
    clock: Clock,
    auditor: Auditor,
    action: Action,
    reason: str,
    *,
    reveals: bool,
    subject: Document | Pseudonym | None = None,
    detail: Mapping[str, JSON] | None = None,
) -> str:
    """Put an act on record; its id. NoReason unless *reason* says something.

    A `reveal` opens payloads to a person, a `search` does not. *detail* is sealed.
    """
    if len(reason.strip()) < SHORTEST_REASON:
        raise NoReason(f"a reason of at least {SHORTEST_REASON} characters is needed")
    kind: Kind = "reveal" if reveals else "search"
    act = Act(holder=auditor.holder, reason=reason.strip(), detail=detail or {})
    entry = Entry(
        kind=kind,
        id=new_id(),
        at=clock(),
        header={"action": action, "channel": auditor.channel},
        subject=subject,
        official=auditor.document,
        retention=RETENTION,
        payload=msgspec.msgpack.encode(act),
    )
    await ledger.append([entry])
    return entry.id


def asked(search: Search) -> dict[str, JSON]:
    """What *search* looks for, as an act's detail: the values themselves, for it is sealed."""
    given = {name: getattr(search, name) for name in search.__struct_fields__}
    return {name: _plain(value) for name, value in given.items() if value is not None}


def _plain(value: Any) -> str:
    if isinstance(value, Document):
        return value.number
    return value.isoformat() if isinstance(value, dt.datetime) else str(value)


async def note_switch(
    ledger: Ledger, clock: Clock, operator: Caller, order: Mapping[str, JSON], request: str
) -> None:
    """Put on record that *operator* turns a switch, before it is turned."""
    act = Act(holder=_holder(operator), reason="", detail=order)
    entry = Entry(
        kind="switch",
        id=new_id(),
        at=clock(),
        header={**order, "request": request},
        official=operator.document,
        retention=RETENTION,
        payload=msgspec.msgpack.encode(act),
    )
    await ledger.append([entry])


def _holder(caller: Caller) -> str:
    return f"{caller.issuer} {caller.subject_id}"


def read_act(payload: bytes) -> Act:
    """The sealed part of a `search`, `reveal` or `switch`; LedgerError if it is none."""
    try:
        return msgspec.msgpack.decode(payload, type=Act)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise LedgerError("not the payload of an act") from None


async def take_duty(ledger: Ledger, clock: Clock, caller: Caller, role: Role) -> None:
    """Let *caller* act as *role*; ConflictingDuties if they had the other one of late."""
    now = clock()
    for year in (now.year, now.year - 1):
        if await ledger.find(_duty_id(_OTHER[role], year, caller), "duty") is not None:
            raise ConflictingDuties(f"this person has acted as {_OTHER[role]} in {year}")
    mine = _duty_id(role, now.year, caller)
    if await ledger.find(mine, "duty") is None:
        await _append_duty(ledger, mine, role, caller, now)


async def _append_duty(
    ledger: Ledger, id_: str, role: Role, caller: Caller, now: dt.datetime
) -> None:
    entry = Entry(
        kind="duty",
        id=id_,
        at=now,
        header={"role": role},
        official=caller.document,
        retention=RETENTION,
    )
    try:
        await ledger.append([entry])
    except LedgerError:
        # two first acts at once: one of them has written it
        if await ledger.find(id_, "duty") is None:
            raise


def _duty_id(role: Role, year: int, caller: Caller) -> str:
    """`sub` is opaque and stays the same, so its hash names the person to nobody."""
    holder = f"{caller.issuer}\n{caller.subject_id}".encode()
    return f"{role}-{year}-{hashlib.sha256(holder).hexdigest()[:40]}"
