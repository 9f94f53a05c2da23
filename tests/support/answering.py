"""A real desk over a real ledger, with connectors that answer what the examples say."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec

from hub.core.connector import Echo, Operation, Query, Spec, Subject
from hub.core.document import parse_document
from hub.core.errors import SourceError
from hub.core.exchange import SourceRecord
from hub.core.limits import CacheLimits
from hub.core.model import BLOCKS
from hub.core.policy import Access, Caller
from hub.ledger.lifecycle import Why, keys_of
from hub.ledger.lifecycle import block as block_keys
from hub.ledger.recorder import LedgerRecorder
from hub.ledger.sqlite import SqliteLedger
from hub.mapping import Mapping, examples_path, load_examples, load_mapping
from hub.position.access import begin_access
from hub.position.desk import Answered, Desk, Wish
from hub.position.purposes import load_purposes
from hub.position.sources import Source, Sources
from hub.wire.client import SourceClient, open_client
from tests.support.builders import CITIZEN, NOW
from tests.support.ledgers import a_ledger

ROOT = Path(__file__).parents[2]
CALLER = Caller(
    issuer="https://issuer.test",
    subject_id="opaque",
    audience="citizen",
    assurance="substantial",
    document=parse_document(CITIZEN),
    scopes=frozenset({"special_categories"}),
)
FEEDS: dict[str, tuple[str, ...]] = {
    "padron": ("residence",),
    "sap_trm": ("taxBills",),
    "civis": ("socialServices",),
    "avisos": ("serviceRequests",),
}


class ExampleConnector:
    """Answers with the payload of its mappings' first example, over one recorded exchange."""

    def __init__(self, spec: Spec, client: SourceClient, payloads: dict[str, Any]) -> None:
        self.spec, self._client, self.payloads = spec, client, payloads
        self.holds = True
        self.error: SourceError | None = None

    async def fetch(self, operation: str, query: Query) -> SourceRecord:
        """The payload of *operation*, or its `error`; one message goes through the real client."""
        if self.error is not None:
            raise self.error
        call = self._client.call(self.spec, operation, query)
        await call.get(operation)
        return call.record(self.payloads[operation], holds=self.holds)

    async def ping(self) -> None:
        """Nothing to ask."""


class World:
    """A desk, its ledger and its connectors."""

    def __init__(
        self,
        folder: Path,
        ledger: SqliteLedger,
        feeds: dict[str, tuple[str, ...]],
        cache: CacheLimits | None = None,
    ) -> None:
        self.folder, self.ledger = folder, ledger
        self.connectors: dict[str, ExampleConnector] = {}
        sources = {name: self._source(name, blocks) for name, blocks in feeds.items()}
        purposes = load_purposes(ROOT / "contracts" / "hub" / "purposes.toml", BLOCKS)
        self.desk = Desk(Sources(sources), ledger, purposes, BLOCKS, lambda: NOW, cache=cache)

    def _source(self, name: str, blocks: tuple[str, ...]) -> Source:
        mappings = {block: mapping_of(name, block) for block in blocks}
        payloads: dict[str, Any] = {}
        for block in blocks:
            example = load_examples(examples_path(ROOT / "mappings" / name, block))[0]
            payloads |= example.payloads
        operations = tuple(
            Operation(name=operation, echoes=(Echo(path="no/echo", rows=True),))
            for operation in payloads
        )
        spec = Spec(
            name=name,
            title=name,
            owner="test",
            operations=operations,
            blocks={block: mappings[block].operations for block in blocks},
        )
        transport = httpx.MockTransport(lambda _: httpx.Response(200, stream=Body(b"{}")))
        client = open_client(
            name,
            f"http://{name}.test/",
            LedgerRecorder(self.ledger),
            transport=transport,
            clock=lambda: NOW,
        )
        connector = ExampleConnector(spec, client, payloads)
        self.connectors[name] = connector
        return Source(spec=spec, connector=connector, client=client, mappings=mappings)

    async def access(self, number: str = CITIZEN) -> Access:
        """An open access of a citizen to their own data."""
        purpose = self.desk.purposes.get("self_service")
        assert purpose is not None
        subject = Subject(document=parse_document(number))
        access = begin_access(CALLER, purpose, subject, lambda: NOW)
        await self.desk.open_access(access, None, "test")
        return access

    async def answer(self, number: str = CITIZEN, **wish: Any) -> Answered:
        """One answer on record."""
        access = await self.access(number)
        blocks = tuple(self.desk.sources.of_block)
        return await self.desk.answer(access, CALLER, Wish(**{"blocks": blocks, **wish}))

    async def answer_of_last_month(self) -> str:
        """The id of an answer out of memory whose exchanges were blocked a month before it."""
        await self.answer()
        keys = await keys_of(self.ledger, CALLER.document or parse_document(CITIZEN))
        later = NOW + dt.timedelta(days=31)
        self.desk.clock = lambda: later
        access = await self.access()
        lasting = {"began_at": later, "expires_at": later + dt.timedelta(minutes=9)}
        access = msgspec.structs.replace(access, id="LATER", **lasting)
        await self.desk.open_access(access, None, "test")
        await self.desk.answer(access, CALLER, Wish(blocks=tuple(self.desk.sources.of_block)))
        await block_keys(self.ledger, keys, Why(by="archive", ground="end_of_use"))
        return await self.last_answer()

    async def last_answer(self) -> str:
        """The id of the answer recorded last."""
        found = [r for r in await self.ledger.recent(200) if r.kind == "answer"]
        return found[0].id


class Body(httpx.AsyncByteStream):
    """A body as a socket would give it."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self.content


def mapping_of(system: str, block: str) -> Mapping:
    """A mapping of the repository."""
    return load_mapping(ROOT / "mappings" / system, block, BLOCKS[block].type)


@asynccontextmanager
async def a_world(
    folder: Path,
    feeds: dict[str, tuple[str, ...]] | None = None,
    cache: CacheLimits | None = None,
) -> AsyncIterator[World]:
    """A world whose ledger is open for the length of the block."""
    async with a_ledger(folder) as ledger:
        world = World(folder, ledger, feeds or FEEDS, cache)
        try:
            yield world
        finally:
            await world.desk.sources.aclose()


@contextmanager
def no_network() -> Iterator[list[Any]]:
    """A canary: whatever connects a socket fails, and is listed."""
    import socket

    seen: list[Any] = []
    real, real_ex = socket.socket.connect, socket.socket.connect_ex

    def caught(self: socket.socket, address: Any) -> Any:
        seen.append(address)
        raise OSError("no network in a replay")

    socket.socket.connect = caught  # type: ignore[method-assign, assignment]
    socket.socket.connect_ex = caught  # type: ignore[method-assign, assignment]
    try:
        yield seen
    finally:
        socket.socket.connect = real  # type: ignore[method-assign]
        socket.socket.connect_ex = real_ex  # type: ignore[method-assign]
