"""Every connector of the repository against the kit that outsiders run: gold or better."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.testing.bench import open_bench
from hub.testing.quality import judge, level_of
from hub.testing.report import lesson
from hub.testing.rule import TIERS

ROOT = Path(__file__).parents[2]
SYSTEMS = sorted(p.name for p in (ROOT / "connectors").iterdir() if (p / "__init__.py").exists())


@pytest.mark.parametrize("system", SYSTEMS)
async def test_a_connector_is_gold_or_better(system):
    """Each rule that it claims holds, and those up to gold are claimed or exempt with a reason."""
    async with open_bench(ROOT / "hub.toml", system) as bench:
        verdicts = await judge(bench)
    told = "\n".join(line for verdict in verdicts for line in lesson(verdict))
    assert not told, told
    level = level_of(verdicts)
    assert level is not None
    assert TIERS.index(level) >= TIERS.index("gold")
