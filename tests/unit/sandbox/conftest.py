"""A sandbox with one tiny source, on real sockets."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from hub.sandbox.runner import Running, SimulatedSource, open_sandbox

TINY = SimulatedSource(name="tiny", module="tests.unit.sandbox.tiny")


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    async with open_sandbox([TINY], keys=tmp_path / "keys") as running:
        yield running


@pytest.fixture
async def source(running: Running) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the simulated source."""
    url = running.readiness.sources["tiny"]
    async with httpx.AsyncClient(base_url=url, timeout=5, trust_env=False) as client:
        yield client


@pytest.fixture
async def control(running: Running) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the control port."""
    url = running.readiness.control
    async with httpx.AsyncClient(base_url=url, timeout=5, trust_env=False) as client:
        yield client
