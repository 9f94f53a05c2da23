"""What the end of an operation says about its source, for the breaker and the limits.

A source that says "no" answers; one that says "not now" is left in peace; what is the hub's
or the caller's doing says nothing about the source.
"""

from __future__ import annotations

import asyncio
from typing import Literal

from hub.core.errors import (
    SECURITY_REASONS,
    SourceError,
    SourceSwitchedOff,
    SourceUnavailable,
    TechnicalReason,
)

Verdict = Literal["answered", "failed", "late", "throttled", "distrusted", "ignored"]
"""`late`: slow, and given up unanswered at a caller's deadline; the guard alone can say so."""

_FAILED: frozenset[TechnicalReason] = frozenset(
    {
        "charset",
        "connect_failed",
        "connection_lost",
        "dns",
        "maintenance",
        "malformed",
        "redirect",
        "timeout",
        "tls",
    }
)
"""Reasons that count against a source whatever class of error they come with."""

_OURS: frozenset[TechnicalReason] = frozenset(
    {"circuit_open", "clock_skew", "hub_credentials", "hub_fault"}
)
"""Reasons that are the hub's own doing or configuration."""


def verdict_of(error: BaseException | None) -> Verdict:
    """How *error*, or None for an answer, counts.

    `backend_fault` counts when it comes as SourceUnavailable (5xx, a technical SOAP fault);
    refused, it is the source's considered answer.
    """
    if error is None:
        return "answered"
    if not isinstance(error, SourceError) or isinstance(error, SourceSwitchedOff):
        return "ignored"
    if error.reason == "identity_mismatch":
        return "distrusted"
    if error.reason in SECURITY_REASONS or error.reason in _OURS:
        return "ignored"
    if _says_later(error):
        return "throttled"
    technical = error.reason == "backend_fault" and isinstance(error, SourceUnavailable)
    return "failed" if technical or error.reason in _FAILED else "answered"


def _says_later(error: SourceError) -> bool:
    """429, or 503 with a `Retry-After`: the source is well and says when it wants to be asked."""
    return error.reason == "throttled" or (
        error.reason == "maintenance" and error.retry_after is not None
    )


def loop_time() -> float:
    """Seconds of the running event loop's clock: the one that deadlines are measured with."""
    return asyncio.get_running_loop().time()
