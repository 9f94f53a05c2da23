"""What examples and samples hold that no mapping reads, or that no contract has."""

from __future__ import annotations

from hub.audit.drift import Drift, Watch
from hub.mapping import coverage, load_schemas
from hub.position.evidence import Reading
from hub.testing.bench import Bench
from hub.testing.samples import payloads_on_file


async def drift_of(bench: Bench) -> Drift:
    """Counted over every payload on file of the connector on the bench."""
    maps = [bench.mapping(block) for block in bench.spec.blocks]
    watch = Watch({bench.name: coverage(maps, load_schemas(bench.contract))})
    async for operation, payload in payloads_on_file(bench):
        reading = Reading(source=bench.name, operation=operation, exchanges=(), payload=payload)
        watch.note_reading(reading)
    return watch.result()
