"""Figures are what the parts counted, and say nothing about anybody."""

from __future__ import annotations

import asyncio

from prometheus_client.parser import text_string_to_metric_families

from hub.api.figures_hub import of_memory
from hub.api.figures_source import of_sources
from hub.api.metrics import printed
from tests.support.builders import CITIZEN, NOW, a_query
from tests.support.scripted import STEPS, World, after
from tests.support.simulated import simulate


def figures(world: World) -> dict[tuple[str, ...], float]:
    def read():
        yield from of_sources(world.sources, NOW)
        yield from of_memory(world.obtainer)

    text = printed(read).decode()
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
