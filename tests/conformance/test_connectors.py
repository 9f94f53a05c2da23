"""What every connector owes the hub, written once and asked of each."""

from __future__ import annotations

import asyncio
import importlib
import json
from collections.abc import Callable
from pathlib import Path

import httpx
import jsonschema
import pytest

from hub.core.binding import check_binding
from hub.core.connector import Spec
from hub.core.errors import LedgerError, SourceError
from hub.core.exchange import Outcome, Sent
from hub.core.model import BLOCKS
from hub.mapping import check_paths, load_mapping, load_schemas
from tests.conformance.worlds import ROOT, a_world, sandbox_settings
from tests.support.builders import MemoryRecorder

SYSTEMS = sorted(p.name for p in (ROOT / "connectors").iterdir() if (p / "__init__.py").exists())
OPERATIONS = [
    pytest.param(system, operation.name, id=f"{system}-{operation.name}")
    for system in SYSTEMS
    for operation in importlib.import_module(f"connectors.{system}").SPEC.operations
]
CANARY = ("99000002", "Canario", "Muñoz")


def refused(request: httpx.Request) -> httpx.Response:
    """A connection that nobody accepts."""
    raise httpx.ConnectError("refused")


def lost(request: httpx.Request) -> httpx.Response:
    """A connection that ends before the answer."""
    raise httpx.RemoteProtocolError("Server disconnected without sending a response.")


HTML = b"<!DOCTYPE html><html><body><h1>Login</h1></body></html>"
DTD = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>'
HOSTILE: dict[str, Callable[[httpx.Request], httpx.Response]] = {
    "refused": refused,
    "lost": lost,
    "500 with a stack": lambda r: httpx.Response(500, text="ORA-00600 at line 1"),
    "503": lambda r: httpx.Response(503, headers={"retry-after": "99999"}),
    "429": lambda r: httpx.Response(429, headers={"retry-after": "-1"}),
    "401": lambda r: httpx.Response(401),
    "403": lambda r: httpx.Response(403, text="99000002K no autorizado"),
    "404": lambda r: httpx.Response(404),
    "302": lambda r: httpx.Response(302, headers={"location": "http://169.254.169.254/"}),
    "204": lambda r: httpx.Response(204),
    "empty": lambda r: httpx.Response(200),
    "html": lambda r: httpx.Response(200, content=HTML, headers={"content-type": "text/html"}),
    "html called json": lambda r: httpx.Response(
        200, content=HTML, headers={"content-type": "application/json"}
    ),
    "half an object": lambda r: httpx.Response(200, content=b'{"d":{"results":[{"a'),
    "null": lambda r: httpx.Response(200, content=b"null"),
    "a list of nulls": lambda r: httpx.Response(200, content=b"[null,null]"),
    "wrong types": lambda r: httpx.Response(200, json={"d": {"results": "x"}, "servicios": 7}),
    "latin-1": lambda r: httpx.Response(200, content='{"a":"ALCALÁ"}'.encode("latin-1")),
    "NaN": lambda r: httpx.Response(200, content=b'{"a":NaN}'),
    "deep json": lambda r: httpx.Response(200, content=b"[" * 100_000 + b"]" * 100_000),
    "deep xml": lambda r: httpx.Response(200, content=b"<a>" * 5_000 + b"</a>" * 5_000),
    "half xml": lambda r: httpx.Response(200, content=b"<a><b></a>"),
    "a doctype": lambda r: httpx.Response(200, content=DTD, headers={"content-type": "text/xml"}),
    "utf-7": lambda r: httpx.Response(200, content=b'<?xml version="1.0" encoding="UTF-7"?><a/>'),
    "an encoding": lambda r: httpx.Response(
        200, headers={"content-encoding": "gzip"}, stream=httpx.ByteStream(b"\x1f\x8b")
    ),
    "huge": lambda r: httpx.Response(200, content=b" " * (5 * 1024 * 1024)),
    "garbage": lambda r: httpx.Response(200, content=bytes(range(256)) * 16),
}


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    """The sandbox's keys and settings, made once."""
    return sandbox_settings(tmp_path_factory.mktemp("conformance"))


@pytest.mark.parametrize(("system", "operation"), OPERATIONS)
async def test_an_answer_is_bound_recorded_and_as_described(settings, system, operation):
    """The simulator's answer echoes its request, is on record, and fits the contract."""
    async with a_world(system, settings) as world:
        query = world.query()
        record = await world.connector.fetch(operation, query)
        check_binding(world.spec.operation(operation), query, record)
    assert record.holds
    outcomes = {entry.id for entry in world.recorder.outcomes}
    assert set(record.exchanges) <= outcomes
    assert len(world.recorder.sent) == len(world.recorder.outcomes)
    schema = load_schemas(ROOT / "contracts" / system)[operation]
    jsonschema.validate(json.loads(json.dumps(record.payload, default=str)), schema)


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize(("system", "operation"), OPERATIONS)
async def test_a_hostile_answer_is_a_source_error(settings, system, operation, hostile):
    """Only SourceError escapes; each attempt is on record; the error quotes nothing."""
    transport = httpx.MockTransport(hostile)
    async with a_world(system, settings, transport=transport) as world:
        with pytest.raises(SourceError) as caught:
            await world.connector.fetch(operation, world.query())
    assert world.recorder.sent
    assert len(world.recorder.sent) == len(world.recorder.outcomes)
    assert not any(text in str(caught.value) for text in (*CANARY, "ORA-00600", "/etc/passwd"))


@pytest.mark.parametrize(("system", "operation"), OPERATIONS)
async def test_what_cannot_be_recorded_is_not_sent(settings, system, operation):
    """No record, no question."""
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200)

    refusing = MemoryRecorder(fails=True)
    transport = httpx.MockTransport(answer)
    async with a_world(system, settings, transport=transport, recorder=refusing) as world:
        with pytest.raises(LedgerError):
            await world.connector.fetch(operation, world.query())
    assert asked == []


@pytest.mark.parametrize(("system", "operation"), OPERATIONS)
async def test_the_deadline_is_kept_and_the_call_stays_on_record(settings, system, operation):
    """A source that never answers is cut, and what was asked has its outcome."""

    async def never(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(60)
        return httpx.Response(200)

    async with a_world(system, settings, transport=httpx.MockTransport(never)) as world:
        async with asyncio.timeout(10):
            with pytest.raises(SourceError) as caught:
                await world.connector.fetch(operation, world.query(seconds=0.2))
    assert caught.value.reason == "timeout"
    assert [type(entry) for entry in world.recorder.seen] == [Sent, Outcome]


@pytest.mark.parametrize(("system", "operation"), OPERATIONS)
async def test_a_cancelled_call_leaves_both_halves(settings, system, operation):
    """The client hung up; the question was asked all the same."""
    begun = asyncio.Event()

    async def never(request: httpx.Request) -> httpx.Response:
        begun.set()
        await asyncio.sleep(60)
        return httpx.Response(200)

    async with a_world(system, settings, transport=httpx.MockTransport(never)) as world:
        task = asyncio.create_task(world.connector.fetch(operation, world.query()))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert [type(entry) for entry in world.recorder.seen] == [Sent, Outcome]
    assert world.recorder.outcomes[0].error == "cancelled"


@pytest.mark.parametrize(("system", "operation"), OPERATIONS)
async def test_nothing_secret_and_no_url_names_the_person_in_clear(settings, system, operation):
    """Credentials are never recorded, and only OData's protocol forces a number into a URL."""
    secrets = [file.read_text("ascii") for file in settings.path(settings.keys).glob("*.secret")]
    async with a_world(system, settings) as world:
        await world.connector.fetch(operation, world.query())
    recorded = repr([(e.message.headers, e.message.body) for e in world.recorder.sent])
    assert not any(secret in recorded for secret in secrets)
    if system != "sap_trm":
        assert not any("99000002" in sent.url for sent in world.recorder.sent)


@pytest.mark.parametrize("system", SYSTEMS)
async def test_a_ping_asks_about_nobody(settings, system):
    """It passes, and no body of it is kept."""
    async with a_world(system, settings) as world:
        await world.connector.ping()
    assert world.recorder.sent
    assert all(entry.origin.subject is None for entry in world.recorder.seen)
    assert "99000" not in repr([sent.url for sent in world.recorder.sent])


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_declaration_is_complete(system):
    """Every operation has an echo and no legal effect, and feeds a block that exists."""
    spec: Spec = importlib.import_module(f"connectors.{system}").SPEC
    assert spec.name == system
    assert all(operation.echoes for operation in spec.operations)
    assert not any(operation.legal_effect for operation in spec.operations)
    used = {name for needs in spec.blocks.values() for name in needs}
    assert used == {operation.name for operation in spec.operations}
    assert set(spec.blocks) <= set(BLOCKS)


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_mapping_reads_what_the_contract_describes(system):
    """Each source path stands in the contract, with a type that the converter takes."""
    spec: Spec = importlib.import_module(f"connectors.{system}").SPEC
    schemas = load_schemas(ROOT / "contracts" / system)
    assert schemas.keys() == {operation.name for operation in spec.operations}
    for block in spec.blocks:
        mapping = load_mapping(ROOT / "mappings" / system, block, BLOCKS[block].type)
        assert check_paths(mapping, schemas) == ()


@pytest.mark.parametrize("system", SYSTEMS)
def test_samples_stand_beside_the_contract(system):
    """At least one recorded-shape answer per operation, to read and to test against."""
    samples = list(Path(ROOT / "contracts" / system / "samples").iterdir())
    spec: Spec = importlib.import_module(f"connectors.{system}").SPEC
    assert len(samples) >= len(spec.operations)
