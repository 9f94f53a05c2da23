from __future__ import annotations

import asyncio
import base64
import contextlib
from urllib.parse import parse_qs

import httpx
import pytest

from hub.core.errors import SourceError, SourceMalformed, SourceRefused, SourceUnavailable
from hub.core.secret import Secret
from hub.wire.oauth import LONGEST_S, MARGIN_S, TOKEN, ClientCredentials
from tests.support.builders import MemoryRecorder, a_client
from tests.unit.wire.token_endpoint import SECRET, Endpoint, a_call, granted, opened, straying


async def test_the_hub_asks_for_a_token_as_the_standard_says() -> None:
    """The exchange is a form with the grant and the scope; the secret is in Basic alone."""
    endpoint = Endpoint()
    client, _ = opened(endpoint)
    await a_call(client).get("records")
    (request,) = endpoint.tokens
    assert parse_qs(request.content.decode()) == {
        "grant_type": ["client_credentials"],
        "scope": ["read.a read.b"],
    }
    kind, _, pair = request.headers["authorization"].partition(" ")
    assert kind == "Basic"
    assert base64.b64decode(pair).decode() == "hub+id:pass%3Aword%2Fwith+%25"
    assert request.method == "POST"


async def test_one_token_serves_many_messages_at_once() -> None:
    """However many messages start together, the token is asked for once, and then kept."""
    endpoint = Endpoint()
    client, _ = opened(endpoint)
    await asyncio.gather(*(a_call(client).get("records") for _ in range(20)))
    await a_call(client).get("records")
    assert len(endpoint.tokens) == 1
    assert endpoint.reads == ["token-1"] * 21


async def test_a_refused_token_is_replaced_once_and_the_message_sent_once_more() -> None:
    """After a 401 there is one new token and one more attempt, which succeeds."""
    endpoint = Endpoint(refuses={"token-1"})
    client, _ = opened(endpoint)
    answer = await a_call(client).get("records")
    assert answer.status == 200
    assert endpoint.reads == ["token-1", "token-2"]


async def test_a_source_that_refuses_every_token_is_asked_no_third_time() -> None:
    """A second 401 is the answer: the hub does not hammer the token endpoint."""
    endpoint = Endpoint(refuses={"*"})
    client, _ = opened(endpoint)
    answer = await a_call(client).get("records")
    assert answer.status == 401
    assert (len(endpoint.reads), len(endpoint.tokens)) == (2, 2)


async def test_many_refusals_of_one_token_cost_one_new_token() -> None:
    """Twenty messages that learn together of a revoked token share the next one."""
    endpoint = Endpoint(refuses={"token-1"})
    client, _ = opened(endpoint)
    answers = await asyncio.gather(*(a_call(client).get("records") for _ in range(20)))
    assert {answer.status for answer in answers} == {200}
    assert len(endpoint.tokens) == 2


async def test_a_late_refusal_of_an_old_token_spares_the_new_one() -> None:
    """A 401 is about the token that its own message carried, not about today's."""
    _, credentials = opened(endpoint := Endpoint())

    async def late(first: asyncio.Event, replaced: asyncio.Event) -> None:
        await credentials.headers()
        first.set()
        await replaced.wait()
        await credentials.renew()

    first, replaced = asyncio.Event(), asyncio.Event()
    straggler = asyncio.create_task(late(first, replaced))
    await first.wait()
    await credentials.headers()
    await credentials.renew()
    assert await credentials.headers() == {"authorization": "Bearer token-2"}
    replaced.set()
    await straggler
    assert await credentials.headers() == {"authorization": "Bearer token-2"}
    assert len(endpoint.tokens) == 2


@pytest.mark.parametrize(
    ("promised", "kept"),
    [
        pytest.param(600, 600 - MARGIN_S, id="ten minutes"),
        pytest.param(60, 54, id="a short life loses a tenth"),
        pytest.param(10**12, LONGEST_S - MARGIN_S, id="a boast is not believed"),
    ],
)
async def test_a_token_is_kept_until_shortly_before_it_expires(promised: int, kept: float) -> None:
    """The hub stops using a token before the source stops accepting it."""
    _, credentials = opened(Endpoint(answer=granted(expires_in=promised)))
    now = asyncio.get_running_loop().time()
    await credentials.headers()
    assert credentials._token is not None
    assert credentials._token.until - now == pytest.approx(kept, abs=1.0)


async def test_an_expired_token_is_not_sent() -> None:
    """A token past its time is replaced before the message leaves."""
    client, credentials = opened(endpoint := Endpoint())
    await credentials.headers()
    assert credentials._token is not None
    stale = asyncio.get_running_loop().time() - 0.001
    credentials._token = type(credentials._token)(credentials._token.value, stale)
    await a_call(client).get("records")
    assert endpoint.reads == ["token-2"]


async def test_whoever_gives_up_waiting_does_not_take_the_token_from_the_others() -> None:
    """Cancelling the message that began the exchange leaves the exchange to those who wait."""
    gate = asyncio.Event()
    client, _ = opened(endpoint := Endpoint(gate=gate))
    leader = asyncio.create_task(a_call(client).get("records"))
    follower = asyncio.create_task(a_call(client).get("records"))
    await endpoint.asked.wait()
    leader.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await leader
    gate.set()
    assert (await follower).status == 200
    assert len(endpoint.tokens) == 1


async def test_a_silent_token_endpoint_does_not_outlast_the_query() -> None:
    """Waiting for a token counts against the deadline of the message that needs it."""
    client, _ = opened(Endpoint(gate=asyncio.Event()))
    began = asyncio.get_running_loop().time()
    with pytest.raises(SourceUnavailable) as caught:
        await a_call(client, seconds=0.1).get("records")
    assert caught.value.reason == "timeout"
    assert asyncio.get_running_loop().time() - began < 0.3


async def test_a_failure_reaches_everyone_who_waits_and_is_not_kept() -> None:
    """All messages that shared a failed exchange fail alike; the next one asks again."""
    client, _ = opened(endpoint := Endpoint(answer=httpx.Response(503)))
    found = await asyncio.gather(
        *(a_call(client).get("records") for _ in range(3)), return_exceptions=True
    )
    assert [type(error) for error in found] == [SourceUnavailable] * 3
    endpoint.answer = None
    assert (await a_call(client).get("records")).status == 200
    assert len(endpoint.tokens) == 2


def html(status: int = 200) -> httpx.Response:
    return httpx.Response(status, html="<html><body>Acceso</body></html>")


def error(status: int, code: object) -> httpx.Response:
    return httpx.Response(status, json={"error": code, "error_description": "canary-1"})


HOSTILE = [
    pytest.param(error(400, "invalid_client"), SourceRefused, "hub_credentials", id="bad client"),
    pytest.param(error(401, "invalid_client"), SourceRefused, "hub_credentials", id="401"),
    pytest.param(error(400, "invalid_scope"), SourceRefused, "hub_credentials", id="bad scope"),
    pytest.param(error(400, "canary-2"), SourceRefused, "backend_fault", id="invented error"),
    pytest.param(error(400, {"a": 1}), SourceRefused, "backend_fault", id="error is an object"),
    pytest.param(html(400), SourceRefused, "backend_fault", id="400 page"),
    pytest.param(httpx.Response(404), SourceRefused, "backend_fault", id="no such endpoint"),
    pytest.param(httpx.Response(429), SourceUnavailable, "throttled", id="throttled"),
    pytest.param(httpx.Response(500), SourceUnavailable, "backend_fault", id="500"),
    pytest.param(httpx.Response(302), SourceMalformed, "redirect", id="redirect"),
    pytest.param(html(), SourceUnavailable, "maintenance", id="login page"),
    pytest.param(httpx.Response(200), SourceMalformed, "malformed", id="empty"),
    pytest.param(httpx.Response(200, content=b"{"), SourceMalformed, "malformed", id="cut"),
    pytest.param(httpx.Response(200, json=[]), SourceMalformed, "schema", id="a list"),
    pytest.param(
        httpx.Response(200, content='{"access_token":"ñ"}'.encode("latin-1")),
        SourceMalformed,
        "charset",
        id="Latin-1",
    ),
    pytest.param(
        httpx.Response(200, content=b" " * 70_000), SourceMalformed, "too_large", id="huge"
    ),
    pytest.param(
        httpx.Response(200, content=b"[" * 5_000), SourceMalformed, "malformed", id="deep"
    ),
    pytest.param(granted(access_token=None), SourceMalformed, "schema", id="no token"),
    pytest.param(granted(access_token=""), SourceMalformed, "schema", id="empty token"),
    pytest.param(granted(access_token=7), SourceMalformed, "schema", id="token is a number"),
    pytest.param(granted(access_token="a\r\nx: canary-3"), SourceMalformed, "schema", id="CRLF"),
    pytest.param(granted(access_token="canary-4\n"), SourceMalformed, "schema", id="final LF"),
    pytest.param(granted(access_token="a b"), SourceMalformed, "schema", id="a blank inside"),
    pytest.param(granted(access_token="a" * 9_000), SourceMalformed, "schema", id="long token"),
    pytest.param(granted(token_type=None), SourceMalformed, "schema", id="no type"),
    pytest.param(granted(token_type="mac"), SourceMalformed, "schema", id="another type"),
    pytest.param(granted(expires_in=None), SourceMalformed, "schema", id="no lifetime"),
    pytest.param(granted(expires_in="600"), SourceMalformed, "schema", id="lifetime as text"),
    pytest.param(granted(expires_in=0), SourceMalformed, "schema", id="no life"),
    pytest.param(granted(expires_in=-5), SourceMalformed, "schema", id="negative life"),
    pytest.param(granted(expires_in=True), SourceMalformed, "schema", id="boolean life"),
    pytest.param(granted(expires_in=1.5), SourceMalformed, "schema", id="broken life"),
    pytest.param(granted(scope="read.a"), SourceRefused, "hub_credentials", id="narrower scope"),
]


@pytest.mark.parametrize(("answer", "kind", "reason"), HOSTILE)
async def test_an_answer_that_is_no_token_is_refused(
    answer: httpx.Response, kind: type[SourceError], reason: str
) -> None:
    """Each wrong answer has its class and reason; nothing is sent on, no value is quoted."""
    client, _ = opened(endpoint := Endpoint(answer=answer))
    with pytest.raises(SourceError) as caught:
        await a_call(client).get("records")
    assert (type(caught.value), caught.value.reason) == (kind, reason)
    assert "canary" not in str(caught.value)
    assert endpoint.reads == []


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(granted(token_type="bearer"), id="lower case type"),
        pytest.param(granted(token_type="BEARER"), id="upper case type"),
        pytest.param(granted(scope="read.b read.a"), id="the scope in another order"),
        pytest.param(granted(scope="read.a read.b openid"), id="a wider scope"),
        pytest.param(granted(extra={"a": 1}), id="members that nobody asked for"),
    ],
)
async def test_what_the_standard_leaves_open_is_accepted(answer: httpx.Response) -> None:
    """The type is compared without case, scopes as sets, and unknown members are ignored."""
    client, _ = opened(Endpoint(answer=answer))
    assert (await a_call(client).get("records")).status == 200


async def test_neither_token_nor_secret_reaches_the_record() -> None:
    """The exchange is on record with both its halves, and without what it was about."""
    recorder = MemoryRecorder()
    client, credentials = opened(Endpoint(refuses={"token-1"}), recorder)
    await a_call(client).get("records")
    exchanges = [sent for sent in recorder.sent if sent.operation == TOKEN.name]
    assert [sent.message.body for sent in exchanges] == [b"", b""]
    assert all(sent.origin.subject is None for sent in exchanges)
    outcomes = [done for done in recorder.outcomes if done.operation == TOKEN.name]
    assert [done.status for done in outcomes] == [200, 200]
    pair = base64.b64encode(b"hub+id:pass%3Aword%2Fwith+%25").decode()
    everything = repr(recorder.seen) + repr(credentials) + repr(credentials._token)
    for secret in ("token-1", "token-2", SECRET, pair):
        assert secret not in everything


async def test_a_token_endpoint_elsewhere_must_be_on_the_egress_list() -> None:
    """No secret leaves for an address that the configuration does not allow."""
    client, _ = opened(endpoint := Endpoint(), url="http://elsewhere.test/oauth/token")
    with pytest.raises(SourceMalformed):
        await a_call(client).get("records")
    assert endpoint.tokens == []


async def test_an_answer_left_on_a_connection_is_never_taken_for_a_token() -> None:
    """A token has no echo, so its exchange uses a connection that nothing used before or after."""
    async with straying() as (url, connections):
        client = a_client("acme", url)
        credentials = ClientCredentials(
            client, url="oauth/token", client_id="hub", client_secret=Secret("x"), scope="a"
        )
        await a_call(client).get("records")
        tokens = [await credentials.headers()]
        await credentials.renew()
        tokens.append(await credentials.headers())
        await client.aclose()
    assert tokens == [{"authorization": "Bearer genuine"}] * 2
    assert connections == [1, 1, 1]
