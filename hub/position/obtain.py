"""One step of a plan: from memory, by joining who asks the same already, or by asking.

What a caller gets by its deadline is an answer, a reason, or "on its way"; it never waits
longer, and what goes on without it is bounded per source and per client.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Mapping

from cachetools import TTLCache
from msgspec import Struct
from msgspec.structs import replace

from hub.core.connector import Operation, Query
from hub.core.errors import AccessClosed, LedgerError
from hub.core.exchange import SourceRecord
from hub.core.limits import CacheLimits
from hub.core.model import BlockType
from hub.position.asking import ask, failed
from hub.position.cache import LATE_S, AnswerCache, Key, held_answers, key_of
from hub.position.failure import Failure, Underway
from hub.position.flight import Flight, Flights, Landing, client_of, outcome_of
from hub.position.others import Witness
from hub.position.plan import Step
from hub.position.sources import Source, Sources
from hub.tracing import begin_operation, note_remembered
from hub.wire.verdict import loop_time

LONGEST_HINT_S = 5
"""Nobody is sent away for longer than this while the answer is on its way."""


class Obtained(Struct, frozen=True, kw_only=True):
    """What one step gave: a record, a reason, or that it is on its way."""

    got: SourceRecord | Failure | Underway
    instead_of: Failure | Underway | None = None
    """Why an earlier record stands in."""
    from_cache: bool = False
    joined: bool = False
    """Whether a flight gave it that another caller began."""

    @property
    def is_shared(self) -> bool:
        """Whether the exchanges stand on record under another request."""
        return self.from_cache or self.joined


class Obtainer:
    """What the process remembers and has under way. *special* names blocks never kept;
    *witness* notes the people in each answer before anything else becomes of it, and knows
    whether what is remembered may still be used.
    """

    def __init__(
        self,
        sources: Sources,
        limits: CacheLimits,
        special: frozenset[str],
        witness: Witness,
        before: Obtainer | None = None,
    ) -> None:
        self.sources, self._special, self._witness = sources, special, witness
        same = before is not None and before.cache.limits == limits
        self.cache: AnswerCache = before.cache if before and same else AnswerCache(limits)
        self.flights: Flights = before.flights if before else Flights()
        self.held: TTLCache[Key, SourceRecord] = before.held if before else held_answers()

    async def obtain(self, step: Step, query: Query, *, short: bool) -> Obtained:
        """The answer of *step* by the query's deadline; raises LedgerError and nothing else.

        *short*: whether the purpose lets answers be kept for a short time.
        """
        source = self.sources.by_name[step.source]
        fed = frozenset(b for b, names in source.spec.blocks.items() if step.operation in names)
        keeps = short and self.cache.keeps and not fed & self._special
        key = key_of(step.source, step.operation, fed, query, shared=keeps)
        known = await self._open(key, self.cache.fresh(key)) if keeps else None
        if known is not None:
            note_remembered(step.source, step.operation)
            return Obtained(got=known, from_cache=True)
        held = await self._open(key, self.held.pop(key, None))
        if held is not None:
            note_remembered(step.source, step.operation)
            return Obtained(got=held)
        return await self._flown(source, step, query, key, keeps=keeps)

    async def _flown(
        self, source: Source, step: Step, query: Query, key: Key, *, keeps: bool
    ) -> Obtained:
        operation = source.spec.operation(step.operation)
        outlasts = keeps or not operation.repeatable
        longest = loop_time() + source.client.guard.limits.background_s
        deadline = max(query.deadline, longest) if outlasts else query.deadline
        fresh = Flight(
            key, client_of(query), deadline, outlasts=outlasts, repeatable=operation.repeatable
        )
        flight, joined = self.flights.join(
            fresh, lambda own: self._course(own, source, operation, query, keeps=keeps)
        )
        if not joined:
            return await self._awaited(flight, source, operation, query, keeps=keeps)
        with contextlib.suppress(AccessClosed):  # not our access
            return await self._joined(flight, source, operation, query, keeps=keeps)
        return await self._flown(source, step, query, key, keeps=keeps)

    async def _joined(
        self, flight: Flight, source: Source, operation: Operation, query: Query, *, keeps: bool
    ) -> Obtained:
        """As `_awaited`, in a span of this caller's own, which leads to the flight's."""
        name, outcome = (flight.key.source, flight.key.operation), "cancelled"
        traced = begin_operation(*name, flight.traced)
        try:
            obtained = await self._awaited(flight, source, operation, query, keeps=keeps)
            outcome = outcome_of(obtained.instead_of or obtained.got)
        except LedgerError as error:
            outcome = outcome_of(error)
            raise
        finally:
            if traced is not None:
                traced.end_operation(name, outcome, joined=True)
        return replace(obtained, joined=not obtained.from_cache)

    async def _awaited(
        self, flight: Flight, source: Source, operation: Operation, query: Query, *, keeps: bool
    ) -> Obtained:
        """What *flight* gives this caller by its own deadline."""
        flight.waiters += 1
        try:
            landing = await flight.wait(query.deadline)
        except asyncio.CancelledError:
            flight.waiters -= 1
            await self._leave_for_good(flight)
            raise
        flight.waiters -= 1
        if landing is None:
            got = await self._out_of_time(flight, source, operation, keeps=keeps)
            return await self._or_stand_in(flight.key, got, keeps=keeps)
        if isinstance(landing, LedgerError):
            raise landing
        if isinstance(landing, Failure):
            return await self._or_stand_in(flight.key, landing, keeps=keeps)
        return Obtained(got=landing)

    async def _out_of_time(
        self, flight: Flight, source: Source, operation: Operation, *, keeps: bool
    ) -> Failure | Underway:
        """The deadline has come: the flight goes on, or ends when nobody else waits."""
        late = Failure(
            source=flight.key.source, operation=operation.name, reason="timeout", passing=True
        )
        if flight.is_sent_for_good or (keeps and self._has_room(flight, source)):
            flight.was_left = True
            left = math.ceil(operation.patience.timeout_s - flight.elapsed_s)
            wait_s = min(max(left, 1), LONGEST_HINT_S)
            return Underway(source=flight.key.source, operation=operation.name, retry_after=wait_s)
        if not flight.waiters and not flight.is_over:
            await flight.give_up()
            self.sources.pulse.note(flight.key.source, late.reason)
        return late

    def _has_room(self, flight: Flight, source: Source) -> bool:
        limits = source.client.guard.limits
        of_source, of_client = self.flights.background(flight.key.source, flight.client)
        return (
            flight.waiters > 0
            or flight.was_left
            or (
                # the flight itself is among them: its last waiter has just gone
                of_source <= limits.max_background and of_client <= limits.max_background_per_client
            )
        )

    def _may_begin(self, flight: Flight, source: Source, operation: Operation) -> bool:
        """An act goes on once it is sent, so its room in the background must be there before."""
        if operation.repeatable:
            return True
        limits = source.client.guard.limits
        of_source, of_client = self.flights.unwatched_acts(flight.key.source, flight.client)
        return of_source < max(limits.max_background, 1) and of_client < max(
            limits.max_background_per_client, 1
        )

    async def _leave_for_good(self, flight: Flight) -> None:
        """A caller has gone: end what nobody else waits for, was promised, or cannot undo."""
        if flight.is_sent_for_good:
            flight.was_left = True  # the access may come back for it: it is not asked twice
        if not flight.waiters and not flight.was_left:
            await flight.cancel()

    async def _or_stand_in(self, key: Key, got: Failure | Underway, *, keeps: bool) -> Obtained:
        """An earlier answer where one may stand in; what was taken back is forgotten."""
        if not keeps:
            return Obtained(got=got)
        if isinstance(got, Failure) and not got.passing:
            self.cache.drop(key)
            return Obtained(got=got)
        earlier = await self._open(key, self.cache.stand_in(key))
        if earlier is None:
            return Obtained(got=got)
        return Obtained(got=earlier, instead_of=got, from_cache=True)

    async def _open(self, key: Key, kept: SourceRecord | None) -> SourceRecord | None:
        """*kept*, unless it was blocked or destroyed on record since; then it is forgotten."""
        if kept is None or await self._witness.is_open(kept):
            return kept
        self.cache.drop(key)
        return None

    async def _course(
        self, flight: Flight, source: Source, operation: Operation, query: Query, *, keeps: bool
    ) -> Landing:
        """The flight itself: ask, note for operators how it was, and keep what may be kept."""
        own = replace(query, deadline=flight.deadline, departed=flight.depart)
        began = loop_time()
        if self._may_begin(flight, source, operation):
            landing = await ask(source, operation, own, self._witness, lambda: flight.is_given_up)
        else:
            error = source.client.guard.full("acts that nobody waits for")
            landing = failed(source.spec.name, operation.name, error)
        if isinstance(landing, SourceRecord):
            step = Step(source=source.spec.name, operation=operation.name)
            self.sources.tempo.note(step, loop_time() - began)
        if isinstance(landing, LedgerError):
            return landing
        ill = isinstance(landing, Failure) and not landing.protected
        self.sources.pulse.note(source.spec.name, landing.reason if ill else None)  # type: ignore[union-attr]  # ill says that it is a Failure
        if isinstance(landing, SourceRecord):
            if keeps:
                self.cache.keep(flight.key, landing, late=flight.was_left)
            elif flight.was_left and not flight.waiters:
                self._hold(flight.key, landing)
        return landing

    def _hold(self, key: Key, record: SourceRecord) -> None:
        """Keep an answer that cannot be asked for again, for the access that asked, once."""
        with contextlib.suppress(ValueError):  # larger than everything that may be held
            self.held[key] = record
        asyncio.get_running_loop().call_later(LATE_S + 1, self.held.expire)

    async def aclose(self, within_s: float = 0.0) -> None:
        """Let what is under way land *within_s*, then end it; each Outcome is written."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self.flights.landed()
        await self.flights.aclose()


def obtainer_for(
    sources: Sources,
    limits: CacheLimits | None,
    blocks: Mapping[str, BlockType],
    witness: Witness,
    before: Obtainer | None = None,
) -> Obtainer:
    """An obtainer that keeps nothing of the special categories among *blocks*.

    What *before* has under way, and remembers under the same limits, is its own too.
    """
    special = frozenset(name for name, block in blocks.items() if block.special)
    return Obtainer(sources, limits or CacheLimits(), special, witness, before)
