"""What travels with a request from the caller down to the recording transport."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from hub.core.exchange import Origin

EXTENSION = "hub"
"""Key of the Tag among an httpx request's extensions."""


class Tag(Struct, frozen=True, kw_only=True):
    """Whose request this is, which message of which operation, and its limits."""

    source: str
    operation: str
    origin: Origin
    ordinal: int
    attempt: int
    until: float
    """Absolute deadline in seconds of the event loop's clock."""
    connect_s: float
    max_bytes: int
    echoed: bool = True
    """Whether the answer proves that it belongs to its request; else it travels alone."""
    departed: Callable[[], None] | None = None
    """Told once the message is on record and about to leave: from here on it was sent."""
    secrets: frozenset[str] = frozenset()
    """Lower-case names of the headers of this message that hold credentials."""
