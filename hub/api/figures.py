"""Small makers of metric families, so that what is measured reads as a list."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

Rows = Iterable[tuple[Sequence[str], float]]
"""Per combination of labels a value."""


def counter(name: str, text: str, labels: Sequence[str], rows: Rows) -> CounterMetricFamily:
    """What only grows; `_total` is added to *name*."""
    family = CounterMetricFamily(name, text, labels=labels)
    for values, value in rows:
        family.add_metric(list(values), value)
    return family


def gauge(name: str, text: str, labels: Sequence[str], rows: Rows) -> GaugeMetricFamily:
    """What goes up and down."""
    family = GaugeMetricFamily(name, text, labels=labels)
    for values, value in rows:
        family.add_metric(list(values), value)
    return family


def histogram(
    name: str,
    text: str,
    labels: Sequence[str],
    rows: Iterable[tuple[Sequence[str], Mapping[float, int], float]],
    bounds: Sequence[float],
) -> HistogramMetricFamily:
    """Durations: per combination of labels counts by bound, and their sum."""
    family = HistogramMetricFamily(name, text, labels=labels)
    for values, within, seconds in rows:
        family.add_metric(list(values), _cumulative(within, bounds), seconds)
    return family


def _cumulative(within: Mapping[float, int], bounds: Sequence[float]) -> list[tuple[str, float]]:
    total, rows = 0, []
    for bound in (*bounds, math.inf):
        total += within.get(bound, 0)
        rows.append(("+Inf" if bound == math.inf else str(bound), float(total)))
    return rows
