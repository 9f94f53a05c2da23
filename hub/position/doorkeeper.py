"""Who may be asked about now: registers and statements become circumstances of an access.

Outwardly a person who is withheld is `in_person`, like people under 14 without their
representative, like somebody whom a source protects, and, where the purpose says so, like
somebody of whom no source holds anything. Which of these it was stands sealed in the ledger.
"""

from __future__ import annotations

import msgspec

from hub.core.circumstances import MINORITY_YEARS, Circumstances, may_be_under
from hub.core.moment import Clock
from hub.core.policy import Access, Purpose
from hub.core.position import Block, Denied, Empty, Fresh, Stale
from hub.ledger.store import Entry, Ledger
from hub.position.access import birth_date_of
from hub.position.assemble import Assembly
from hub.position.lately import Lately
from hub.position.plan import Plan
from hub.position.registers import Entered, Registers
from hub.position.sources import Sources
from hub.position.tempo import Tempo

IN_PERSON = Denied(reason="in_person")


class Doorkeeper:
    """Reads the registers before an access asks, and screens what came back."""

    def __init__(self, ledger: Ledger, clock: Clock) -> None:
        self._ledger, self._clock = ledger, clock
        self.registers = Registers(ledger, clock)
        self.tempo, self.lately = Tempo(), Lately()

    async def circumstances(self, access: Access, purpose: Purpose) -> Circumstances:
        """What narrows *access* now. LedgerError where a register cannot be read."""
        standing = await self.registers.standing(access.subject)
        return Circumstances(
            consent=access.consent,
            opposed=_opposes(standing, purpose),
            withheld=self._is_withheld(standing, access, purpose),
            revealed=await self._revealed(access, purpose),
        )

    def _is_withheld(self, standing: tuple[Entered, ...], access: Access, purpose: Purpose) -> bool:
        protected = any(entry.register == "protection" for entry in standing)
        if protected and not purpose.sees_protected:
            return True
        if access.representation is not None:
            return not represents(standing, access)
        born = birth_date_of(access.subject_names.get("birth_date"))
        if born is None or purpose.minors == "direct":
            return False
        return may_be_under(MINORITY_YEARS, born, self._clock().date())

    async def _revealed(self, access: Access, purpose: Purpose) -> frozenset[str]:
        wanted = [name for name, rule in purpose.blocks.items() if rule.reveal]
        found = [
            name
            for name in wanted
            if await self._ledger.read(_reveal_id(access, name), "reveal") is not None
        ]
        return frozenset(found)

    async def reveal(
        self, access: Access, blocks: tuple[str, ...], reason: str, request: str
    ) -> None:
        """Put on record that the holder of *access* opens *blocks*, and why; once is enough."""
        entries = [
            Entry(
                kind="reveal",
                id=_reveal_id(access, name),
                at=self._clock(),
                header={"access": access.id, "block": name, "request": request},
                subject=access.subject,
                retention=access.retention,
                payload=msgspec.msgpack.encode({"reason": reason}),
            )
            for name in blocks
            if await self._ledger.read(_reveal_id(access, name), "reveal") is None
        ]
        if entries:
            await self._ledger.append(entries)

    async def screened(
        self,
        assembly: Assembly,
        plan: Plan,
        access: Access,
        purpose: Purpose,
        sources: Sources,
        wait_s: float,
    ) -> Assembly:
        """*assembly* without blocks that show somebody who is protected, or show nobody.

        *plan* is what would be asked about anybody. What is hidden says why its source gives
        nothing now, as everybody's block does, before it says `in_person`.
        """
        self.lately.note(assembly.ends, sources, wait_s)
        blocks: dict[str, Block] = dict(assembly.blocks)
        if not purpose.sees_protected:
            others = frozenset().union(*assembly.people.values()) - {access.subject}
            hidden = {person for person in others if await self.registers.is_protected(person)}
            blocks |= {
                name: IN_PERSON for name, people in assembly.people.items() if people & hidden
            }
        if purpose.unknown == "in_person" and not any(map(_shows, blocks.values())):
            blocks |= {name: IN_PERSON for name, b in blocks.items() if isinstance(b, Empty)}
        for name in plan.grants:
            if blocks[name] == IN_PERSON:
                blocks[name] = self.lately.instead(name, plan, sources, wait_s) or IN_PERSON
        highlights = {n: h for n, h in assembly.highlights.items() if _shows(blocks[n])}
        return msgspec.structs.replace(assembly, blocks=blocks, highlights=highlights)


def represents(standing: tuple[Entered, ...], access: Access) -> bool:
    """Whether the relation that *access* names is in force, and enough for its caller.

    A citizen acts under an unrestricted relation of their own; an official decides about a
    restricted one.
    """
    by_official = access.caller.audience == "official"
    return any(
        entry.register == "representation"
        and entry.entry == access.representation
        and entry.about == access.subject
        and (by_official or entry.representative == access.caller.document)
        and (by_official or not entry.restricted)
        for entry in standing
    )


def _opposes(standing: tuple[Entered, ...], purpose: Purpose) -> bool:
    if purpose.opposition == "excluded":
        return False
    return any(
        entry.register == "opposition" and entry.purpose == purpose.code for entry in standing
    )


def _shows(block: Block) -> bool:
    """Whether *block* says something about somebody."""
    return isinstance(block, Fresh | Stale)


def _reveal_id(access: Access, block: str) -> str:
    return f"{access.id}-{block}"
