"""How often refused credentials are replaced while nothing new is accepted either."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from hub.wire.verdict import loop_time

CALM_S, BURST_S = 30.0, 1.0
"""So often, and for so long each time, is what a source refuses replaced and sent again."""


class Renewals:
    """Knows of one source since when it has accepted nothing."""

    def __init__(self, clock: Callable[[], float] = loop_time) -> None:
        self._clock = clock
        self._since: float | None = None

    def note(self, status: int) -> None:
        """An answer came with *status*: unless it is a 401, the credentials were accepted."""
        if status != HTTPStatus.UNAUTHORIZED:
            self._since = None

    def make_sense(self, status: int) -> bool:
        """Whether a message that was answered with *status* may go again with new credentials.

        All may that learn of it together. A source that refuses the new ones too is not sent
        everything twice: for BURST_S it is, and again after CALM_S.
        """
        self.note(status)
        if status != HTTPStatus.UNAUTHORIZED:
            return False
        now = self._clock()
        if self._since is None or now - self._since >= CALM_S:
            self._since = now
        return now - self._since <= BURST_S
