"""The connector of SAP-TRM in front of its simulator, over a real socket."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from msgspec import Struct

from connectors.sap_trm import SPEC, Settings, open_connector
from connectors.sap_trm.simulator import simulate
from hub.core.binding import check_binding
from hub.core.connector import Connector
from hub.core.exchange import SourceRecord
from hub.core.secret import Secret
from hub.sandbox.population import Population
from hub.sandbox.stage import Fault, FaultBoard, Stage
from tests.support.builders import CITIZEN, NOW, MemoryRecorder, a_client, a_query
from tests.support.serving import serving

REPOSITORY = Path(__file__).parents[3]
CONTRACT = REPOSITORY / "contracts" / "sap_trm"
MAPPINGS = REPOSITORY / "mappings" / "sap_trm"
SERVICE = "sap/opu/odata/sap/ZTRM_CARPETA_SRV"
USER, PASSWORD = "CARPETA", "only-for-tests"
TODAY = dt.date(2026, 11, 22)


def the_settings(**changes: Any) -> Settings:
    """The settings that the simulator of these tests lets in."""
    return Settings(**{"user": USER, "password": Secret(PASSWORD), **changes})


def the_stage() -> Stage:
    """A stage whose clock stands still."""
    return Stage(
        source="sap_trm",
        population=Population(),
        faults=FaultBoard(),
        settings={"user": USER, "password": Secret(PASSWORD), "sap_client": "100"},
        keys=Path("no-keys"),
        clock=lambda: NOW,
    )


class Play(Struct, kw_only=True):
    """A simulator at *url*, the connector in front of it, and what went over the wire."""

    stage: Stage
    url: str
    connector: Connector
    recorder: MemoryRecorder

    async def fetch(
        self, operation: str = "items", number: str = CITIZEN, seconds: float = 5.0
    ) -> SourceRecord:
        """The record of *operation* about *number*, checked as the hub checks it."""
        query = a_query(number, seconds=seconds)
        record = await self.connector.fetch(operation, query)
        check_binding(SPEC.operation(operation), query, record)
        return record

    def fail(self, mode: str, **values: Any) -> None:
        """Put a fault in force."""
        self.stage.faults.put("sap_trm", Fault(mode=mode, values=values))

    def number(self, index: int) -> str:
        """The document number of the citizen at *index*."""
        return self.stage.population.number(index)


@asynccontextmanager
async def playing(*, keeps_cookies: bool = True, **settings: Any) -> AsyncIterator[Play]:
    """A Play for the length of a `with` block."""
    stage, recorder = the_stage(), MemoryRecorder()
    async with serving(simulate(stage)) as url:
        client = a_client("sap_trm", f"{url}{SERVICE}", recorder, keeps_cookies=keeps_cookies)
        connector = open_connector(client, the_settings(**settings))
        try:
            yield Play(stage=stage, url=url, connector=connector, recorder=recorder)
        finally:
            await client.aclose()


def scripted(*answers: httpx.Response | bytes) -> tuple[Connector, MemoryRecorder]:
    """The connector in front of a seam that gives *answers* in turn, then the last for ever."""
    recorder, rest = MemoryRecorder(), list(answers)

    def answer(_request: httpx.Request) -> httpx.Response:
        one = rest.pop(0) if len(rest) > 1 else rest[0]
        if isinstance(one, bytes):
            return httpx.Response(200, headers={"content-type": "application/json"}, content=one)
        return httpx.Response(one.status_code, headers=one.headers, content=one.content)

    transport = httpx.MockTransport(answer)
    client = a_client("sap_trm", f"http://sap.test/{SERVICE}", recorder, transport=transport)
    return open_connector(client, the_settings()), recorder
