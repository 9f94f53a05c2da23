"""That the log only grew: from a checkpoint that somebody kept to the head of now."""

from __future__ import annotations

import base64

from msgspec import Struct

from hub.core.errors import HubError
from hub.ledger.checkpoint import Checkpoint
from hub.ledger.store import Ledger


class NeverThatLong(HubError):
    """The log never had that many records, or none are asked for."""


class Consistency(Struct, frozen=True, kw_only=True, rename="camel"):
    """That the tree of size `second` extends the one of size `first` (RFC 9162 section 2.1.4)."""

    first: int
    second: int
    path: tuple[str, ...]
    """Hashes in base64."""
    checkpoint: str
    """The signed head of size `second`."""


async def consistency(ledger: Ledger, first: int) -> Consistency:
    """The proof from the tree of *first* records to the head of now; NeverThatLong if none is."""
    head = await ledger.checkpoint()
    if not 0 < first <= head.size:
        raise NeverThatLong("the log never had a checkpoint of this size")
    return await extension(ledger, first, head)


async def extension(ledger: Ledger, first: int, head: Checkpoint) -> Consistency:
    """The proof that *head*, signed by this log, extends its tree of *first* records."""
    path = await ledger.prove_extends(first, head.size)
    return Consistency(
        first=first,
        second=head.size,
        path=tuple(base64.b64encode(step).decode("ascii") for step in path),
        checkpoint=head.note,
    )
