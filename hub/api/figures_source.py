"""What the hub has counted of each source. Labels: sources, operations, reasons, settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client.core import Metric

from hub.api.figures import counter, gauge, histogram
from hub.core.errors import REFUSAL_REASONS, SECURITY_REASONS
from hub.position.sources import Source, Sources
from hub.wire.guard import BOUNDS_S, SourceGuard, Standing

_BREAKER = {"closed": 0, "half_open": 1, "open": 2}


def of_sources(sources: Sources) -> Iterator[Metric]:
    """Every family about sources, read now."""
    guards = [source.client.guard for source in sources.by_name.values()]
    yield from _operations(guards)
    yield from _by_operation(list(sources.by_name.values()))
    yield from _budgets(guards)
    yield from _standings(guards)
    yield from _pulse(sources)
    yield from _trust(guards)
    yield from _drift(sources)


def _operations(guards: list[SourceGuard]) -> Iterator[Metric]:
    yield counter(
        "hub_operations",
        "Operations that ended, by technical reason, ok or cancelled.",
        ["source", "operation", "reason"],
        (
            ((guard.source, operation, reason), count)
            for guard in guards
            for (operation, reason), count in sorted(guard.tally.ended.items())
        ),
    )
    yield counter(
        "hub_operations_refused",
        "Operations that were not begun, by technical reason.",
        ["source", "reason"],
        (
            ((guard.source, why), count)
            for guard in guards
            for why, count in sorted(guard.tally.refused.items())
        ),
    )
    yield histogram(
        "hub_operation_seconds",
        "How long operations took.",
        ["source"],
        ((((guard.source,)), guard.tally.within, guard.tally.seconds) for guard in guards),
        BOUNDS_S,
    )


def _by_operation(sources: list[Source]) -> Iterator[Metric]:
    """What is told of each operation from the start, before anything happened to it."""
    yield counter(
        "hub_operations_declined",
        "Operations that the source refused: somebody has to mend something, or it comes again.",
        ["source", "operation", "reason"],
        (row for source in sources for row in _declined(source)),
    )
    yield gauge(
        "hub_switched_off",
        "1 while an operation is switched off, by itself or with its whole source.",
        ["source", "operation"],
        (
            ((source.spec.name, one.name), int(source.client.guard.switch.is_off(one.name)))
            for source in sources
            for one in source.spec.operations
        ),
    )


def _declined(source: Source) -> Iterator[tuple[tuple[str, str, str], int]]:
    declined = source.client.guard.tally.declined
    known = {(one.name, why) for one in source.spec.operations for why in REFUSAL_REASONS}
    for operation, why in sorted(known.union(declined)):
        yield (source.spec.name, operation, why), declined[operation, why]


def _budgets(guards: list[SourceGuard]) -> Iterator[Metric]:
    yield counter(
        "hub_retries",
        "Attempts after the first, and those that the budget refused.",
        ["source", "outcome"],
        (
            row
            for guard in guards
            for row in (
                ((guard.source, "made"), guard.budget.spent),
                ((guard.source, "refused"), guard.budget.refused),
            )
        ),
    )
    yield counter(
        "hub_breaker_opened",
        "How often a breaker opened.",
        ["source"],
        (((guard.source,), guard.breaker.opened) for guard in guards),
    )


_STANDINGS: tuple[tuple[str, str, Callable[[Standing], float]], ...] = (
    ("hub_breaker_state", "0 closed, 1 half open, 2 open.", lambda s: _BREAKER[s.breaker]),
    ("hub_in_flight", "Operations under way.", lambda s: s.in_flight),
    ("hub_in_flight_limit", "The adaptive limit.", lambda s: s.limit),
    ("hub_waiting", "Operations that wait for a place.", lambda s: s.waiting),
    ("hub_quiet_seconds", "Time until the source is asked again.", lambda s: s.retry_after or 0),
)


def _standings(guards: list[SourceGuard]) -> Iterator[Metric]:
    rows = [(guard.source, guard.standing()) for guard in guards]
    for name, text, value in _STANDINGS:
        yield gauge(name, text, ["source"], [((source,), value(s)) for source, s in rows])


def _pulse(sources: Sources) -> Iterator[Metric]:
    beats = sources.pulse.beats()
    yield gauge(
        "hub_source_failing",
        "1 while the last answer of a source was not usable.",
        ["source"],
        (((name,), int(beat.state == "failing")) for name, beat in sorted(beats.items())),
    )


def _trust(guards: list[SourceGuard]) -> Iterator[Metric]:
    yield counter(
        "hub_security_events",
        "Answers that were not to be believed, by reason.",
        ["source", "reason"],
        (
            ((guard.source, reason), _ended(guard, reason))
            for guard in guards
            for reason in sorted(SECURITY_REASONS)
        ),
    )


def _drift(sources: Sources) -> Iterator[Metric]:
    kinds = ("misfit", "unknown_code")
    names = sorted({m.name for s in sources.by_name.values() for m in s.mappings.values()})
    yield counter(
        "hub_mapping_drift",
        "Answers that a mapping could not read, and fields with a code that its list lacks.",
        ["mapping", "kind"],
        (((name, kind), sources.drift[name, kind]) for name in names for kind in kinds),
    )


def _ended(guard: SourceGuard, reason: str) -> int:
    return sum(n for (_, why), n in guard.tally.ended.items() if why == reason)
