"""What a connector sends its messages with, over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from hub.core.connector import Operation, Patience, Spec
from hub.core.errors import SourceUnavailable
from tests.support.builders import NOW, MemoryRecorder, a_client, a_query
from tests.support.raw import Script, http, raw_server, resets, says

READ = Operation(name="read", echoes=(), patience=Patience(attempts=1))
SPEC = Spec(name="x", title="", owner="", operations=(READ,), blocks={})
DENIED = http(b"", status="401 Unauthorized")


def by_turns(*answers: bytes) -> Script:
    """The n-th request gets the n-th answer."""
    left = list(answers)

    async def script(writer: asyncio.StreamWriter) -> None:
        await says(left.pop(0))(writer)

    return script


class Renewable:
    """Credentials with a stock of keys; each renewal takes the next one."""

    def __init__(self, *keys: str) -> None:
        self._keys = list(keys)

    async def headers(self) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {self._keys[0]}"}

    async def renew(self) -> bool:
        self._keys.pop(0)
        return bool(self._keys)


@pytest.mark.parametrize("name", ["accept-encoding", "Accept-Encoding", "ACCEPT-ENCODING"])
async def test_no_connector_can_ask_for_compressed_bytes(name: str):
    """Identity is asked for, once, however a connector spells its own wish."""
    async with raw_server(says(http(b"{}"))) as server:
        client = a_client("x", server.url)
        await client.technical_call(READ).get("thing", {name: "gzip"})
        await client.aclose()
    lines = server.requests[0].lower().split(b"\r\n")
    assert [line for line in lines if line.startswith(b"accept-encoding")] == [
        b"accept-encoding: identity"
    ]


async def test_credentials_outrank_what_a_connector_writes():
    """A header of the credentials stands once, with their value."""
    async with raw_server(says(http(b"{}"))) as server:
        client = a_client("x", server.url).with_credentials(Renewable("real"))
        await client.technical_call(READ).get("thing", {"authorization": "Bearer forged"})
        await client.aclose()
    assert b"forged" not in server.requests[0]
    assert server.requests[0].lower().count(b"authorization:") == 1


async def test_a_path_stays_under_the_configured_address():
    """A path is relative to the source's address, with or without a first slash."""
    async with raw_server(says(http(b"{}"))) as server:
        client = a_client("x", f"{server.url}base/")
        for path in ("thing?x=1", "/thing?x=1"):
            await client.technical_call(READ).get(path)
        assert client.base_url == f"{server.url}base/"
        await client.aclose()
    assert {line.split(b"\r\n")[0] for line in server.requests} == {b"GET /base/thing?x=1 HTTP/1.1"}


@pytest.mark.parametrize("kept", [True, False])
async def test_cookies_are_kept_only_where_the_source_needs_them(kept: bool):
    """Without a jar no cookie of one citizen's call travels with another's."""
    async with raw_server(says(http(b"{}", "Set-Cookie: a=b; Path=/"))) as server:
        client = a_client("x", server.url, keeps_cookies=kept)
        for _ in range(2):
            await client.technical_call(READ).get("thing")
        await client.aclose()
    assert (b"a=b" in server.requests[1]) is kept


@pytest.mark.parametrize(
    ("answers", "keys", "status", "sent"),
    [
        pytest.param((DENIED, http(b"{}")), ("old", "new"), 200, 2, id="renewed"),
        pytest.param((DENIED, DENIED), ("old", "new"), 401, 2, id="renewed_in_vain"),
        pytest.param((DENIED,), ("old",), 401, 1, id="nothing_new"),
    ],
)
async def test_a_refused_credential_is_renewed_once(
    answers: tuple[bytes, ...], keys: tuple[str, ...], status: int, sent: int
):
    """After a 401 the message goes once more with something new, and never a third time."""
    recorder = MemoryRecorder()
    async with raw_server(by_turns(*answers)) as server:
        client = a_client("x", server.url, recorder).with_credentials(Renewable(*keys))
        call = client.call(SPEC, "read", a_query())
        answer = await call.get("thing")
        await client.aclose()
    assert answer.status == status
    assert len(server.requests) == sent
    assert call.record({}).exchanges == tuple(entry.id for entry in recorder.sent)


async def test_no_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch):
    """Messages go where the configuration says, not where a variable says."""
    async with raw_server(says(http(b"stray"))) as proxy, raw_server(says(http(b"{}"))) as server:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        client = a_client("x", server.url)
        answer = await client.technical_call(READ).get("thing")
        await client.aclose()
    assert answer.body == b"{}"
    assert proxy.connections == 0


async def test_the_queries_deadline_bounds_every_message():
    """An operation's own patience never outlasts the deadline of the query."""
    patient = Operation(name="read", echoes=(), patience=Patience(timeout_s=30))
    spec = Spec(name="x", title="", owner="", operations=(patient,), blocks={})
    async with raw_server(says()) as server:
        client = a_client("x", server.url)
        began = asyncio.get_running_loop().time()
        with pytest.raises(SourceUnavailable) as caught:
            await client.call(spec, "read", a_query(seconds=0.15)).get("thing")
        assert asyncio.get_running_loop().time() - began < 1.0
        await client.aclose()
    assert caught.value.reason == "timeout"


async def test_an_exchange_says_on_whose_behalf_it_happened():
    """Access, request, subject and retention travel from the query to both entries."""
    recorder = MemoryRecorder()
    async with raw_server(says(http(b"{}"))) as server:
        client = a_client("x", server.url, recorder)
        query = a_query()
        call = client.call(SPEC, "read", query)
        await call.get("one")
        await call.get("two")
        await client.aclose()
    assert [entry.ordinal for entry in recorder.sent] == [0, 1]
    for entry in recorder.seen:
        assert entry.origin.access == query.access.id
        assert entry.origin.request == query.request
        assert entry.origin.subject == query.subject.document
        assert entry.origin.retention == query.access.retention


async def test_a_technical_call_is_about_nobody():
    """Pings and tokens name no access and no subject."""
    recorder = MemoryRecorder()
    async with raw_server(says(http(b"{}"))) as server:
        client = a_client("x", server.url, recorder)
        await client.technical_call(READ).get("ping")
        await client.aclose()
    assert {(entry.origin.access, entry.origin.subject) for entry in recorder.seen} == {
        (None, None)
    }


async def test_a_record_names_the_exchanges_that_answered():
    """A lost attempt is on the ledger, but the record rests on the one that answered."""
    recorder = MemoryRecorder()
    twice = Operation(name="read", echoes=(), patience=Patience(attempts=2))
    spec = Spec(name="x", title="", owner="", operations=(twice,), blocks={})
    turns = [resets(), says(http(b"{}"))]

    async def script(writer: asyncio.StreamWriter) -> None:
        await turns.pop(0)(writer)

    async with raw_server(script) as server:
        client = a_client("x", server.url, recorder)
        call = client.call(spec, "read", a_query())
        answer = await call.get("thing")
        record = call.record({"a": 1}, holds=False, asked={"k": ("v",)})
        await client.aclose()
    assert len(recorder.sent) == 2
    assert record.exchanges == (answer.exchange,) == (recorder.sent[1].id,)
    assert (record.source, record.operation, record.holds) == ("x", "read", False)
    assert record.asked == {"k": ("v",)}
    assert record.obtained_at > NOW.replace(year=2020)


async def test_header_names_of_an_answer_are_lower_case():
    """A connector looks a header up by one spelling."""
    async with raw_server(says(http(b"{}", "X-Thing: A"))) as server:
        client = a_client("x", server.url)
        answer = await client.technical_call(READ).get("thing")
        await client.aclose()
    assert answer.headers["x-thing"] == "A"
