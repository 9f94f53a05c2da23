"""Putting answers together: every task a value, and only the ledger stops an answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from hub.core.connector import Echo, Operation, Query, Spec
from hub.core.errors import (
    LedgerError,
    SourceInsecure,
    SourceMalformed,
    SourceProtected,
    SourceUnavailable,
)
from hub.core.exchange import SourceRecord
from hub.core.model import BLOCKS
from hub.core.policy import Denial, Grant
from hub.core.position import Denied, Empty, Fresh, Unavailable, is_complete
from hub.mapping import load_examples, load_mapping
from hub.position.assemble import Assembly, assemble
from hub.position.obtain import obtainer_for
from hub.position.plan import make_plan
from hub.position.sources import Source, Sources
from hub.settings import shipped
from tests.support.builders import NOW, MemoryWitness, a_client, a_query

Fetch = Callable[[str, Query], Awaitable[SourceRecord]]
FOLDER = shipped("mappings") / "padron"
[EXAMPLE] = load_examples(FOLDER / "identity.examples.json")[:1]


class Scripted:
    """A connector that does what a test says."""

    def __init__(self, spec: Spec, fetch: Fetch) -> None:
        self.spec, self._fetch = spec, fetch

    async def fetch(self, operation: str, query: Query) -> SourceRecord:
        """As scripted."""
        return await self._fetch(operation, query)

    async def ping(self) -> None:
        """Nothing."""


def a_source(name: str, block: str, fetch: Fetch) -> Source:
    """A source that feeds *block* by one operation, mapped like the register's identity."""
    operation = Operation(name="inhabitant", echoes=(Echo(path="Echo"),))
    spec = Spec(
        name=name, title="", owner="", operations=(operation,), blocks={block: ("inhabitant",)}
    )
    mapping = load_mapping(FOLDER, "identity", BLOCKS["identity"].type)
    transport = httpx.MockTransport(lambda r: httpx.Response(200))
    return Source(
        spec=spec,
        connector=Scripted(spec, fetch),
        client=a_client(name, "http://127.0.0.1:1/", transport=transport),
        mappings={block: mapping},
    )


def answering(
    payload: dict[str, Any] | None = None, *, holds: bool = True, echo: str = "99000002K"
) -> Fetch:
    """A fetch that answers at once."""

    async def fetch(operation: str, query: Query) -> SourceRecord:
        body = EXAMPLE.payloads["inhabitant"] if payload is None else payload
        return SourceRecord(
            source="s",
            operation=operation,
            payload={**body, "Echo": echo},
            exchanges=("e1",),
            obtained_at=NOW,
            holds=holds,
        )

    return fetch


def raising(error: BaseException) -> Fetch:
    """A fetch that fails."""

    async def fetch(operation: str, query: Query) -> SourceRecord:
        raise error

    return fetch


async def hanging(operation: str, query: Query) -> SourceRecord:
    """A fetch that never comes back."""
    await asyncio.sleep(60)
    raise AssertionError


async def assembled(fetch: Fetch, *, seconds: float = 2.0, wanted: str = "*") -> Assembly:
    """One faulty source beside a healthy one, and a denied block."""
    sources = Sources(
        {
            "healthy": a_source("healthy", "identity", answering()),
            "faulty": a_source("faulty", "residence", fetch),
        }
    )
    grants = [
        Grant(block=name, fields=frozenset({wanted}), basis="law")
        for name in ("identity", "residence")
    ]
    plan = make_plan([*grants, Denial(block="fines", reason="purpose")], sources)
    return await assemble(
        plan, obtainer_for(sources, None, BLOCKS, MemoryWitness()), a_query(seconds=seconds)
    )


UNUSABLE = {
    "unavailable": (raising(SourceUnavailable("faulty", "connect_failed", "x")), "temporary"),
    "maintenance": (raising(SourceUnavailable("faulty", "maintenance", "x", 30)), "maintenance"),
    "malformed": (raising(SourceMalformed("faulty", "malformed", "x")), "source_problem"),
    "insecure": (raising(SourceInsecure("faulty", "signature", "x")), "source_problem"),
    "a bug of ours": (raising(ZeroDivisionError("x")), "temporary"),
    "no mapping fits": (answering({"Resultado": 7}), "source_problem"),
    "somebody else's answer": (answering(echo="99000003E"), "source_problem"),
    "hanging": (hanging, "temporary"),
}


@pytest.mark.parametrize(("fetch", "reason"), UNUSABLE.values(), ids=UNUSABLE)
async def test_a_faulty_source_spoils_only_its_own_block(fetch, reason):
    """The others are as they would be without it, and the public reason says little."""
    assembly = await assembled(fetch, seconds=0.3)
    assert isinstance(assembly.blocks["identity"], Fresh)
    assert assembly.blocks["fines"] == Denied(reason="purpose")
    faulty = assembly.blocks["residence"]
    assert isinstance(faulty, Unavailable)
    assert (faulty.source, faulty.reason) == ("faulty", reason)
    assert not is_complete(assembly.blocks)
    assert len(assembly.failures) == 1


@pytest.mark.parametrize("name", ["insecure", "somebody else's answer"])
async def test_what_is_not_to_be_believed_is_a_security_event(name):
    """And leaves no decoded payload among the records."""
    assembly = await assembled(UNUSABLE[name][0])
    assert [failure.is_security_event for failure in assembly.failures] == [True]
    assert [record.source for record in assembly.records] == ["s"]


async def test_nothing_held_is_empty():
    """The source answered, and said so; that is complete."""
    assembly = await assembled(answering(holds=False))
    assert isinstance(assembly.blocks["residence"], Empty)
    assert is_complete(assembly.blocks)


async def test_a_protected_person_looks_like_an_ordinary_case():
    """`in_person`, as the policy says it of others."""
    assembly = await assembled(raising(SourceProtected("faulty", "07")))
    assert assembly.blocks["residence"] == Denied(reason="in_person")


async def test_without_the_ledger_there_is_no_position():
    """Not even the blocks that came."""
    with pytest.raises(LedgerError):
        await assembled(raising(LedgerError("full")))


async def test_only_what_was_granted_is_shown():
    """The rest of the record is sealed as evidence and shown to nobody."""
    assembly = await assembled(answering(), wanted="givenName")
    block = assembly.blocks["identity"]
    assert isinstance(block, Fresh)
    assert set(block.data) == {"givenName"}


async def test_a_cancelled_position_leaves_no_task():
    """The client hung up: what was asked is cancelled and awaited."""
    task = asyncio.create_task(assembled(hanging, seconds=30))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    others = asyncio.all_tasks() - {asyncio.current_task()}
    assert not [t for t in others if "_watched" in repr(t)]


async def test_an_operation_runs_once_for_all_blocks_that_need_it():
    """And a source without a granted block gets no call."""
    asked: list[str] = []

    async def counting(operation: str, query: Query) -> SourceRecord:
        asked.append(operation)
        return await answering()(operation, query)

    source = a_source("one", "identity", counting)
    spec = Spec(
        name="one",
        title="",
        owner="",
        operations=source.spec.operations,
        blocks={"identity": ("inhabitant",), "residence": ("inhabitant",)},
    )
    mapping = source.mappings["identity"]
    shared = Source(
        spec=spec,
        connector=Scripted(spec, counting),
        client=source.client,
        mappings={"identity": mapping, "residence": mapping},
    )
    idle = a_source("idle", "fines", counting)
    sources = Sources({"one": shared, "idle": idle})
    grants = [
        Grant(block=name, fields=frozenset({"*"}), basis="law")
        for name in ("identity", "residence")
    ]
    assembly = await assemble(
        make_plan(grants, sources), obtainer_for(sources, None, BLOCKS, MemoryWitness()), a_query()
    )
    assert asked == ["inhabitant"]
    assert {type(block) for block in assembly.blocks.values()} == {Fresh}


async def test_a_granted_block_without_a_source_is_said_to_be_so():
    """Unavailable, not missing."""
    plan = make_plan([Grant(block="fines", fields=frozenset({"*"}), basis="law")], Sources({}))
    assembly = await assemble(
        plan, obtainer_for(Sources({}), None, BLOCKS, MemoryWitness()), a_query()
    )
    assert assembly.blocks["fines"] == Unavailable(source="none", reason="maintenance")
