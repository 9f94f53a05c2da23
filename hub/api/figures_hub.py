"""What the hub has counted of itself: requests, admission, memory, ledger, callers, the loop."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

from prometheus_client.core import Metric

from hub import __version__
from hub.api import loopwatch, tally
from hub.api.admission import Traffic
from hub.api.context import Operating
from hub.api.figures import counter, gauge, histogram
from hub.api.identifying import Identifier
from hub.api.token_form import RefusalReason
from hub.ledger import writer
from hub.ledger.delivery import Delivery
from hub.ledger.sqlite import SqliteLedger
from hub.position.obtain import Obtainer
from hub.telemetry import SpanTally


def of_memory(obtainer: Obtainer) -> Iterator[Metric]:
    """What is remembered and under way."""
    cache, flights = obtainer.cache, obtainer.flights
    yield gauge("hub_flights", "Operations under way.", [], [((), len(flights))])
    yield gauge(
        "hub_flights_unwatched", "Those that nobody waits for.", [], [((), flights.unwatched)]
    )
    yield counter(
        "hub_flights_joined",
        "Callers who joined an operation under way.",
        [],
        [((), flights.joined)],
    )
    yield gauge("hub_cache_answers", "Answers in memory.", [], [((), len(cache))])
    uses = (("hit", cache.hits), ("miss", cache.misses), ("stale", cache.stood_in))
    yield counter(
        "hub_cache_uses", "Uses of the memory.", ["use"], (((use,), n) for use, n in uses)
    )


def of_admission(traffic: Traffic) -> Iterator[Metric]:
    """Who was let in."""
    gate = traffic.gate
    yield gauge("hub_requests", "Requests under way.", [], [((), gate.in_flight)])
    yield gauge("hub_requests_limit", "The adaptive bound.", [], [((), gate.places)])
    yield gauge("hub_loop_lag_seconds", "Average wait for a turn.", [], [((), gate.lag_s)])
    why = {f"overload_{name}": gate.refused[name] for name in ("interactive", "batch")}
    why["rate"] = traffic.rates.refused
    yield counter(
        "hub_requests_refused",
        "Requests refused at the door.",
        ["why"],
        (((name,), n) for name, n in why.items()),
    )


def of_operating(operating: Operating) -> Iterator[Metric]:
    """The process: its loop, its requests, its configuration."""
    loop, requests = operating.loop, operating.requests
    yield gauge("hub_info", "Always 1.", ["version"], [((__version__,), 1)])
    yield histogram(
        "hub_loop_stall_seconds",
        "How late turns of the event loop came.",
        [],
        [((), loop.within, loop.seconds)],
        loopwatch.BOUNDS_S,
    )
    yield counter(
        "hub_http_requests",
        "Requests that ended; status 0 where the client had gone.",
        ["route", "method", "status"],
        (((r, m, str(status)), n) for (r, m, status), n in sorted(requests.ended.items())),
    )
    yield histogram(
        "hub_http_request_seconds",
        "How long requests took.",
        ["route"],
        (((r,), within, requests.seconds[r]) for r, within in sorted(requests.within.items())),
        tally.BOUNDS_S,
    )
    outcomes = {"taken": operating.reloaded, "refused": operating.refused}
    yield counter(
        "hub_config_reloads",
        "Reloads of the configuration.",
        ["outcome"],
        (((name,), n) for name, n in outcomes.items()),
    )
    yield gauge(
        "hub_config_refused",
        "1 while the file is not what is served.",
        [],
        [((), int(operating.is_refused))],
    )
    yield gauge("hub_leaving", "1 once told to stop.", [], [((), int(operating.is_leaving))])


def of_spans(tally: SpanTally) -> Iterator[Metric]:
    """What became of traces."""
    ends = {"sent": tally.sent, "failed": tally.failed, "dropped": tally.dropped}
    yield counter(
        "hub_spans",
        "Spans of traces that ended.",
        ["outcome"],
        (((name,), n) for name, n in ends.items()),
    )


def of_callers(identifier: Identifier) -> Iterator[Metric]:
    """Tokens that were refused, and the issuers' keys."""
    seen = identifier.refusals.seen
    reasons = sorted({*get_args(RefusalReason), *seen})
    yield counter(
        "hub_tokens_refused",
        "Tokens that were refused, and officials that were stopped.",
        ["reason"],
        (((reason,), seen[reason]) for reason in reasons),
    )
    keys = identifier.authenticator.published
    yield gauge(
        "hub_issuer_keys_age_seconds",
        "Time since an issuer confirmed its keys.",
        ["issuer"],
        (((name,), one.age_s) for name, one in keys.items()),
    )
    yield counter(
        "hub_issuer_keys_failures",
        "Fetches of an issuer's keys that brought nothing usable.",
        ["issuer"],
        (((name,), one.failures) for name, one in keys.items()),
    )


def of_ledger(ledger: object, delivery: Delivery, records: float) -> Iterator[Metric]:
    """How the ledger writes, and who else holds its head."""
    yield gauge("hub_ledger_records", "Records in the ledger.", [], [((), records)])
    if isinstance(ledger, SqliteLedger):
        written = ledger.writer.tally
        yield gauge(
            "hub_ledger_waiting", "Requests to write that wait.", [], [((), ledger.writer.waiting)]
        )
        yield counter("hub_ledger_failures", "Appends that failed.", [], [((), written.failed)])
        yield histogram(
            "hub_ledger_append_seconds",
            "How long an append took, with its wait.",
            [],
            [((), written.within, written.seconds)],
            writer.BOUNDS_S,
        )
    yield gauge(
        "hub_ledger_outside_copy",
        "1 while some place outside took the head lately, or had all there was.",
        [],
        [((), int(delivery.is_outside()))],
    )
    yield gauge(
        "hub_ledger_delivered_timestamp_seconds",
        "When a place outside last took a checkpoint.",
        ["place"],
        (((copy.place,), copy.at.timestamp()) for copy in delivery.copies() if copy.at),
    )
