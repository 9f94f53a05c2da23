"""What a block says when its source gave nothing now: why, since when, and when to ask again."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from hub.core.errors import TechnicalReason
from hub.core.policy import PublicReason
from hub.core.position import Block, Denied, Empty, Fresh, Pending, Stale, Unavailable
from hub.position.failure import Failure, Underway
from hub.position.obtain import Obtained

_PUBLIC: dict[TechnicalReason, PublicReason] = {
    "maintenance": "maintenance",
    "charset": "source_problem",
    "decryption": "source_problem",
    "forbidden_xml": "source_problem",
    "hub_credentials": "source_problem",
    "identity_mismatch": "source_problem",
    "malformed": "source_problem",
    "out_of_scope": "source_problem",
    "redirect": "source_problem",
    "replay": "source_problem",
    "schema": "source_problem",
    "signature": "source_problem",
    "too_large": "source_problem",
}
"""Technical reasons that are not simply `temporary`."""


def unusable(missing: Failure | Underway) -> Block:
    """The block without data that *missing* makes."""
    if isinstance(missing, Underway):
        return Pending(source=missing.source, retry_after=missing.retry_after)
    if missing.protected:
        return Denied(reason="in_person")
    reason = public_reason(missing)
    return Unavailable(source=missing.source, reason=reason, retry_after=missing.retry_after)


def public_reason(failure: Failure) -> PublicReason:
    """What the public is told."""
    return _PUBLIC.get(failure.reason, "temporary")


def aged(block: Block, behind: Sequence[Obtained]) -> Block:
    """*block*, saying that it comes from memory, or stands in for what did not come.

    That a source held nothing some minutes ago does not stand in: `empty` is never the result
    of an error.
    """
    if not isinstance(block, Fresh | Empty):
        return block
    causes = [one.instead_of for one in behind if one.instead_of is not None]
    if causes and isinstance(block, Empty):
        return unusable(causes[0])
    if not any(one.from_cache for one in behind):
        return block
    provenance = replace(block.provenance, from_cache=True)
    if causes and isinstance(block, Fresh):
        reasons = [public_reason(cause) for cause in causes if isinstance(cause, Failure)]
        reason = reasons[0] if reasons else "temporary"
        return Stale(data=block.data, provenance=provenance, reason=reason)
    return replace(block, provenance=provenance)
