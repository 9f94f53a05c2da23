"""A wire replay gives back what is on record, and nothing else can be reached."""

from __future__ import annotations

import asyncio
from hashlib import sha256

import pytest

from hub.audit.case import open_case
from hub.audit.recorded import Recorded, RecordedTransport
from hub.audit.wire_replay import replay_wire
from hub.core.connector import Operation, Patience
from hub.core.errors import SourceUnavailable
from hub.core.exchange import Origin, SourceRecord
from hub.core.limits import CacheLimits
from hub.ledger.recorder import RecordedMessage, entry_of
from hub.position.evidence import evidence_bytes
from hub.settings import Settings, SourceSettings
from hub.wire.client import Call, open_client
from tests.support.answering import a_world, no_network
from tests.support.builders import NOW, MemoryRecorder
from tests.support.ledgers import SUBJECT, a_sent, an_entry, its_outcome

ONE_TRY = Operation(name="read", echoes=(), patience=Patience(attempts=1))


def recorded(ordinal, body):
    """One answered message."""
    return Recorded(
        ordinal=ordinal,
        at=NOW,
        request=RecordedMessage(body=b""),
        status=200,
        answer=RecordedMessage(headers=(("content-type", "text/plain"),), body=body),
    )


def a_call(*messages):
    """A call over the recorded messages, about a person."""
    client = open_client(
        "x", "http://x.test/", MemoryRecorder(), transport=RecordedTransport(messages)
    )
    origin = Origin(access="a", subject=SUBJECT)
    return Call(client, ONE_TRY, origin, asyncio.get_running_loop().time() + 5)


async def test_each_message_gets_its_own_answer_once():
    """By its place in the operation; what is not on record is a connection that fails."""
    with no_network() as calls:
        call = a_call(recorded(1, b"two"), recorded(0, b"one"))
        assert (await call.get("a")).body == b"one"
        assert (await call.get("b")).body == b"two"
        with pytest.raises(SourceUnavailable) as caught:
            await call.get("c")
    assert caught.value.reason == "connect_failed"
    assert calls == []


async def test_a_credential_is_never_on_record_and_stands_in(tmp_path):
    """A technical message gets a placeholder, and no recorded answer is spent on it."""
    client = open_client(
        "x", "http://x.test/", MemoryRecorder(), transport=RecordedTransport([recorded(0, b"one")])
    )
    answer = await client.technical_call(ONE_TRY).get("token")
    assert b"replayed" in answer.body
    with pytest.raises(SourceUnavailable):
        await a_call().get("a")


async def test_a_source_that_is_not_configured_is_a_verdict(tmp_path):
    """The replay goes on with the others, and says what could not be made again."""
    async with a_world(tmp_path) as world:
        await world.answer(blocks=("residence",))
        case = await open_case(world.ledger, await world.last_answer())
        report = await replay_wire(world.ledger, Settings(root=tmp_path), case, {})
    assert not report.ok
    assert {reading.verdict for reading in report.readings} == {"refused"}
    assert [block.identical for block in report.blocks] == [False]


async def test_a_blocked_exchange_is_a_verdict(tmp_path):
    """Which record it is, and that it is blocked; it ends no audit."""
    keeping = CacheLimits(fresh_s=600, stale_s=1200)
    async with a_world(tmp_path, cache=keeping) as world:
        case = await open_case(world.ledger, await world.answer_of_last_month())
        report = await replay_wire(world.ledger, Settings(root=tmp_path), case, {})
    assert report.readings
    assert {reading.verdict for reading in report.readings} == {"refused"}
    assert all("is blocked" in (reading.why or "") for reading in report.readings)


async def test_an_answer_from_memory_is_replayed_as_it_was_asked(tmp_path):
    """Under the access and request of its exchange, which sources echo; not its own."""
    table = SourceSettings(module="tests.support.asking", url="http://asking.test/")
    settings = Settings(root=tmp_path, sources={"asking": table})
    async with a_world(tmp_path) as world:
        first, second = await world.access(), await world.access()
        origin = Origin(access=first.id, request="FIRST", subject=SUBJECT, retention="citizen")
        sent = a_sent(origin=origin, source="asking", operation="read")
        await world.ledger.append([entry_of(sent), entry_of(its_outcome(sent))])
        await world.ledger.append([an_answer(sent, first.id, access=second.id, request="SECOND")])
        case = await open_case(world.ledger, await world.last_answer())
        [reading] = (await replay_wire(world.ledger, settings, case, {})).readings
    assert (reading.verdict, reading.why) == ("identical", None)


def an_answer(sent, under, **header):
    """An answer whose one reading was asked by *sent*."""
    record = SourceRecord(
        source=sent.source,
        operation=sent.operation,
        payload={"document": SUBJECT.number, "under": f"{under}.FIRST"},
        exchanges=(sent.id,),
        obtained_at=NOW,
    )
    body = b"{}"
    header |= {"purpose": "self_service", "answer": sha256(body).hexdigest(), "blocks": {}}
    return an_entry("answer", header=header, payload=body, decoded=evidence_bytes([record], {}))
