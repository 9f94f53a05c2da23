"""A connector of each profile, in front of the simulator or of fixed bytes, over a real socket."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from msgspec.structs import replace

from connectors.avisos import SPEC, Settings, open_connector
from connectors.avisos.simulator import simulate
from connectors.avisos.simulator.reports import reports_of
from hub.core.binding import check_binding
from hub.core.connector import Connector, Query
from hub.core.exchange import SourceRecord
from hub.core.model.service_request import ServiceRequest, ServiceRequests
from hub.core.secret import Secret
from hub.mapping import Mapping, load_mapping
from hub.sandbox.population import Population
from hub.sandbox.stage import Fault, Stage
from tests.support.builders import NOW, MemoryRecorder, a_client, a_query
from tests.support.serving import a_stage, serving

ROOT = Path(__file__).parents[3]
CONTRACT = ROOT / "contracts" / "avisos"
SAMPLES = CONTRACT / "samples"
PROFILES: dict[str, dict[str, Any]] = {
    "madrid": {"profile": "madrid"},
    "georeport_json": {"profile": "georeport", "format": "json"},
    "georeport_xml": {"profile": "georeport", "format": "xml"},
}
OPERATION = SPEC.operation("requests")
SCHEMA = json.loads((CONTRACT / "payloads" / "requests.schema.json").read_text())

every_profile = pytest.mark.parametrize("profile", PROFILES)


@dataclass(frozen=True)
class Scene:
    """A connector, the ledger that it writes to, and the stage of what it asks."""

    connector: Connector
    recorder: MemoryRecorder
    stage: Stage
    url: str

    async def ask(self, query: Query) -> SourceRecord:
        """The bound answer to *query*."""
        record = await self.connector.fetch("requests", query)
        check_binding(OPERATION, query, record)
        return record


@cache
def the_mapping() -> Mapping:
    """The mapping that serves both profiles."""
    return load_mapping(ROOT / "mappings" / "avisos", "serviceRequests", ServiceRequests)


def the_block(record: SourceRecord) -> ServiceRequests:
    """The canonical block of *record*."""
    block = the_mapping().apply({record.operation: record.payload})
    assert isinstance(block, ServiceRequests)
    return block


def the_settings(profile: str, **changes: Any) -> Settings:
    """Settings of *profile* with the test's credentials."""
    values = {"client_id": "hub", "app_key": Secret("right"), "account_key": Secret("shared")}
    return Settings(**{**values, **PROFILES[profile], **changes})


@asynccontextmanager
async def scene(
    profile: str,
    fault: Fault | None = None,
    *,
    app: Any = None,
    url: str | None = None,
    **changes: Any,
) -> AsyncIterator[Scene]:
    """The connector before the simulator of its profile, or before *app*, or at *url*."""
    settings = {"client_id": "hub", **PROFILES[profile]}
    secrets = {"app_key": "right", "account_key": "shared"}
    stage = replace(a_stage("avisos", Path("unused"), settings, **secrets), clock=lambda: NOW)
    if fault:
        stage.faults.put("avisos", fault)
    recorder = MemoryRecorder()
    async with serving(app or simulate(stage)) as served:
        client = a_client("avisos", url or f"{served}AVSICAPI/", recorder)
        connector = open_connector(client, the_settings(profile, **changes))
        try:
            yield Scene(connector, recorder, stage, served)
        finally:
            await client.aclose()


def answering(
    body: bytes, content_type: str = "application/json", status: int = 200, *, echo: bool = True
) -> Any:
    """An application that always says *body*, and gives the request id back."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        asked = dict(scope["headers"]).get(b"x-request-id", b"")
        headers = [(b"content-type", content_type.encode()), (b"x-request-id", asked)]
        await send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": headers if echo else headers[:1],
            }
        )
        await send({"type": "http.response.body", "body": body})

    return app


def numbers_of(index: int = 2) -> list[str]:
    """The numbers of the person's reports, from the population and not from an answer."""
    population = Population()
    return [
        report.number for report in reports_of(population, population.person(index), NOW.date())
    ]


async def block_under(profile: str, mode: str, **values: Any) -> tuple[ServiceRequest, ...]:
    """The items that the default citizen gets while a fault is in force."""
    async with scene(profile, Fault(mode=mode, values=values)) as s:
        record = await s.ask(a_query())
    jsonschema.validate(record.payload, SCHEMA)
    return the_block(record).items
