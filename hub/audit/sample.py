r"""A provable sample: auditor and audited draw the same records from the checkpoint alone.

The seed is the root of the signed tree, which nobody can choose once the records are
written, and nobody can know before the last of them is. Rank = SHA-256 over the seed, the
request and the record's index; the lowest ranks are the sample.

    rank(i) = SHA-256("posicion-integral sample v1\n" origin "\n" size "\n" base64(root) "\n"
                      kind "\n" since_ms "\n" until_ms "\n" i)

Lengths cannot be confused: no part holds a line end. The period is in the text, so that an
auditor who does not like a sample cannot have another of the same period and tree.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import heapq
from collections.abc import AsyncIterator, Iterable

from msgspec import Struct

from hub.core.errors import HubError, LedgerError
from hub.ledger.checkpoint import Checkpoint
from hub.ledger.leaf import milliseconds_of
from hub.ledger.store import Kind, Ledger, Record

_PAGE = 1000


class PeriodOpen(HubError):
    """Records could still join the period, so that its sample would not stay the same."""


class Drawn(Struct, frozen=True, kw_only=True, rename="camel"):
    """One record of a sample."""

    index: int
    kind: str
    id: str
    rank: str


class Sample(Struct, frozen=True, kw_only=True, rename="camel"):
    """A sample, and all that is needed to draw it again."""

    checkpoint: str
    kind: Kind
    since: dt.datetime
    until: dt.datetime
    size: int
    population: int
    """How many records of that kind the period has."""
    drawn: tuple[Drawn, ...]
    """By rank; the first n of a larger sample are the sample of size n."""


async def draw(
    ledger: Ledger,
    checkpoint: Checkpoint,
    since: dt.datetime,
    until: dt.datetime,
    size: int,
    kind: Kind = "access",
) -> Sample:
    """*size* records of *kind* with since <= at < until, among those under *checkpoint*.

    PeriodOpen when the period has not ended at the last record under the checkpoint, for
    then later records could still join it; ValueError for a period or size that is none.
    """
    if size < 1 or since >= until:
        raise ValueError("a sample has a size of at least 1 and a period that is not empty")
    chosen: list[Record] = []
    last: Record | None = None
    async for record in _under(ledger, checkpoint.size):
        last = record
        if record.kind == kind and since <= record.at < until:
            chosen.append(record)
    if last is None or last.at < until:
        raise PeriodOpen("the period has not ended under this checkpoint: sample it later")
    ranks = ranked(checkpoint, kind, since, until, (record.index for record in chosen))
    by_index = {record.index: record for record in chosen}
    lowest = heapq.nsmallest(size, ranks)
    drawn = tuple(
        Drawn(index=i, kind=kind, id=by_index[i].id, rank=rank.hex()) for rank, i in lowest
    )
    return Sample(
        checkpoint=checkpoint.note,
        kind=kind,
        since=since,
        until=until,
        size=size,
        population=len(chosen),
        drawn=drawn,
    )


def ranked(
    checkpoint: Checkpoint,
    kind: str,
    since: dt.datetime,
    until: dt.datetime,
    indices: Iterable[int],
) -> list[tuple[bytes, int]]:
    """The rank of each index: pure, and all of the lottery there is."""
    head = "\n".join(
        (
            "posicion-integral sample v1",
            checkpoint.origin,
            str(checkpoint.size),
            base64.b64encode(checkpoint.root).decode("ascii"),
            kind,
            str(milliseconds_of(since)),
            str(milliseconds_of(until)),
        )
    )
    return [(hashlib.sha256(f"{head}\n{index}".encode()).digest(), index) for index in indices]


async def _under(ledger: Ledger, size: int) -> AsyncIterator[Record]:
    first = 0
    while first < size:
        page = await ledger.records(first, min(_PAGE, size - first))
        if not page:
            raise LedgerError("the checkpoint covers more records than there are")
        for record in page:
            yield record
        first = page[-1].index + 1
