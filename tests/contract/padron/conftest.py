"""The simulated Padrón on a socket, a connector in front of it, and the hub's binding check."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from lxml import etree

from connectors.padron import SPEC, Settings, open_connector
from connectors.padron.simulator import simulate
from hub.core.binding import check_binding
from hub.core.connector import Query
from hub.core.exchange import SourceRecord
from hub.core.secret import Secret
from hub.sandbox.stage import Fault, Stage
from hub.wire.client import SourceClient
from tests.support.builders import MemoryRecorder, a_client
from tests.support.serving import a_stage, serving

ROOT = Path(__file__).parents[3]
CONTRACT = ROOT / "contracts" / "padron"
SAMPLES = CONTRACT / "samples"
PASSWORD = "only for tests"


class Play:
    """One simulated Padrón and what stands before it."""

    def __init__(self, stage: Stage, url: str, recorder: MemoryRecorder) -> None:
        self.stage, self.url, self.recorder = stage, url, recorder
        self.clients: list[SourceClient] = []

    def break_with(self, mode: str) -> None:
        """Put a fault mode in force."""
        self.stage.faults.put("padron", Fault(mode=mode))

    def connector(self, **settings: Any) -> Any:
        """A connector with its own client, with the right credentials unless told otherwise."""
        client = a_client("padron", self.url, self.recorder)
        self.clients.append(client)
        values = {"username": "hub", "password": Secret(PASSWORD), **settings}
        return open_connector(client, Settings(**values))

    async def ask(self, operation: str, query: Query) -> SourceRecord:
        """Fetch and check the binding, as the hub does."""
        record = await self.connector().fetch(operation, query)
        check_binding(SPEC.operation(operation), query, record)
        return record


@asynccontextmanager
async def playing(keys: Path) -> AsyncIterator[Play]:
    """A Play for the length of a `with` block."""
    stage = a_stage("padron", keys, {"username": "hub"}, password=PASSWORD)
    async with serving(simulate(stage)) as url:
        play = Play(stage, url, MemoryRecorder())
        yield play
        for client in play.clients:
            await client.aclose()


@pytest.fixture
async def play(tmp_path):
    async with playing(tmp_path) as found:
        yield found


def answering(body: bytes, status: int = 200, content_type: str = "text/xml") -> Any:
    """A connector whose source always answers *body*, at the seam below the recording."""

    def handle(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, content=body, headers={"content-type": content_type})

    client = a_client("padron", "http://padron.test/", transport=httpx.MockTransport(handle))
    return open_connector(client, Settings(username="hub", password=Secret(PASSWORD)))


def a_schema() -> etree.XMLSchema:
    """The contract's XSD as libxml2 understands it: independent of zeep and of our reader."""
    return etree.XMLSchema(etree.parse(CONTRACT / "padron.xsd"))


def payload_schema(operation: str) -> dict[str, Any]:
    """The JSON Schema of an operation's decoded payload."""
    path = CONTRACT / "payloads" / f"{operation}.schema.json"
    found: dict[str, Any] = json.loads(path.read_text())
    return found
