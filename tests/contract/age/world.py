"""The platform on a socket and the connector in front of it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, overload

import pytest
from msgspec import Struct

from connectors.age import Settings, simulator
from connectors.age.connector import SERVICES, Age
from connectors.age.request import new_request_id
from connectors.age.service import Service
from hub.core.connector import Query
from hub.core.moment import Clock, utc_now
from hub.core.secret import Secret
from hub.sandbox import magic
from hub.sandbox.certificates import CertificateFiles
from hub.sandbox.population import Population
from hub.sandbox.stage import Fault, FaultBoard, Stage
from hub.wire.client import open_client
from tests.support.builders import MemoryRecorder, a_query, an_official_access
from tests.support.serving import serving

PATH = "servicios/SVD/"
PEOPLE = Population()


class World(Struct, frozen=True, kw_only=True):
    """A running platform, its faults, the connector and what was recorded."""

    age: Age
    faults: FaultBoard
    recorder: MemoryRecorder
    url: str

    def spoil(self, mode: str, **values: Any) -> None:
        """Put a fault of the simulator in force."""
        self.faults.put("age", Fault(mode=mode, values=values))


def settings(files: CertificateFiles, **changes: Any) -> Settings:
    """The connector's settings with the sandbox's certificates."""
    values: dict[str, Any] = {
        "requester_id": "P2807900B",
        "requester_name": "Ayuntamiento de Madrid",
        "certificate": Secret(files.hub.read_text()),
        "key": Secret(files.hub_key.read_text()),
        "signer": Secret(files.platform.read_text()),
        "signers": {"SVDTGSSVIDALABORALWS01": Secret(files.provider.read_text())},
    }
    return Settings(**{**values, **changes})


@asynccontextmanager
async def a_world(
    files: CertificateFiles,
    *,
    clock: Clock = utc_now,
    platform_clock: Clock = utc_now,
    platform: dict[str, Any] | None = None,
    new_id: Callable[[str], str] = new_request_id,
    services: tuple[Service, ...] = SERVICES,
    **changes: Any,
) -> AsyncIterator[World]:
    """Everything together, for the length of a `with` block."""
    faults, recorder = FaultBoard(), MemoryRecorder()
    stage = Stage(
        source="age",
        population=PEOPLE,
        faults=faults,
        settings=platform or {},
        keys=files.ca.parent,
        clock=platform_clock,
    )
    async with serving(simulator.simulate(stage)) as url:
        client = open_client("age", f"{url}{PATH}", recorder, clock=clock)
        try:
            age = Age(client, settings(files, **changes), new_id, services)
            yield World(age=age, faults=faults, recorder=recorder, url=url)
        finally:
            await client.aclose()


def asking(index: int = magic.DEFAULT_CITIZEN, **changes: object) -> Query:
    """An official's question about the synthetic person at *index*."""
    person = PEOPLE.person(index)
    assert person.document is not None
    number = person.document.number
    names = {"given_name": person.given_name, "first_surname": person.first_surname}
    if person.second_surname:
        names["second_surname"] = person.second_surname
    return a_query(number, access=an_official_access(number, **changes), names=names)


def contract(*parts: str) -> Path:
    """A file of the contract."""
    return Path(__file__).resolve().parents[3].joinpath("contracts", "age", *parts)


@overload
def real_data(*parts: str) -> Path: ...
@overload
def real_data(*parts: str, optional: bool) -> Path | None: ...
def real_data(*parts: str, optional: bool = False) -> Path | None:
    """A file of the reference data, which is not part of the project; skips where it is absent.

    It is looked for in HUB_SHARED_DATA, or in `shared/data` beside the checkout.
    """
    named = os.environ.get("HUB_SHARED_DATA")
    beside = [p / "shared" / "data" for p in Path(__file__).resolve().parents[3].parents]
    for folder in [Path(named)] if named else beside:
        path = folder.joinpath("scsp", *parts)
        if path.exists():
            return path
    if optional:
        return None
    pytest.skip("the official schemas and samples of SCSP are not beside this checkout")
