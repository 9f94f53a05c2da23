"""Recorded answers are opened for somebody, who and why being on record before they are.

One record for each person whose answer is named or shown, about that person: their own report
counts it, and whoever examines the auditors finds what was opened. A run over many that shows
no value is one record, which says what was asked for.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from msgspec import Struct

from hub.audit.act import Action, Auditor, asked, note_act
from hub.audit.case import Case, NotOnRecord, open_case
from hub.audit.choose import cases
from hub.core.moment import Clock
from hub.ledger.store import Ledger, Pseudonym, Record, Search


class Opening(Struct, frozen=True, kw_only=True):
    """Who opens answers, by which act and why; `reveals` where values are shown."""

    ledger: Ledger
    clock: Clock
    who: Auditor
    action: Action
    reason: str
    reveals: bool

    async def named(self, answer: str) -> Case:
        """The answer with that id. NotOnRecord if there is none, NoReason without a reason."""
        record = await self.ledger.find(answer, "answer")
        if record is None:
            raise NotOnRecord("no such answer is on record")
        await self._note(record)
        return await open_case(self.ledger, answer)

    async def fitting(
        self, search: Search, most: int | None, closed: list[str] | None = None
    ) -> AsyncIterator[Case]:
        """The answers that fit, as `cases` gives them. NoReason without a reason."""
        subject = search.subject
        await self._act(reveals=False, subject=subject, detail={**asked(search), "most": most})
        before = self._note if self.reveals else None
        async for case in cases(self.ledger, search, most, closed, before):
            yield case

    async def _note(self, record: Record) -> None:
        """Put on record that *record* is opened; it is about whom *record* is about."""
        subject = record.header.get("subject")
        person = None if subject is None else Pseudonym(subject)
        await self._act(reveals=self.reveals, subject=person, detail={record.kind: record.id})

    async def _act(self, **told: Any) -> None:
        await note_act(self.ledger, self.clock, self.who, self.action, self.reason, **told)
