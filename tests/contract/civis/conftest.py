"""One simulator per module: starting and stopping a server costs more than most tests."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from msgspec.structs import replace

from connectors.civis.simulator import simulate
from hub.sandbox.stage import Stage
from tests.contract.civis.asking import Civis
from tests.support.builders import NOW, MemoryRecorder, a_client
from tests.support.serving import a_stage, serving


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def simulator(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Stage, str]]:
    """The simulator on a real socket, at noon of a fixed day, and its address."""
    keys = tmp_path_factory.mktemp("keys")
    stage = a_stage("civis", keys, {"client_id": "hub"}, client_secret="the secret")
    stage = replace(stage, clock=lambda: NOW)
    async with serving(simulate(stage)) as url:
        yield stage, url


@pytest_asyncio.fixture(loop_scope="module")
async def civis(simulator: tuple[Stage, str]) -> AsyncIterator[Civis]:
    """The hub's way to a simulator without faults, with connections and a record of its own."""
    stage, url = simulator
    stage.faults.clear()
    recorder = MemoryRecorder()
    client = a_client("civis", url, recorder)
    yield Civis(stage=stage, client=client, recorder=recorder)
    await client.aclose()


@pytest_asyncio.fixture(loop_scope="module")
async def http(simulator: tuple[Stage, str]) -> AsyncIterator[httpx.AsyncClient]:
    """A plain HTTP client of a simulator without faults: nothing of the hub in between."""
    stage, url = simulator
    stage.faults.clear()
    async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
        yield client
