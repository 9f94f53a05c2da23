"""The registers of protection, representation and opposition, kept in the ledger itself.

What a register says of a person is what its records say: an entry cannot be made, changed
or ended without leaving evidence, and there is no second copy that could differ. A person's
records form a chain: the id of the n-th is known beforehand, so that reading the chain is a
look-up, and of two writers at once one is refused and reads again. What a record says is
sealed; a leaf shows that something was entered about somebody, and not in which register.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Literal

import msgspec
from msgspec import Struct

from hub.core.document import Document
from hub.core.errors import LedgerError
from hub.core.moment import Clock, new_id, utc_now
from hub.ledger.store import Entry, Ledger

Register = Literal["protection", "representation", "opposition"]
Relation = Literal["parent", "guardian", "power_of_attorney", "legal_representative"]

RETENTION = "register"
MOST = 500
"""Records in one chain; more is not a person's history but a fault."""

_TRIES = 5


class Proof(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What an entry rests on: a kind of document (`court_order`, `notarial_power`), its number."""

    kind: str
    reference: str
    issued_on: dt.date | None = None


class Entered(Struct, frozen=True, kw_only=True):
    """One entry of a register, or its end (`ended`), as it is sealed in the ledger."""

    entry: str
    register: Register
    about: Document
    """In a representation, the person represented."""
    reason: str
    at: dt.datetime
    by: str
    """Who entered it: `citizen`, or the office."""
    since: dt.date | None = None
    until: dt.date | None = None
    """The last day on which it holds."""
    purpose: str | None = None
    """Of an opposition: the purpose that it is against."""
    relation: Relation | None = None
    representative: Document | None = None
    restricted: bool = False
    """Of a representation: whether a court has restricted it, so that an official decides."""
    proof: Proof | None = None
    ended: bool = False

    def holds_on(self, day: dt.date) -> bool:
        """Whether it is in force on *day*."""
        return (self.since is None or self.since <= day) and (
            self.until is None or day <= self.until
        )

    def __repr__(self) -> str:
        return f"Entered({self.register!r}, {self.entry!r})"


class Registers:
    """Reads and writes entries. LedgerError where the ledger cannot be read or written."""

    def __init__(self, ledger: Ledger, clock: Clock = utc_now) -> None:
        self._ledger, self._clock = ledger, clock

    async def standing(self, person: Document) -> tuple[Entered, ...]:
        """Every entry in force today in which *person* stands, oldest first."""
        today = self._clock().date()
        return tuple(entry for entry in await self._open(person) if entry.holds_on(today))

    async def is_protected(self, person: Document) -> bool:
        """Whether *person* stands in the register of protection."""
        return any(entry.register == "protection" for entry in await self.standing(person))

    async def enter(self, entry: Entered) -> None:
        """Put *entry* on record, under everybody who stands in it, at once or not at all."""
        await self._append(entry)

    async def end(self, person: Document, entry: str, *, reason: str, by: str) -> bool:
        """End an entry in which *person* stands; whether there was one."""
        found = [known for known in await self._open(person) if known.entry == entry]
        if not found:
            return False
        last = msgspec.structs.replace(found[0], ended=True, reason=reason, by=by, at=self._clock())
        await self._append(last)
        return True

    def new(self, register: Register, about: Document, reason: str, by: str) -> Entered:
        """An entry to be, with an opaque id and the moment."""
        return Entered(
            entry=new_id(), register=register, about=about, reason=reason, at=self._clock(), by=by
        )

    async def _open(self, person: Document) -> list[Entered]:
        """Entries that were made and not ended, whatever their dates."""
        known: dict[str, Entered] = {}
        for record in await self._chain(person):
            if record is None:
                continue
            if record.ended:
                known.pop(record.entry, None)
            else:
                known[record.entry] = record
        return list(known.values())

    async def _chain(self, person: Document) -> list[Entered | None]:
        """The records about *person* in order; None for one whose key was destroyed."""
        found: list[Entered | None] = []
        while len(found) < MOST:
            record = await self._ledger.read(self._id(person, len(found)), "register")
            if record is None:
                return found
            said = record.payload
            found.append(None if said is None else msgspec.msgpack.decode(said, type=Entered))
        raise LedgerError("register: a chain of records is too long")

    async def _append(self, entry: Entered) -> None:
        people = _people(entry)
        lengths = [-1 for _ in people]
        for _ in range(_TRIES):
            before, lengths = lengths, [len(await self._chain(person)) for person in people]
            if before == lengths:  # nobody else wrote: the ledger itself has refused
                break
            try:
                await self._ledger.append(self._records(entry, people, lengths))
            except LedgerError:
                continue
            return
        raise LedgerError("register: the entry could not be put on record")

    def _records(
        self, entry: Entered, people: Sequence[Document], lengths: Sequence[int]
    ) -> list[Entry]:
        return [
            Entry(
                kind="register",
                id=self._id(person, length),
                at=entry.at,
                subject=person,
                retention=RETENTION,
                payload=msgspec.msgpack.encode(entry),
            )
            for person, length in zip(people, lengths, strict=True)
        ]

    def _id(self, person: Document, number: int) -> str:
        return f"{self._ledger.pseudonym(person)[:48]}-{number}"


def _people(entry: Entered) -> tuple[Document, ...]:
    if entry.representative is None or entry.representative == entry.about:
        return (entry.about,)
    return (entry.about, entry.representative)
