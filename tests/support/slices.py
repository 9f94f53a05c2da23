"""A connector of the repository in front of its simulator, its samples and its mapping."""

from __future__ import annotations

import importlib
import json
import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import jsonschema
from msgspec import Struct
from msgspec.structs import replace
from openapi_spec_validator import validate

from hub.core.binding import check_binding
from hub.core.connector import Connector, Query
from hub.core.exchange import SourceRecord
from hub.core.model import BLOCKS
from hub.core.model.canonical import Canonical
from hub.core.secret import Secret
from hub.mapping import (
    Mapping,
    as_json,
    check_paths,
    coverage,
    examples_path,
    load_mapping,
    load_schemas,
    run_examples,
)
from hub.sandbox.stage import Fault, Stage
from tests.support.builders import CITIZEN, NOW, MemoryRecorder, a_client, a_query
from tests.support.serving import a_stage, serving

ROOT = Path(__file__).parents[2]
USER, PASSWORD = "hub", "the secret"


class Slice(Struct, frozen=True, kw_only=True):
    """What belongs to one system with one operation and one block."""

    system: str
    operation: str
    block: str

    @property
    def contract(self) -> Path:
        """The folder of its contract."""
        return ROOT / "contracts" / self.system

    @property
    def mappings(self) -> Path:
        """The folder of its mappings."""
        return ROOT / "mappings" / self.system

    @property
    def samples(self) -> list[Path]:
        """The decoded answers on file: what is no golden block and no refusal."""
        found = (self.contract / "samples").glob(f"{self.operation}-*.json")
        return sorted(path for path in found if ".golden." not in path.name)

    @property
    def readme(self) -> str:
        """The page about the connector."""
        return (ROOT / "connectors" / self.system / "README.md").read_text("utf-8")

    @property
    def schema(self) -> Any:
        """The contract's schema of the decoded answer."""
        return load_schemas(self.contract)[self.operation]

    @property
    def rules(self) -> dict[str, Any]:
        """Its quality list."""
        path = ROOT / "connectors" / self.system / "quality.toml"
        return tomllib.loads(path.read_text("utf-8"))["rules"]

    def check(self, payload: object) -> None:
        """Raise unless *payload* is by the contract."""
        jsonschema.Draft202012Validator(self.schema).validate(payload)

    def meaning(self) -> Mapping:
        """The compiled mapping."""
        return _meaning(self.system, self.block)

    def block_of(self, payload: dict[str, Any]) -> Any:
        """The canonical block that *payload* becomes."""
        value = self.meaning().apply({self.operation: payload})
        assert isinstance(value, Canonical)
        return value

    def check_sample(self, sample: Path) -> None:
        """A sample is by the contract, and means what stands beside it."""
        payload = json.loads(sample.read_text("utf-8"))
        self.check(payload)
        golden = json.loads(sample.with_suffix(".golden.json").read_text("utf-8"))
        assert as_json(self.block_of(payload)) == golden

    def check_mapping(self) -> None:
        """Every path exists, every leaf is read or left alone for a reason, examples hold."""
        schemas = {self.operation: self.schema}
        assert check_paths(self.meaning(), schemas) == ()
        assert coverage(self.meaning(), schemas).never_read == ()
        assert run_examples(self.meaning(), examples_path(self.mappings, self.block)) == ()

    def check_page(self, faults: frozenset[str], promised: set[str]) -> None:
        """README names every operation, echo, setting and fault mode; each mode has a promise."""
        module = importlib.import_module(f"connectors.{self.system}")
        echoes = {echo.path for operation in module.SPEC.operations for echo in operation.echoes}
        for word in {self.operation, *echoes, *faults}:
            assert f"`{word}`" in self.readme, word
        assert all(f"{name} = " in self.readme for name in module.Settings.__struct_fields__)
        assert promised == faults
        assert all(state == "done" or state["exempt"] for state in self.rules.values())

    def check_openapi(self) -> None:
        """The interface is valid OpenAPI, and no identifier can travel in an address."""
        validate(self.openapi, base_uri=(self.contract / "openapi.json").as_uri())
        for path, methods in self.openapi["paths"].items():
            assert "{" not in path
            assert all("parameters" not in operation for operation in methods.values())

    @property
    def openapi(self) -> Any:
        """The interface of a REST system."""
        return json.loads((self.contract / "openapi.json").read_text("utf-8"))

    def check_question(self, playing: Playing) -> None:
        """The one message fits the contract and names the person in its body alone."""
        [sent] = playing.recorder.sent
        question = self.openapi["components"]["schemas"]["Consulta"]
        jsonschema.validate(json.loads(sent.message.body), question)
        assert CITIZEN in sent.message.body.decode()
        assert CITIZEN not in sent.url + repr(sent.message.headers)
        assert dict(sent.message.headers)["authorization"] == "[credential]"

    def connector(self, client: Any, **changes: Any) -> Connector:
        """The connector as the hub opens it, behind *client*."""
        module = importlib.import_module(f"connectors.{self.system}")
        fields = module.Settings.__struct_fields__
        known = {"user": USER, "password": Secret(PASSWORD), "api_key": Secret(PASSWORD)}
        values = {name: value for name, value in known.items() if name in fields}
        opened: Connector = module.open_connector(client, module.Settings(**{**values, **changes}))
        return opened

    def answering(self, answer: Any, recorder: MemoryRecorder | None = None) -> Connector:
        """The connector whose questions *answer* answers, below the recorder."""
        transport = httpx.MockTransport(answer)
        url = f"http://{self.system}.test/"
        return self.connector(a_client(self.system, url, recorder, transport=transport))

    @asynccontextmanager
    async def playing(self, fault: str | None = None, **values: Any) -> AsyncIterator[Playing]:
        """The connector before its simulator on a socket, at noon of a fixed day."""
        simulator = importlib.import_module(f"connectors.{self.system}.simulator")
        secrets = {"password": PASSWORD, "api_key": PASSWORD}
        stage = a_stage(self.system, Path("unused"), {"user": USER}, **secrets)
        stage = replace(stage, clock=lambda: NOW)
        if fault:
            stage.faults.put(self.system, Fault(mode=fault, values=values))
        recorder = MemoryRecorder()
        async with serving(simulator.simulate(stage)) as url:
            client = a_client(self.system, url, recorder)
            try:
                opened = self.connector(client)
                yield Playing(slice=self, connector=opened, recorder=recorder, stage=stage, url=url)
            finally:
                await client.aclose()


class Playing(Struct, frozen=True, kw_only=True):
    """A connector that reaches its simulator, and what went over the wire."""

    slice: Slice
    connector: Connector
    recorder: MemoryRecorder
    stage: Stage
    url: str

    async def ask(self, index: int, query: Query | None = None) -> SourceRecord:
        """The answer about the person at *index*, bound to its question."""
        query = query or a_query(self.stage.population.number(index))
        return await ask(self.slice, self.connector, query)


async def ask(slice_: Slice, connector: Connector, query: Query) -> SourceRecord:
    """The bound answer to *query*."""
    record = await connector.fetch(slice_.operation, query)
    check_binding(connector.spec.operation(slice_.operation), query, record)
    return record


@cache
def _meaning(system: str, block: str) -> Mapping:
    return load_mapping(ROOT / "mappings" / system, block, BLOCKS[block].type)
