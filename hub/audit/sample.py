r"""A provable sample: auditor and audited draw the same records from the checkpoint alone.

The seed is the root of the signed tree, which nobody can know before the last of its records
is written. Which tree: the one that both agreed on, or the first that was signed after the
period, never that of the moment of asking, which whoever asks could choose. Rank = SHA-256 over the seed, the
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
from collections.abc import Callable

from msgspec import Struct

from hub.audit.choose import found
from hub.core.errors import HubError
from hub.ledger.checkpoint import Checkpoint
from hub.ledger.leaf import milliseconds_of
from hub.ledger.store import JSON, Kind, Ledger, Search


class PeriodOpen(HubError):
    """Records could still join the period, so that its sample would not stay the same."""


class Lottery(Struct, frozen=True, kw_only=True):
    """What is drawn: *size* records of *kind* with since <= at < until, under one tree."""

    since: dt.datetime
    until: dt.datetime
    size: int
    kind: Kind = "access"
    checkpoint: str | None = None
    """The signed note that was agreed on; None for the first that was signed after the period."""

    def detail(self) -> dict[str, JSON]:
        """All of it, as the act that goes on record seals it."""
        return {
            "since": self.since.isoformat(),
            "until": self.until.isoformat(),
            "size": self.size,
            "kind": self.kind,
            "checkpoint": self.checkpoint,
        }


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


async def draw(ledger: Ledger, lottery: Lottery) -> Sample:
    """The records that *lottery* draws.

    PeriodOpen when the period has not ended under the checkpoint, for then later records could
    still join it; NotOfThisTree for a checkpoint of another log; ValueError for a period or
    size that is none.
    """
    since, until, kind = lottery.since, lottery.until, lottery.kind
    if lottery.size < 1 or since >= until:
        raise ValueError("a sample has a size of at least 1 and a period that is not empty")
    first = await ledger.head_past(until)
    named = lottery.checkpoint
    head = first if named is None else await ledger.head_of(named)
    if head is None or first is None or head.size < first.size:
        raise PeriodOpen("the period has not ended under this checkpoint: sample it later")
    within = Search(kind=kind, since=since, until=until)
    fitting = [(r.index, r.id) async for r in found(ledger, within) if r.index < head.size]
    rank = ranking(head, kind, since, until)
    lowest = heapq.nsmallest(lottery.size, ((rank(index), index, id_) for index, id_ in fitting))
    return Sample(
        checkpoint=head.note,
        kind=kind,
        since=since,
        until=until,
        size=lottery.size,
        population=len(fitting),
        drawn=tuple(
            Drawn(index=index, kind=kind, id=id_, rank=lot.hex()) for lot, index, id_ in lowest
        ),
    )


def ranking(
    checkpoint: Checkpoint, kind: str, since: dt.datetime, until: dt.datetime
) -> Callable[[int], bytes]:
    """Gives the rank of an index: pure, and all of the lottery there is."""
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
    return lambda index: hashlib.sha256(f"{head}\n{index}".encode()).digest()
