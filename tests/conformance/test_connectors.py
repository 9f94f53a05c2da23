"""Every connector of the repository against the kit that outsiders run: gold or better."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.testing.bench import open_bench
from hub.testing.quality import judge, level_of
from hub.testing.report import lesson
from hub.testing.rule import TIERS

ROOT = Path(__file__).parents[2]
FOLDERS = {path.parent.name for path in (ROOT / "connectors").glob("*/__init__.py")}
SYSTEMS = sorted(FOLDERS - {"common"})


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


async def test_what_a_connector_shares_is_held_to_the_same_rules():
    """Code beside its folder is the connector's as far as it imports it."""
    async with open_bench(ROOT / "hub.toml", "citas") as bench:
        shown = [bench.shown(path) for path in bench.sources()]
    assert "connectors/common/consulta.py" in shown
    assert "connectors/common/consulta_simulator.py" not in shown
