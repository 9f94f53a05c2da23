"""Answers kept in memory for a short time, for the same person, purpose and asker alone.

Memory only: nothing here is written anywhere, and the process takes it with it. cachetools
bounds the memory and drops what is too old even to stand in; this module adds the two ages.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Hashable

from cachetools import TLRUCache, TTLCache
from msgspec import Struct

from hub.core.connector import Query
from hub.core.document import Document
from hub.core.exchange import SourceRecord
from hub.core.limits import CacheLimits
from hub.wire.verdict import loop_time

JITTER = 0.1
"""Part by which an answer stays fresh longer or shorter, so that not all expire together."""

LATE_S = 60.0
"""A late answer is fresh for at least this long: its caller was told to come back for it."""

MIB = 1024 * 1024
HELD_MIB = 128
"""Memory that late answers may take which wait for the one access that asked."""

DECODED, BESIDE = 4, 4096
"""Bytes of memory per byte that came, which no sample on file exceeds, and per answer besides."""


def weight(record: SourceRecord) -> int:
    """The memory that *record* takes with its key, about."""
    return BESIDE + DECODED * record.size


class Key(Struct, frozen=True):
    """What must be equal for one answer to serve two requests. Printing it shows no person."""

    source: str
    operation: str
    subject: Document
    circumstances: Hashable

    def __repr__(self) -> str:
        return f"Key({self.source!r}, {self.operation!r})"


def key_of(
    source: str, operation: str, blocks: frozenset[str], query: Query, *, shared: bool
) -> Key:
    """The key of *operation*, which feeds *blocks*, for *query*; unless *shared*, its access's own.

    Purpose, legal basis, procedure, case file, consent, asker and official are part of it, and
    what was wanted, because a connector may ask for no more than that.
    """
    access = query.access
    caller = access.caller
    circumstances = (
        access.purpose,
        access.legal_basis,
        access.procedure,
        access.case_file,
        access.consent,
        access.retention,
        access.official,
        (caller.issuer, caller.subject_id, caller.client, caller.audience, caller.assurance),
        tuple(sorted(access.subject_names.items())),
        tuple(sorted((b, tuple(sorted(f))) for b, f in query.wanted.items() if b in blocks)),
        None if shared else access.id,
    )
    return Key(source, operation, query.subject.document, circumstances)


class _Kept(Struct, frozen=True):
    record: SourceRecord
    fresh_until: float
    gone_at: float


class AnswerCache:
    """Fresh answers, and older ones that may stand in for a source that gives none."""

    def __init__(
        self,
        limits: CacheLimits,
        clock: Callable[[], float] = loop_time,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.limits, self._clock, self._chance = limits, clock, chance
        self._kept: TLRUCache[Key, _Kept] = TLRUCache(
            limits.max_mib * MIB,
            lambda _key, kept, _now: kept.gone_at,
            clock,
            lambda kept: weight(kept.record),
        )
        self.hits = self.misses = self.stood_in = 0

    @property
    def keeps(self) -> bool:
        """Whether anything is kept at all."""
        return self.limits.keeps

    def __len__(self) -> int:
        return len(self._kept)

    def keep(self, key: Key, record: SourceRecord, *, late: bool = False) -> None:
        """Remember *record*; *late* when its caller had to leave without it.

        What was kept and not used for longest makes room; what is larger than all of it is not
        kept.
        """
        self.drop(key)
        if weight(record) > self._kept.maxsize:
            return
        now = self._clock()
        fresh_s = self.limits.fresh_s * (1 + JITTER * (2 * self._chance() - 1))
        fresh_s = max(fresh_s, LATE_S) if late else fresh_s
        gone_s = max(fresh_s, self.limits.stale_s)
        self._kept[key] = _Kept(record, now + fresh_s, now + gone_s)

    def fresh(self, key: Key) -> SourceRecord | None:
        """An answer that is as good as asking again."""
        kept = self._kept.get(key)
        found = kept is not None and self._clock() < kept.fresh_until
        self.hits += found
        self.misses += not found
        return kept.record if kept is not None and found else None

    def stand_in(self, key: Key) -> SourceRecord | None:
        """An answer that may be shown, with its age, when the source gives none."""
        kept = self._kept.get(key)
        self.stood_in += kept is not None
        return kept.record if kept is not None else None

    def drop(self, key: Key) -> None:
        """Forget one answer: the source has taken it back, or is not to be believed."""
        self._kept.pop(key, None)

    def forget_source(self, source: str) -> int:
        """Forget everything that *source* answered; how many answers that were."""
        keys = [key for key in list(self._kept) if key.source == source]
        for key in keys:
            self.drop(key)
        return len(keys)


def held_answers() -> TTLCache[Key, SourceRecord]:
    """Room for answers that cannot be asked for again, each until its access comes for it."""
    return TTLCache(HELD_MIB * MIB, LATE_S, loop_time, weight)
