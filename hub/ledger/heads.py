"""The heads that a log has signed and stored, and what is proved under them."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from hub.core.errors import LedgerError
from hub.ledger.batch import last_note, tree_of
from hub.ledger.checkpoint import Checkpoint, VerifierKey, open_checkpoint
from hub.ledger.merkle import inclusion_proof, root_at
from hub.ledger.reading import look_in
from hub.ledger.store import Inclusion

_OF_SIZE = "SELECT note FROM checkpoint WHERE size = ? ORDER BY seq"
_PAST = "SELECT note FROM checkpoint WHERE size > ? ORDER BY size, seq LIMIT 1"


class NotOfThisTree(LedgerError):
    """A checkpoint that this log did not sign, or that its tree does not extend."""


def proved(db: sqlite3.Connection, index: int, keys: Sequence[VerifierKey]) -> Inclusion | None:
    """That the record at *index* is under the last stored head; None if that does not reach it."""
    note = last_note(db)
    if note is None:
        return None
    head = open_checkpoint(note, keys)
    if head.size <= index:
        return None
    header = db.execute("SELECT header FROM leaf WHERE idx = ?", (index,)).fetchone()[0]
    path = inclusion_proof(index, head.size, look_in(db))
    return Inclusion(index=index, leaf=header, path=path, checkpoint=head)


def past(db: sqlite3.Connection, index: int, keys: Sequence[VerifierKey]) -> Checkpoint | None:
    """The smallest stored head that covers the record at *index*."""
    row = db.execute(_PAST, (index,)).fetchone()
    return None if row is None else open_checkpoint(row[0], keys)


def of_size(
    db: sqlite3.Connection, size: int, keys: Sequence[VerifierKey]
) -> tuple[Checkpoint, ...]:
    """The stored heads of the tree of *size* records."""
    return tuple(open_checkpoint(row[0], keys) for row in db.execute(_OF_SIZE, (size,)))


def held(db: sqlite3.Connection, note: str, keys: Sequence[VerifierKey]) -> Checkpoint:
    """The head in *note*; NotOfThisTree unless one of *keys* signed it and the tree extends it."""
    try:
        head = open_checkpoint(note, keys)
    except LedgerError as error:
        raise NotOfThisTree(str(error)) from None
    if head.size > tree_of(db)[0] or root_at(head.size, look_in(db)) != head.root:
        raise NotOfThisTree("the checkpoint is not one of this tree")
    return head
