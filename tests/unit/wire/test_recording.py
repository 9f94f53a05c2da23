"""Sent before, Outcome after, whatever fails or is cancelled in between, over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import httpx
import pytest

from hub.core.connector import Operation, Patience, Query, Spec
from hub.core.errors import LedgerError
from hub.core.exchange import Outcome, Sent
from hub.wire.client import Answer, SourceClient
from tests.support.builders import MemoryRecorder, a_client, a_query
from tests.support.raw import http, raw_server, resets, says

READ = Operation(name="read", echoes=(), patience=Patience(attempts=2))
SPEC = Spec(name="x", title="", owner="", operations=(READ,), blocks={})


class Gate(MemoryRecorder):
    """A ledger that waits, or refuses, at the write of one kind of entry."""

    def __init__(self, kind: type, *, refuses: bool = False) -> None:
        super().__init__()
        self._kind, self._refuses = kind, refuses
        self.reached, self.open = asyncio.Event(), asyncio.Event()

    async def record(self, entry: Sent | Outcome) -> None:
        if isinstance(entry, self._kind):
            self.reached.set()
            await self.open.wait()
            if self._refuses:
                raise LedgerError("the test's ledger refuses")
        await super().record(entry)


class Key:
    """Credentials in a header whose name no list knows."""

    async def headers(self) -> Mapping[str, str]:
        return {"X-Odd-Key": "hush-hush"}

    async def renew(self) -> bool:
        return False


async def ask(client: SourceClient, query: Query | None = None) -> Answer:
    return await client.call(SPEC, "read", query or a_query()).post("thing", b"question")


async def test_nothing_leaves_before_it_is_on_record():
    """While `Sent` is being written no connection exists."""
    recorder = Gate(Sent)
    async with raw_server(says(http(b"{}"))) as server:
        client = a_client("x", server.url, recorder)
        task = asyncio.create_task(ask(client))
        await recorder.reached.wait()
        await asyncio.sleep(0.02)
        assert server.connections == 0
        recorder.open.set()
        answer = await task
        await client.aclose()
    assert answer.exchange == recorder.sent[0].id == recorder.outcomes[0].id
    assert recorder.sent[0].message.body == b"question"


async def test_nothing_is_believed_before_it_is_on_record():
    """The answer waits until its `Outcome` is durable."""
    recorder = Gate(Outcome)
    async with raw_server(says(http(b"{}"))) as server:
        client = a_client("x", server.url, recorder)
        task = asyncio.create_task(ask(client))
        await recorder.reached.wait()
        await asyncio.sleep(0.02)
        assert not task.done()
        recorder.open.set()
        await task
        await client.aclose()


@pytest.mark.parametrize(
    ("kind", "asked"), [(Sent, 0), (Outcome, 1)], ids=["at_sent", "at_outcome"]
)
async def test_what_cannot_be_recorded_fails_closed(kind: type, asked: int):
    """A ledger that refuses stops the question, or keeps back the answer; no second attempt."""
    recorder = Gate(kind, refuses=True)
    recorder.open.set()
    async with raw_server(says(http(b"{}"))) as server:
        client = a_client("x", server.url, recorder)
        with pytest.raises(LedgerError):
            await ask(client)
        await client.aclose()
        assert len(server.requests) == asked
    assert len(recorder.outcomes) == 0


async def test_a_lost_answer_that_cannot_be_recorded_fails_closed():
    """A failure is an outcome too: the ledger's refusal outranks the source's."""
    recorder = Gate(Outcome, refuses=True)
    recorder.open.set()
    async with raw_server(resets()) as server:
        client = a_client("x", server.url, recorder)
        with pytest.raises(LedgerError):
            await ask(client)
        await client.aclose()
        assert len(server.requests) == 1


async def cancelled(task: asyncio.Task[Answer], times: int = 1) -> None:
    for _ in range(times):
        task.cancel()
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("times", [1, 3], ids=["once", "again_and_again"])
async def test_a_call_cancelled_while_sent_is_written_leaves_both(times: int):
    """The write ends, nothing leaves, and the outcome says `cancelled`."""
    recorder = Gate(Sent)
    async with raw_server(says(http(b"{}"))) as server:
        client = a_client("x", server.url, recorder)
        task = asyncio.create_task(ask(client))
        await recorder.reached.wait()
        await cancelled(task, times)
        recorder.open.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        await client.aclose()
        assert server.connections == 0
    assert [entry.id for entry in recorder.seen] == [recorder.sent[0].id] * 2
    assert recorder.outcomes[0].error == "cancelled"


async def test_a_call_cancelled_while_sent_fails_leaves_nothing():
    """An outcome without its question would be evidence of nothing."""
    recorder = Gate(Sent, refuses=True)
    client = a_client("x", "http://127.0.0.1:9/", recorder)
    task = asyncio.create_task(ask(client))
    await recorder.reached.wait()
    await cancelled(task)
    recorder.open.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    await client.aclose()
    assert recorder.seen == []


async def test_a_call_cancelled_while_bytes_are_out_leaves_both():
    """The question was asked: its outcome says that nobody waited for the answer."""
    recorder = MemoryRecorder()
    async with raw_server(says()) as server:
        client = a_client("x", server.url, recorder)
        task = asyncio.create_task(ask(client))
        await server.arrived.wait()
        await cancelled(task)
        with pytest.raises(asyncio.CancelledError):
            await task
        await client.aclose()
    assert len(recorder.sent) == 1
    assert [outcome.error for outcome in recorder.outcomes] == ["cancelled"]


async def test_a_call_cancelled_while_its_cancellation_is_written_leaves_both():
    """A second cancellation does not tear the first one's record."""
    recorder = Gate(Outcome)
    async with raw_server(says()) as server:
        client = a_client("x", server.url, recorder)
        task = asyncio.create_task(ask(client))
        await server.arrived.wait()
        task.cancel()
        await recorder.reached.wait()
        await cancelled(task, 2)
        recorder.open.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        await client.aclose()
    assert [outcome.error for outcome in recorder.outcomes] == ["cancelled"]


@pytest.mark.parametrize("times", [1, 3], ids=["once", "again_and_again"])
async def test_a_call_cancelled_while_its_outcome_is_written_leaves_the_answer(times: int):
    """The answer came, so the record says what it was, exactly once."""
    recorder = Gate(Outcome)
    async with raw_server(says(http(b"answer"))) as server:
        client = a_client("x", server.url, recorder)
        task = asyncio.create_task(ask(client))
        await recorder.reached.wait()
        await cancelled(task, times)
        recorder.open.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        await client.aclose()
    outcome = recorder.outcomes[0]
    assert len(recorder.outcomes) == 1
    assert outcome.error is None
    assert outcome.message is not None
    assert outcome.message.body == b"answer"


async def test_a_retry_is_a_second_exchange_of_the_same_message():
    """Each attempt has its own pair; the ordinal stays, the attempt counts."""
    recorder = MemoryRecorder()
    async with raw_server(resets()) as server:
        client = a_client("x", server.url, recorder)
        with pytest.raises(Exception, match="connection_lost"):
            await ask(client)
        await client.aclose()
    assert [(sent.ordinal, sent.attempt) for sent in recorder.sent] == [(0, 1), (0, 2)]
    assert len({sent.id for sent in recorder.sent}) == 2
    assert [out.id for out in recorder.outcomes] == [sent.id for sent in recorder.sent]


async def test_no_credential_is_recorded_whatever_its_header_is_called():
    """What Credentials add, and what is known to be secret, stands there without its value."""
    recorder = MemoryRecorder()
    response = http(b"{}", "Set-Cookie: session=hush-hush")
    async with raw_server(says(response)) as server:
        client = a_client("x", server.url, recorder).with_credentials(Key())
        await ask(client)
        await client.aclose()
        assert b"hush-hush" in server.requests[0]
    assert ("x-odd-key", "[credential]") in recorder.sent[0].message.headers
    assert "hush-hush" not in repr(recorder.seen)


async def test_an_exchange_about_nobody_keeps_no_body():
    """A token answer is a credential: of exchanges without a subject only headers are kept."""
    recorder = MemoryRecorder()
    async with raw_server(says(http(b'{"access_token":"hush-hush"}'))) as server:
        client = a_client("x", server.url, recorder)
        answer = await client.technical_call(READ).post("token", b"secret=hush-hush")
        await client.aclose()
    assert b"hush-hush" in answer.body
    assert "hush-hush" not in repr(recorder.seen)
    assert recorder.outcomes[0].status == 200


class Broken(httpx.AsyncBaseTransport):
    """A network library with a bug of its own."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        raise RuntimeError("not one of the network's errors")


async def test_an_error_that_nobody_expects_still_leaves_an_outcome():
    """A bug below the seam is not a source's fault, but the question may have left."""
    recorder = MemoryRecorder()
    client = a_client("x", "http://127.0.0.1:9/", recorder, transport=Broken())
    with pytest.raises(RuntimeError):
        await ask(client)
    await client.aclose()
    assert [outcome.error for outcome in recorder.outcomes] == ["unknown"]
