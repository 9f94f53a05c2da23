"""What the hub last saw of each source: for operators, without anything about anybody."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from hub.core.errors import TechnicalReason
from hub.core.moment import Clock, utc_now

BeatState = Literal["unknown", "answering", "failing"]


class Beat(Struct, frozen=True, kw_only=True, rename="camel"):
    """The last answer of a source: when, and why it was not usable."""

    state: BeatState = "unknown"
    since: dt.datetime | None = None
    reason: TechnicalReason | None = None


class Pulse:
    """The last beat of each source; `since` is the moment of its last change of state."""

    def __init__(self, names: tuple[str, ...], clock: Clock = utc_now) -> None:
        self._beats = {name: Beat() for name in names}
        self._clock = clock

    def follow(self, names: tuple[str, ...]) -> None:
        """From now on these are the sources; what is known of those that stay is kept."""
        self._beats = {name: self._beats.get(name, Beat()) for name in names}

    def note(self, source: str, reason: TechnicalReason | None) -> None:
        """One more answer of *source*; *reason* is None when it was usable."""
        old = self._beats.get(source)
        if old is None:
            return  # asked before a reload that took it away
        state: Literal["answering", "failing"] = "failing" if reason else "answering"
        since = old.since if old.state == state else self._clock()
        self._beats[source] = Beat(state=state, since=since, reason=reason)

    def beats(self) -> Mapping[str, Beat]:
        """A copy of what is known."""
        return dict(self._beats)
