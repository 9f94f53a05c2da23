"""Why a step of a plan gave no answer: it failed, or is still on its way."""

from __future__ import annotations

import structlog
from msgspec import Struct

from hub.core.errors import SECURITY_REASONS, SourceError, SourceRefused, TechnicalReason
from hub.ledger.store import JSON

log = structlog.get_logger()


def alert(error: SourceError, operation: str) -> None:
    """Tell operators of a refusal: somebody has to mend something, or it comes again.

    The log says which code or rule it was; a detail holds nothing about anybody.
    """
    if isinstance(error, SourceRefused):
        log.error(
            "source_refused",
            source=error.source,
            operation=operation,
            reason=error.reason,
            detail=error.detail,
        )


class Failure(Struct, frozen=True, kw_only=True):
    """Why an operation gave nothing usable."""

    source: str
    operation: str
    reason: TechnicalReason
    retry_after: int | None = None
    protected: bool = False
    passing: bool = False
    """Whether an earlier answer may stand in: the source did not take anything back."""

    @property
    def is_security_event(self) -> bool:
        """Whether auditors must see it as an attack or a leak, not as bad luck."""
        return self.reason in SECURITY_REASONS

    def event(self, access: str) -> dict[str, JSON]:
        """The leaf of the security record: names only, nothing of the answer."""
        return {
            "access": access,
            "source": self.source,
            "operation": self.operation,
            "reason": self.reason,
        }


UNSERVED = Failure(source="none", operation="none", reason="maintenance")
"""Of a block that no configured source feeds."""


class Underway(Struct, frozen=True, kw_only=True):
    """The caller's time is up, and the operation goes on."""

    source: str
    operation: str
    retry_after: int
