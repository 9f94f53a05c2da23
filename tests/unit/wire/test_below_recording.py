"""The network mocked below the recording seam (respx patches httpcore), so that it is exercised."""

from __future__ import annotations

import httpx
import pytest
import respx

from hub.core.connector import Echo, Operation, Patience, Spec
from hub.core.errors import SourceError, SourceUnavailable
from tests.support.builders import MemoryRecorder, a_client, a_query

URL = "http://source.test/"
READ = Operation(name="read", echoes=(Echo(path="x"),), patience=Patience(attempts=3))
ACT = Operation(
    name="act", echoes=(Echo(path="x"),), patience=Patience(attempts=3), repeatable=False
)
SPEC = Spec(name="s", title="", owner="", operations=(READ, ACT), blocks={})


@respx.mock
async def test_a_lost_connection_is_tried_again_and_each_attempt_is_on_record():
    """A retry is a second exchange, with the same place in its operation."""
    route = respx.get(URL + "a").mock(
        side_effect=[httpx.RemoteProtocolError("Server disconnected"), httpx.Response(200)]
    )
    recorder = MemoryRecorder()
    answer = await a_client("s", URL, recorder).call(SPEC, "read", a_query()).get("a")
    assert answer.status == 200
    assert route.call_count == 2
    assert [(s.ordinal, s.attempt) for s in recorder.sent] == [(0, 1), (0, 2)]
    assert [outcome.error for outcome in recorder.outcomes] == ["connection_lost", None]


@respx.mock
async def test_an_act_in_law_that_may_have_arrived_is_never_sent_twice():
    """Only what never left may be tried again."""
    route = respx.post(URL).mock(side_effect=httpx.RemoteProtocolError("Server disconnected"))
    with pytest.raises(SourceUnavailable, match="connection_lost"):
        await a_client("s", URL).call(SPEC, "act", a_query()).post("", b"x")
    assert route.call_count == 1


@respx.mock
async def test_what_never_left_is_tried_again_even_if_it_is_an_act():
    """A refused connection proves that nobody was asked."""
    route = respx.post(URL).mock(side_effect=[httpx.ConnectError("refused"), httpx.Response(200)])
    assert (await a_client("s", URL).call(SPEC, "act", a_query()).post("", b"x")).status == 200
    assert route.call_count == 2


REASONS = {
    "refused": (httpx.ConnectError("refused"), "connect_failed"),
    "connect timeout": (httpx.ConnectTimeout("slow"), "connect_failed"),
    "read": (httpx.ReadError("reset"), "connection_lost"),
    "garbage": (httpx.RemoteProtocolError("illegal status line"), "malformed"),
    "cut": (httpx.RemoteProtocolError("peer closed connection"), "connection_lost"),
}


@respx.mock
@pytest.mark.parametrize(("error", "reason"), REASONS.values(), ids=REASONS)
async def test_each_failure_has_its_technical_reason(error, reason):
    """From the closed list, on record and in the error alike."""
    respx.get(URL).mock(side_effect=error)
    recorder = MemoryRecorder()
    with pytest.raises(SourceError) as caught:
        await a_client("s", URL, recorder).call(SPEC, "read", a_query()).get("")
    assert caught.value.reason == reason
    assert {outcome.error for outcome in recorder.outcomes} == {reason}


async def test_a_name_that_does_not_resolve_is_dns():
    """Told apart from a refused connection: another team mends it."""
    with pytest.raises(SourceUnavailable) as caught:
        await a_client("s", "http://nowhere.invalid/").call(SPEC, "read", a_query()).get("")
    assert caught.value.reason == "dns"
    assert isinstance(caught.value.__cause__, httpx.ConnectError)
