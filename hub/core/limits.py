"""What a source may be asked at most, and when it is left in peace: numbers, no behaviour."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

Seconds = Annotated[float, Meta(gt=0, le=86_400)]
Span = Annotated[float, Meta(ge=0, le=86_400)]
Share = Annotated[float, Meta(gt=0, le=1)]
Count = Annotated[int, Meta(ge=1, le=1_000_000)]


class SourceLimits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[sources.<name>.limits]`."""

    window_s: Seconds = 30.0
    """How far back failures and slow answers are counted."""
    min_calls: Count = 10
    """With fewer calls in the window, rates say nothing and the breaker stays closed."""
    failure_rate: Share = 0.5
    slow_rate: Share = 0.8
    slow_s: Seconds = 2.5
    """An operation that takes at least this long was slow, however it ended."""
    open_s: Seconds = 5.0
    """How long an open breaker waits for its first probe; doubled after each that fails."""
    open_max_s: Seconds = 60.0
    retry_share: Annotated[float, Meta(ge=0, le=1)] = 0.1
    """Retries per first attempt, at most; one more is in reserve for a quiet source."""
    retry_after_max_s: Seconds = 300.0
    """A longer `Retry-After` of a source is believed up to here."""
    max_in_flight: Count = 50
    min_in_flight: Count = 2
    """The adaptive limit moves between these two numbers of operations under way."""
    max_waiting: Annotated[int, Meta(ge=0, le=1_000_000)] = 100
    """Operations that wait for a place; one more is refused at once."""
    background_s: Seconds = 15.0
    """How long an operation may go on, in all, after nobody waits for it any more."""
    max_background: Annotated[int, Meta(ge=0, le=1_000_000)] = 50
    max_background_per_client: Annotated[int, Meta(ge=0, le=1_000_000)] = 20
    off: tuple[str, ...] = ()
    """Operations that are switched off; `*` is the whole source."""


class CacheLimits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[cache]`: answers kept in memory, where the purpose's rule is `short`; two zeros: none."""

    fresh_s: Span = 30.0
    """An answer this young is given again without asking the source."""
    stale_s: Span = 900.0
    """An answer up to this age is given when the source gives none, as `stale`."""
    max_mib: Count = 256
    """Memory that the answers kept may take, in MiB, as estimated from what sources sent."""

    @property
    def keeps(self) -> bool:
        """Whether anything is kept at all."""
        return self.fresh_s > 0 or self.stale_s > 0


class AdmissionLimits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[admission]`: how many requests are under way, and how many one client may send."""

    max_in_flight: Count = 200
    """The bound moves below this with the lag of the event loop."""
    batch_share: Share = 0.5
    """The part of the places that requests of the class `batch` may fill."""
    client_per_s: Annotated[float, Meta(gt=0, le=1_000_000)] = 100.0
    client_burst: Count = 300
    caller_per_s: Annotated[float, Meta(gt=0, le=1_000_000)] = 20.0
    caller_burst: Count = 60
