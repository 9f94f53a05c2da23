"""How often the hub may ask again: a share of what it asks anyway.

A token bucket in the manner of gRPC's retry throttling (proposal A6): when everything fails,
retries would otherwise multiply the load on a source that is already ill.
"""

from __future__ import annotations

_UNIT = 1000
"""Tokens are counted in thousandths: sums of floats would drift."""


class RetryBudget:
    """`earn` for each first attempt, `spend` before each further one.

    One token is in reserve, and no more is saved up: after a healthy day a source that falls
    ill is not met with a day's worth of retries.
    """

    def __init__(self, share: float) -> None:
        self._share = round(share * _UNIT)
        self._tokens = _UNIT if self._share else 0
        self.spent = 0
        self.refused = 0

    def earn(self) -> None:
        """A first attempt is made."""
        self._tokens = min(self._tokens + self._share, _UNIT)

    def spend(self) -> bool:
        """Whether one more attempt is within the budget; if so, it is charged."""
        if self._tokens < _UNIT:
            self.refused += 1
            return False
        self._tokens -= _UNIT
        self.spent += 1
        return True
