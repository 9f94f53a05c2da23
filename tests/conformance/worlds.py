"""What each connector needs to be asked: its settings, an access, and its simulator."""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
from msgspec import Struct

from hub.core.connector import Connector, Query, Spec
from hub.sandbox.population import Population
from hub.sandbox.prepare import prepare_sandbox, simulated_sources
from hub.sandbox.stage import Fault, FaultBoard, Stage
from hub.settings import Settings, load_settings
from hub.tables import convert_table
from hub.wire.client import open_client
from tests.support.builders import MemoryRecorder, a_query, an_official_access
from tests.support.serving import serving

ROOT = Path(__file__).parents[2]
NAMES = {"given_name": "Canario", "first_surname": "Muñoz"}


class World(Struct, frozen=True, kw_only=True):
    """One connector, opened as the hub opens it, with a recorder in place of the ledger."""

    connector: Connector
    recorder: MemoryRecorder
    faults: FaultBoard

    @property
    def spec(self) -> Spec:
        """The connector's declaration."""
        return self.connector.spec

    def query(self, **changes: Any) -> Query:
        """A query that every connector may send: an official's, with procedure and names."""
        return a_query(access=an_official_access(), names=NAMES, **changes)


def sandbox_settings(folder: Path) -> Settings:
    """The sandbox's configuration with its keys under *folder*."""
    (folder / "hub.toml").write_text((ROOT / "hub.toml").read_text("utf-8"), "utf-8")
    settings = load_settings(folder / "hub.toml", {})
    prepare_sandbox(settings)
    return settings


@asynccontextmanager
async def a_world(
    name: str,
    settings: Settings,
    *,
    transport: httpx.AsyncBaseTransport | None = None,
    recorder: MemoryRecorder | None = None,
) -> AsyncIterator[World]:
    """*name*'s connector in front of its simulator, or of *transport*."""
    faults = FaultBoard()
    source = next(item for item in simulated_sources(settings) if item.name == name)
    stage = Stage(
        source=name,
        population=Population(),
        faults=faults,
        settings=source.settings,
        keys=settings.path(settings.keys),
    )
    async with serving(simulator_of(name).simulate(stage)) as address:
        table = settings.sources[name]
        path = httpx.URL(table.url).path.lstrip("/")
        kept = recorder or MemoryRecorder()
        client = open_client(
            name, address + path, kept, keeps_cookies=table.cookies, transport=transport
        )
        module = importlib.import_module(table.module)
        options = convert_table(table.settings, module.Settings, settings.root, name)
        connector = module.open_connector(client, options)
        try:
            yield World(connector=connector, recorder=kept, faults=faults)
        finally:
            await client.aclose()


def simulator_of(name: str) -> ModuleType:
    """The simulator's module."""
    return importlib.import_module(f"connectors.{name}.simulator")


def fault(mode: str, **values: Any) -> Fault:
    """A fault to put on a world's board."""
    return Fault(mode=mode, values=values)
