"""`/metrics` for Prometheus: what the parts have counted themselves, collected when asked.

Labels name sources, operations, reasons, routes and classes: closed lists of the hub's own, so
that no label can hold anything about a person, and their number is bounded.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from litestar import Response, get
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from hub.api.context import AnyRequest, Context, context_of
from hub.api.figures_hub import (
    of_admission,
    of_callers,
    of_ledger,
    of_memory,
    of_operating,
    of_spans,
)
from hub.api.figures_source import of_sources
from hub.api.figures_trust import of_trust
from hub.core.errors import LedgerError

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Figures(Collector):
    """The families that *read* gives, each time anew."""

    def __init__(self, read: Callable[[], Iterator[Metric]]) -> None:
        self._read = read

    def collect(self) -> Iterator[Metric]:
        """Every family, read now."""
        return self._read()


def all_of(context: Context, records: float) -> Iterator[Metric]:
    """Every family of one hub, whose ledger has so many *records*."""
    desk = context.desk
    yield from of_sources(desk.sources)
    yield from of_trust(desk.sources, context.peers, context.delivery.roots(), desk.clock())
    yield from of_memory(desk.obtainer)
    yield from of_admission(context.traffic)
    yield from of_operating(context.operating)
    yield from of_spans(context.operating.spans)
    yield from of_callers(context.identifier)
    yield from of_ledger(desk.ledger, context.delivery, records)


def printed(read: Callable[[], Iterator[Metric]]) -> bytes:
    """The text format of what *read* gives."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Figures(read))
    return generate_latest(registry)


async def _records(context: Context) -> float:
    """How many the ledger holds; not a number while it cannot be read: that is when to look."""
    try:
        return await context.desk.ledger.size()
    except LedgerError:
        return math.nan


@get(
    "/metrics",
    operation_id="getMetrics",
    summary="Figures for Prometheus",
    include_in_schema=False,
)
async def metrics(request: AnyRequest) -> Response[bytes]:
    """The text format; asks nobody."""
    context = context_of(request)
    records = await _records(context)
    process = CollectorRegistry(auto_describe=False)
    ProcessCollector(registry=process)
    text = printed(lambda: all_of(context, records)) + generate_latest(process)
    return Response(text, media_type=MEDIA_TYPE, headers={"cache-control": "no-store"})
