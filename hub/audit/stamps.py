"""When exported records were there: a time-stamp out of the log, with the note that was stamped."""

from __future__ import annotations

import hashlib

from msgspec import Struct

from hub.audit.choose import found
from hub.core.errors import PayloadBlocked, PayloadDestroyed
from hub.ledger.checkpoint import Checkpoint
from hub.ledger.delivery import Authority, imprint_of
from hub.ledger.store import Ledger, Search


class Stamp(Struct, frozen=True, kw_only=True):
    """A head of the log, and the token (RFC 3161) of the authority that it was delivered to."""

    head: Checkpoint
    token: bytes

    @property
    def name(self) -> str:
        """The name of its files in a bundle, without their endings."""
        return f"timestamps/{self.head.size:012}"


async def stamp_of(ledger: Ledger, first: int, last: int) -> Stamp | None:
    """The first time-stamp that covers the record at index *last*, and so all before it.

    Where none does yet, the last that covers the one at *first*; None where none does either.
    """
    covering: list[tuple[int, str]] = []
    others: list[tuple[int, str]] = []
    async for record in found(ledger, Search(kind="delivery", source=Authority.name)):
        size = record.header["size"]
        if size <= first:
            break
        if "error" not in record.header:
            (covering if size > last else others).append((size, record.id))
    for size, delivery in (*reversed(covering), *others):
        stamp = await _stamp(ledger, size, delivery)
        if stamp is not None:
            return stamp
    return None


async def _stamp(ledger: Ledger, size: int, delivery: str) -> Stamp | None:
    """The time-stamp of that delivery; None where its token does not open, or its note is gone."""
    try:
        token = await ledger.payload("delivery", delivery)
    except (PayloadBlocked, PayloadDestroyed):
        return None
    if token is None:
        return None
    due = imprint_of(token)
    for head in await ledger.heads_of(size):
        if hashlib.sha256(head.note.encode()).digest() == due:
            return Stamp(head=head, token=token)
    return None
