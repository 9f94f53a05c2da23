"""`/metrics` for Prometheus: what the parts have counted themselves, collected when asked.

Labels name sources, operations, reasons and classes: closed lists of the hub's own, so that no
label can hold anything about a person, and their number is bounded.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from litestar import Response, get
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from hub.api.admission import Traffic
from hub.api.context import AnyRequest, context_of
from hub.position.desk import Desk
from hub.wire.guard import BOUNDS_S, SourceGuard

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_BREAKER = {"closed": 0, "half_open": 1, "open": 2}


class HubCollector(Collector):
    """The families of one hub."""

    def __init__(self, desk: Desk, traffic: Traffic) -> None:
        self._desk, self._traffic = desk, traffic

    def collect(self) -> Iterator[Metric]:
        """Every family, read now."""
        guards = [source.client.guard for source in self._desk.sources.by_name.values()]
        yield from _operations(guards)
        yield from _budgets(guards)
        yield from _standings(guards)
        yield from self._memory()
        yield from self._admission()

    def _memory(self) -> Iterator[Metric]:
        cache, flights = self._desk.obtainer.cache, self._desk.obtainer.flights
        yield GaugeMetricFamily("hub_flights", "Operations under way.", value=len(flights))
        yield CounterMetricFamily(
            "hub_flights_joined", "Callers who joined an operation under way.", value=flights.joined
        )
        yield GaugeMetricFamily("hub_cache_answers", "Answers in memory.", value=len(cache))
        uses = CounterMetricFamily("hub_cache_uses", "Uses of the memory.", labels=["use"])
        for use, count in (("hit", cache.hits), ("miss", cache.misses), ("stale", cache.stood_in)):
            uses.add_metric([use], count)
        yield uses

    def _admission(self) -> Iterator[Metric]:
        gate = self._traffic.gate
        yield GaugeMetricFamily("hub_requests", "Requests under way.", value=gate.in_flight)
        yield GaugeMetricFamily("hub_requests_limit", "The adaptive bound.", value=gate.places)
        yield GaugeMetricFamily(
            "hub_loop_lag_seconds", "Average wait for a turn.", value=gate.lag_s
        )
        refused = CounterMetricFamily(
            "hub_requests_refused", "Requests refused at the door.", labels=["why"]
        )
        for class_ in ("interactive", "batch"):
            refused.add_metric([f"overload_{class_}"], gate.refused[class_])
        refused.add_metric(["rate"], self._traffic.rates.refused)
        yield refused


def _operations(guards: list[SourceGuard]) -> Iterator[Metric]:
    ended = CounterMetricFamily(
        "hub_operations",
        "Operations that ended, by technical reason, ok or cancelled.",
        labels=["source", "operation", "reason"],
    )
    refused = CounterMetricFamily(
        "hub_operations_refused",
        "Operations that were not begun, by technical reason.",
        labels=["source", "reason"],
    )
    declined = CounterMetricFamily(
        "hub_operations_declined",
        "Operations that the source refused: somebody has to mend something, or it comes again.",
        labels=["source", "operation", "reason"],
    )
    seconds = HistogramMetricFamily(
        "hub_operation_seconds", "How long operations took.", labels=["source"]
    )
    for guard in guards:
        for (operation, reason), count in sorted(guard.tally.ended.items()):
            ended.add_metric([guard.source, operation, reason], count)
        for (operation, reason), count in sorted(guard.tally.declined.items()):
            declined.add_metric([guard.source, operation, reason], count)
        for why, count in sorted(guard.tally.refused.items()):
            refused.add_metric([guard.source, why], count)
        seconds.add_metric([guard.source], _cumulative(guard), guard.tally.seconds)
    yield from (ended, declined, refused, seconds)


def _cumulative(guard: SourceGuard) -> list[tuple[str, float]]:
    total, rows = 0, []
    for bound in (*BOUNDS_S, math.inf):
        total += guard.tally.within[bound]
        rows.append(("+Inf" if bound == math.inf else str(bound), float(total)))
    return rows


def _budgets(guards: list[SourceGuard]) -> Iterator[Metric]:
    retries = CounterMetricFamily(
        "hub_retries", "Attempts after the first.", labels=["source", "outcome"]
    )
    opened = CounterMetricFamily(
        "hub_breaker_opened", "How often a breaker opened.", labels=["source"]
    )
    for guard in guards:
        retries.add_metric([guard.source, "made"], guard.budget.spent)
        retries.add_metric([guard.source, "refused"], guard.budget.refused)
        opened.add_metric([guard.source], guard.breaker.opened)
    yield from (retries, opened)


def _standings(guards: list[SourceGuard]) -> Iterator[Metric]:
    breaker = GaugeMetricFamily(
        "hub_breaker_state", "0 closed, 1 half open, 2 open.", labels=["source"]
    )
    under_way = GaugeMetricFamily("hub_in_flight", "Operations under way.", labels=["source"])
    limit = GaugeMetricFamily("hub_in_flight_limit", "The adaptive limit.", labels=["source"])
    waiting = GaugeMetricFamily("hub_waiting", "Operations that wait.", labels=["source"])
    off = GaugeMetricFamily("hub_switched_off", "Switches that are off.", labels=["source"])
    for guard in guards:
        standing = guard.standing()
        breaker.add_metric([guard.source], _BREAKER[standing.breaker])
        under_way.add_metric([guard.source], standing.in_flight)
        limit.add_metric([guard.source], standing.limit)
        waiting.add_metric([guard.source], standing.waiting)
        off.add_metric([guard.source], len(standing.off))
    yield from (breaker, under_way, limit, waiting, off)


@get(
    "/metrics",
    operation_id="getMetrics",
    summary="Figures for Prometheus",
    include_in_schema=False,
)
async def metrics(request: AnyRequest) -> Response[bytes]:
    """The text format; asks nobody."""
    context = context_of(request)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(HubCollector(context.desk, context.traffic))
    headers = {"cache-control": "no-store"}
    return Response(generate_latest(registry), media_type=MEDIA_TYPE, headers=headers)
