"""The kill switch: operations that an operator has taken out, by configuration or by hand."""

from __future__ import annotations

from collections.abc import Iterable

WHOLE = "*"
"""Stands for every operation of the source."""


class Switch:
    """Which operations of one source are off. It is asked before every message."""

    def __init__(self, off: Iterable[str] = ()) -> None:
        self._off = set(off)

    @property
    def off(self) -> tuple[str, ...]:
        """What is off, sorted; `*` is the whole source."""
        return tuple(sorted(self._off))

    def is_off(self, operation: str) -> bool:
        """Whether *operation* must not be asked."""
        return WHOLE in self._off or operation in self._off

    def turn(self, operation: str, *, off: bool) -> None:
        """Take *operation* out, or put it back."""
        if off:
            self._off.add(operation)
        else:
            self._off.discard(operation)
