"""One inquiry from grant to answer: decide, record the access, ask, assemble, record the answer."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator, Mapping, Sequence

import msgspec
from msgspec import UNSET, Struct, UnsetType

from hub.core.circumstances import Circumstances, settle
from hub.core.connector import Query
from hub.core.errors import LedgerError
from hub.core.limits import CacheLimits
from hub.core.model import BlockType
from hub.core.model.canonical import Highlight
from hub.core.moment import Clock, new_id, utc_now
from hub.core.policy import Access, Caller, Denial, Grant, Purpose, PurposeTable, decide
from hub.core.position import Block, Denied, Position, SubjectView, is_complete
from hub.ledger.store import JSON, Entry, Kind, Ledger
from hub.mapping import Mapping as BlockMapping
from hub.position.access import subject_of
from hub.position.assemble import Assembly, assemble
from hub.position.closing import Closings
from hub.position.doorkeeper import Doorkeeper
from hub.position.evidence import evidence_bytes
from hub.position.obtain import Obtainer, obtainer_for
from hub.position.others import LedgerWitness, late_entries, others_among
from hub.position.plan import Plan, make_plan
from hub.position.sources import Sources
from hub.position.standing import official_of, standing_of
from hub.position.tempo import moment_s
from hub.position.texts import MappingTexts

_encoder = msgspec.json.Encoder(decimal_format="string")


class Wish(Struct, frozen=True, kw_only=True):
    """What a caller wants of a position: blocks, fields per block, and how long it waits."""

    blocks: tuple[str, ...] | None = None
    fields: Mapping[str, frozenset[str]] | UnsetType = UNSET
    wait_s: float = 4.0
    request: str | None = None


class Refused(Exception):
    """The caller named something that it may not have; nothing was asked."""

    def __init__(self, denials: tuple[Denial, ...]) -> None:
        super().__init__("refused by policy")
        self.denials = denials


class Answered(Struct, frozen=True, kw_only=True):
    """A position and its encoded form, whose digest is on record."""

    position: Position
    body: bytes
    highlights: Mapping[str, Highlight]


class Desk:
    """Everything that one inquiry needs; what it remembers of anybody is in its obtainer."""

    def __init__(
        self,
        sources: Sources,
        ledger: Ledger,
        purposes: PurposeTable,
        blocks: Mapping[str, BlockType],
        clock: Clock = utc_now,
        closings: Closings | None = None,
        cache: CacheLimits | None = None,
        before: Desk | None = None,
    ) -> None:
        """With *before*, what that desk has under way and remembers goes on at this one."""
        self.obtainer: Obtainer = obtainer_for(
            sources,
            cache,
            blocks,
            LedgerWitness(ledger, clock),
            before.obtainer if before else None,
        )
        self.sources, self.ledger, self.purposes = sources, ledger, purposes
        self.blocks, self.clock = blocks, clock
        self.closings = closings or Closings(ledger, clock)
        self.texts: MappingTexts = before.texts if before else MappingTexts(ledger, clock)
        self.door: Doorkeeper = before.door if before else Doorkeeper(ledger, clock)

    def decisions(
        self,
        caller: Caller,
        purpose: Purpose,
        wish: Wish,
        circumstances: Circumstances,
        access: Access | None = None,
    ) -> tuple[list[Grant], list[Denial]]:
        """As `decided`; raises Refused for what was named and is denied, but for `in_person`:
        that reads the same whether it is known before asking or after.
        """
        grants, denials = self.decided(caller, purpose, wish, circumstances, access)
        refused = tuple(denial for denial in denials if denial.reason != "in_person")
        if refused and wish.blocks is not None:
            raise Refused(refused)
        return grants, denials

    def decided(
        self,
        caller: Caller,
        purpose: Purpose,
        wish: Wish,
        circumstances: Circumstances,
        access: Access | None = None,
    ) -> tuple[list[Grant], list[Denial]]:
        """What policy and *circumstances* say of each wanted block."""
        names = wish.blocks if wish.blocks is not None else purpose.default_blocks
        fields = wish.fields if wish.fields is not UNSET else {}
        decided = [
            settle(
                decide(self.purposes, caller, purpose, name, fields.get(name, UNSET), access),
                purpose,
                circumstances,
            )
            for name in names
        ]
        grants = [decision for decision in decided if isinstance(decision, Grant)]
        return grants, [decision for decision in decided if isinstance(decision, Denial)]

    async def open_access(self, access: Access, request: str | None, channel: str) -> None:
        """Put *access* on record; only then may anything be asked under it."""
        header = {
            "access": access.id,
            "channel": channel,
            "audience": access.caller.audience,
            "legal_basis": access.legal_basis,
            "purpose": access.purpose,
            "procedure": access.procedure,
            "request": request,
            **standing_of(access),
            "expires_at": access.expires_at.isoformat(),
        }
        entry = self._entry("access", access.id, access, header, access)
        named = msgspec.structs.replace(
            entry, official=official_of(access), case_file=access.case_file
        )
        await self.ledger.append([named])

    async def find_access(self, access_id: str) -> Access | None:
        """The access with that id, out of its sealed record."""
        payload = await self.ledger.payload("access", access_id)
        return None if payload is None else msgspec.msgpack.decode(payload, type=Access)

    async def deny(self, access: Access, denials: tuple[Denial, ...], request: str | None) -> None:
        """Put a refusal on record."""
        denied = {denial.block: denial.reason for denial in denials}
        paths = [f"{denial.block}.{path}" for denial in denials for path in denial.paths]
        await self.ledger.append([self._denial(access, denied, request, paths)])

    def _denial(
        self,
        access: Access,
        denied: Mapping[str, str],
        request: str | None,
        paths: Sequence[str] = (),
    ) -> Entry:
        header: dict[str, JSON] = {
            "access": access.id,
            "purpose": access.purpose,
            "request": request,
            "denied": denied,
            "paths": paths,
        }
        return self._entry("denial", new_id(), access, header)

    async def answer(self, access: Access, caller: Caller, wish: Wish) -> Answered:
        """The position under *access*; durable on record before it is returned.

        Raises Refused (nothing was asked), LedgerError and AccessClosed (nothing is shown).
        """
        purpose = self.purposes.get(access.purpose)
        if purpose is None:
            raise LedgerError(f"access under a purpose that is no longer in the table: {access.id}")
        began = moment_s()
        known = await self.door.circumstances(access, purpose)
        try:
            grants, denials = self.decisions(caller, purpose, wish, known, access)
        except Refused as refusal:
            await self.deny(access, refusal.denials, wish.request)
            raise
        plan = make_plan([*grants, *denials], self.sources)
        query = self._query(access, plan, wish)
        usual = self.plan(access, caller, purpose, wish, known) if known.withheld else plan
        assembly = await assemble(plan, self.obtainer, query, short=purpose.cache == "short")
        assembly = await self.door.screened(
            assembly, usual, access, purpose, self.sources, wish.wait_s
        )
        self.closings.check(access.id)
        position = Position(
            subject=SubjectView(document=str(access.subject)),
            as_of=query.as_of,
            purpose=access.purpose,
            complete=is_complete(assembly.blocks),
            blocks=self._in_order(assembly),
        )
        body = _encoder.encode(position)
        await self._record_answer(access, assembly, plan, body, wish.request)
        if known.withheld:  # last of all: what comes after a wait runs slower than after work
            await self.door.tempo.wait(usual.steps, began, query.deadline)
        else:
            self.door.tempo.note(usual.steps, moment_s() - began)
        return Answered(position=position, body=body, highlights=assembly.highlights)

    def plan(
        self, access: Access, caller: Caller, purpose: Purpose, wish: Wish, known: Circumstances
    ) -> Plan:
        """What would be asked about anybody; says nothing of whether this person is withheld."""
        open_ = msgspec.structs.replace(known, withheld=False)
        grants, denials = self.decided(caller, purpose, wish, open_, access)
        return make_plan([*grants, *denials], self.sources)

    def _in_order(self, assembly: Assembly) -> dict[str, Block]:
        return {name: assembly.blocks[name] for name in self.blocks if name in assembly.blocks}

    def _query(self, access: Access, plan: Plan, wish: Wish) -> Query:
        return Query(
            subject=subject_of(access),
            access=access,
            as_of=self.clock(),
            wanted={name: grant.fields for name, grant in plan.grants.items()},
            bases={name: grant.basis for name, grant in plan.grants.items()},
            deadline=asyncio.get_running_loop().time() + wish.wait_s,
            request=wish.request,
        )

    async def _record_answer(
        self, access: Access, assembly: Assembly, plan: Plan, body: bytes, request: str | None
    ) -> None:
        security = [
            self._entry("security", new_id(), access, failure.event(access.id))
            for failure in assembly.failures
            if failure.is_security_event
        ]
        header: dict[str, JSON] = {
            "access": access.id,
            "purpose": access.purpose,
            "request": request,
            "answer": hashlib.sha256(body).hexdigest(),
            "blocks": {name: explained(block) for name, block in assembly.blocks.items()},
            "failures": [
                f"{failure.source}/{failure.operation}: {failure.reason}"
                for failure in assembly.failures
            ],
        }
        header |= assembly.shared
        decoded = evidence_bytes(assembly.records, assembly.digests)
        await self.texts.ensure(self._mappings_of(assembly))
        entry = self._entry("answer", new_id(), access, header, body, decoded)
        entry = msgspec.structs.replace(entry, others=others_among(assembly.named, access))
        late = late_entries(access, assembly.named_late, self.clock(), request)
        denied = {name: denial.reason for name, denial in plan.denials.items()}
        denied |= {name: b.reason for name, b in assembly.blocks.items() if isinstance(b, Denied)}
        denial = [self._denial(access, denied, request)] if denied else []
        await self.ledger.append([*security, *denial, *late, entry])

    def _mappings_of(self, assembly: Assembly) -> Iterator[BlockMapping]:
        """The mappings that a block of the answer names."""
        for name in assembly.blocks:
            source = self.sources.of_block.get(name)
            if source is not None and name in source.mappings:
                yield source.mappings[name]

    def _entry(
        self,
        kind: Kind,
        id_: str,
        access: Access,
        header: Mapping[str, JSON],
        payload: object = None,
        decoded: bytes | None = None,
    ) -> Entry:
        raw = payload if isinstance(payload, bytes | None) else msgspec.msgpack.encode(payload)
        return Entry(
            kind=kind,
            id=id_,
            at=self.clock(),
            header=header,
            subject=access.subject,
            retention=access.retention,
            payload=raw,
            decoded=decoded,
        )


def explained(block: Block) -> dict[str, JSON]:
    """A block on the leaf: its state and provenance, without a datum of the person."""
    plain: dict[str, JSON] = msgspec.to_builtins(block)
    return {key: value for key, value in plain.items() if key != "data"}
