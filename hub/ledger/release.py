"""Release of blocked payloads to a court or an authority, by an order that two people signed.

The order is a C2SP signed note. Its text has these lines, and nothing else:

    posicion-integral release
    <origin of the log>
    subject <pseudonym, 64 hexadecimal digits>
    until <moment, RFC 3339, UTC>
    ground <code>
"""

from __future__ import annotations

import datetime as dt
import re
import sqlite3
from collections.abc import Sequence

from msgspec import Struct

from hub.core.errors import LedgerError
from hub.core.moment import new_id
from hub.ledger.checkpoint import VerifierKey, split_note, verify_note
from hub.ledger.leaf import milliseconds_of, sound
from hub.ledger.lifecycle import Done
from hub.ledger.rows import deeds
from hub.ledger.sqlite import SqliteLedger
from hub.ledger.store import JSON, Entry, Pseudonym

PEOPLE = 2
"""How many different people must sign."""

LONGEST = dt.timedelta(days=30)

_ORDER = re.compile(
    r"posicion-integral release\n(?P<origin>[^\n]+)\nsubject (?P<subject>[0-9a-f]{64})\n"
    r"until (?P<until>[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z)\n"
    r"ground (?P<ground>[0-9A-Za-z_./-]{1,100})\n"
)


class Order(Struct, frozen=True, kw_only=True):
    """What two people ordered, and their names as the configuration has them."""

    subject: Pseudonym
    until: dt.datetime
    ground: str
    by: tuple[str, ...]


def order_text(origin: str, subject: Pseudonym, until: dt.datetime, ground: str) -> str:
    """The text that two people are to sign."""
    moment = until.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    text = (
        f"posicion-integral release\n{origin}\nsubject {subject}\nuntil {moment}\nground {ground}\n"
    )
    if not _ORDER.fullmatch(text):
        raise LedgerError("release: the ground is not a code, or the origin not a line")
    return text


def read_order(note: str, origin: str, releasers: Sequence[VerifierKey]) -> Order:
    """The order in *note*; LedgerError unless it is for this log and two of *releasers* signed."""
    text, signatures = split_note(note)
    match = _ORDER.fullmatch(text)
    if match is None or match["origin"] != origin:
        raise LedgerError("release: not an order for this ledger")
    signed = verify_note(text, signatures, releasers)
    if len({key.public for key in signed}) < PEOPLE:
        raise LedgerError(f"release: {PEOPLE} different people must sign")
    try:
        until = dt.datetime.fromisoformat(match["until"])
    except ValueError:
        raise LedgerError("release: until is no moment") from None
    return Order(
        subject=Pseudonym(match["subject"]),
        until=until,
        ground=match["ground"],
        by=tuple(sorted({key.name for key in signed})),
    )


async def release(ledger: SqliteLedger, note: str, releasers: Sequence[VerifierKey]) -> Done:
    """Let the blocked payloads of the order's subject be read until its moment.

    LedgerError when the order is not to be believed, is over, or reaches too far; nothing
    is released then. The order itself is kept with its record.
    """
    order, now = read_order(note, ledger.verifier_key.name, releasers), ledger.clock()
    if not now < order.until <= now + LONGEST:
        raise LedgerError(f"release: not a moment within {LONGEST.days} days")
    until = milliseconds_of(order.until)
    keys: list[str] = []
    blocked = "SELECT id FROM data_key WHERE subject = ? AND state = 'blocked' ORDER BY id"

    def act(db: sqlite3.Connection) -> Sequence[Entry]:
        keys[:] = [row[0] for row in db.execute(blocked, (order.subject,))]
        if not keys:
            raise LedgerError("release: nothing of this subject is blocked")
        db.executemany("INSERT OR REPLACE INTO released VALUES (?, ?)", [(k, until) for k in keys])
        header: dict[str, JSON] = {
            "by": order.by,
            "ground": order.ground,
            "tables": deeds(db, {"released": keys}),
        }
        entry = Entry(
            kind="release",
            id=new_id(),
            at=now,
            header=header,
            subject=order.subject,
            payload=note.encode(),
        )
        return [sound(entry)]

    await ledger.enact(act)
    return Done(keys=tuple(keys))
