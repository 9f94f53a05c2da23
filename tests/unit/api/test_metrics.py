"""Figures are what the parts counted, and say nothing about anybody."""

from __future__ import annotations

import asyncio

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs

from hub.api.admission import Traffic
from hub.api.metrics import HubCollector
from tests.support.builders import CITIZEN, a_query
from tests.support.scripted import STEPS, World, after
from tests.support.simulated import simulate


class _Desk:
    """The two parts of a desk that figures come from."""

    def __init__(self, world: World) -> None:
        self.sources, self.obtainer = world.sources, world.obtainer


def figures(world: World) -> dict[tuple[str, ...], float]:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(HubCollector(_Desk(world), Traffic()))  # type: ignore[arg-type]  # two parts suffice
    text = generate_latest(registry).decode()
    assert CITIZEN not in text
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_figures_follow_what_happened():
    """Operations by reason, refusals, breaker, memory and histogram, read by an own parser."""

    async def story():
        world = World(after(0.3))
        first = await asyncio.gather(
            *(world.obtainer.obtain(STEPS["read"], a_query(), short=True) for _ in range(3))
        )
        assert len(first) == 3
        world.far = after(0.1, 500)
        for _ in range(12):
            await world.obtainer.obtain(STEPS["social"], a_query(), short=True)
        seen = figures(world)
        assert seen["hub_operations_total", "read", "ok", "x"] == 1
        assert seen["hub_operations_total", "social", "backend_fault", "x"] == 9
        assert seen["hub_operations_refused_total", "circuit_open", "x"] >= 1
        assert seen["hub_breaker_state", "x"] == 2
        assert seen["hub_breaker_opened_total", "x"] == 1
        assert seen["hub_flights_joined_total",] == 2
        assert seen["hub_cache_answers",] == 1
        assert (
            seen["hub_operation_seconds_bucket", "0.5", "x"]
            == seen["hub_operation_seconds_count", "x"]
        )
        assert seen["hub_operation_seconds_bucket", "0.05", "x"] == 0

    simulate(story())


def test_operators_are_alerted_of_what_the_source_refuses():
    """Counted and logged as an error, by code or rule: nobody else can mend it."""

    async def story():
        world = World(after(0.1, 403))
        with capture_logs() as lines:
            await world.obtainer.obtain(STEPS["read"], a_query(), short=True)
            world.far = after(0.1, 503)
            await world.obtainer.obtain(STEPS["social"], a_query(), short=True)
        refused = [line for line in lines if line["event"] == "source_refused"]
        assert refused == [
            {
                "event": "source_refused",
                "log_level": "error",
                "source": "x",
                "operation": "read",
                "reason": "hub_credentials",
                "detail": "HTTP 403",
            }
        ]
        seen = figures(world)
        assert seen["hub_operations_declined_total", "read", "hub_credentials", "x"] == 1
        assert [key for key in seen if "declined_total" in key[0]] == [
            ("hub_operations_declined_total", "read", "hub_credentials", "x")
        ]

    simulate(story())
