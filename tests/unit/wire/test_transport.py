"""Bytes are bounded and every way of failing has its reason, over real sockets."""

from __future__ import annotations

import asyncio
import gzip
import time

import httpx
import pytest

from hub.core.binding import check_binding
from hub.core.connector import Echo, Operation, Patience, Spec
from hub.core.errors import SourceError, SourceInsecure, SourceMalformed, SourceUnavailable
from hub.wire.client import Answer, SourceClient
from hub.wire.transport import classify, origin_of
from tests.support.builders import MemoryRecorder, a_client, a_query
from tests.support.raw import Script, dead_url, drips, hangs_up, http, raw_server, resets, says

CAP = 10_000
HALF = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


def an_operation(timeout_s: float = 2.0, attempts: int = 1) -> Operation:
    """An operation that asks once and reads at most CAP bytes."""
    patience = Patience(timeout_s=timeout_s, attempts=attempts, max_bytes=CAP)
    return Operation(name="read", echoes=(Echo(path="for"),), patience=patience)


async def ask(client: SourceClient, operation: Operation | None = None) -> Answer:
    try:
        return await client.technical_call(operation or an_operation()).get("thing")
    finally:
        await client.aclose()


LOST = [
    pytest.param(resets(), "connection_lost", id="rst_before_headers"),
    pytest.param(hangs_up(), "connection_lost", id="fin_before_headers"),
    pytest.param(hangs_up(b"HTTP/1.1 200 OK\r\nx: "), "connection_lost", id="fin_in_headers"),
    pytest.param(resets(HALF), "connection_lost", id="rst_in_body"),
    pytest.param(hangs_up(HALF), "connection_lost", id="fin_in_body"),
    pytest.param(hangs_up(CHUNKED, b"5\r\nhello\r\n"), "connection_lost", id="fin_between_chunks"),
]
LATE = [
    pytest.param(says(), "timeout", id="silence"),
    pytest.param(drips(http(b"{}"), 0.05), "timeout", id="slow_headers"),
    pytest.param(says(b"HTTP/1.1 200 OK\r\n"), "timeout", id="headers_never_end"),
]


@pytest.mark.parametrize(("script", "reason"), LOST)
async def test_a_lost_connection_is_unavailable_and_no_part_of_it_is_read(
    script: Script, reason: str
):
    """Half an answer is no answer: the reason says that the connection was lost."""
    recorder = MemoryRecorder()
    async with raw_server(script) as server:
        with pytest.raises(SourceUnavailable) as caught:
            await ask(a_client("lost", server.url, recorder))
    assert caught.value.reason == reason
    assert [outcome.error for outcome in recorder.outcomes] == [reason]


@pytest.mark.parametrize(("script", "reason"), LATE)
async def test_a_slow_answer_ends_at_the_deadline(script: Script, reason: str):
    """No pause between bytes moves the deadline of the whole answer."""
    async with raw_server(script) as server:
        began = asyncio.get_running_loop().time()
        with pytest.raises(SourceUnavailable) as caught:
            await ask(a_client("slow", server.url), an_operation(timeout_s=0.2))
        assert asyncio.get_running_loop().time() - began < 0.6
    assert caught.value.reason == reason


async def test_a_dripping_body_ends_at_the_deadline():
    """Headers in time do not buy a body more time than the call has."""

    async def script(writer: asyncio.StreamWriter) -> None:
        await says(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n")(writer)
        await drips(b"x" * 100, 0.03)(writer)

    async with raw_server(script) as server:
        with pytest.raises(SourceUnavailable) as caught:
            await ask(a_client("slow", server.url), an_operation(timeout_s=0.2))
    assert caught.value.reason == "timeout"


def endless_chunks() -> Script:
    async def script(writer: asyncio.StreamWriter) -> None:
        writer.write(CHUNKED)
        while True:
            writer.write(b"1000\r\n" + b"x" * 4096 + b"\r\n")
            await writer.drain()

    return script


MALFORMED = [
    pytest.param(endless_chunks(), "too_large", id="endless_chunks"),
    pytest.param(says(http(b"x" * (CAP + 1))), "too_large", id="one_byte_too_many"),
    pytest.param(
        says(http(gzip.compress(b"0" * 5_000_000), "content-encoding: gzip")),
        "malformed",
        id="gzip_bomb",
    ),
    pytest.param(says(http(b"", "content-encoding: br")), "malformed", id="unknown_encoding"),
    pytest.param(says(b"ICY 200 OK\r\n\r\n"), "malformed", id="garbage_status_line"),
    pytest.param(says(b"\x00\xff" * 300 + b"\r\n\r\n"), "malformed", id="binary_noise"),
    pytest.param(says(http(b"{}", "x: " + "h" * 200_000)), "malformed", id="huge_header"),
    pytest.param(says(CHUNKED, b"zz\r\n"), "malformed", id="garbage_chunk_size"),
]


@pytest.mark.parametrize(("script", "reason"), MALFORMED)
async def test_an_answer_that_breaks_the_rules_is_malformed(script: Script, reason: str):
    """What exceeds the cap or is not HTTP as asked for is refused, never half read."""
    recorder = MemoryRecorder()
    async with raw_server(script) as server:
        with pytest.raises(SourceError) as caught:
            await ask(a_client("broken", server.url, recorder))
    assert caught.value.reason == reason
    assert [outcome.error for outcome in recorder.outcomes] == [reason]
    assert server.connections == 1


async def test_exactly_as_many_bytes_as_the_cap_are_read():
    """The cap is the last size that passes."""
    async with raw_server(says(http(b"x" * CAP))) as server:
        answer = await ask(a_client("full", server.url))
    assert len(answer.body) == CAP


async def test_a_compressed_answer_is_recorded_as_it_came():
    """Evidence is the bytes of the wire, not what a library makes of them."""
    recorder, bomb = MemoryRecorder(), gzip.compress(b"0" * 1_000_000)
    async with raw_server(says(http(bomb, "content-encoding: gzip"))) as server:
        client = a_client("zipped", server.url, recorder)
        operation = Operation(name="read", echoes=(), patience=Patience(attempts=1))
        spec = Spec(name="zipped", title="", owner="", operations=(operation,), blocks={})
        with pytest.raises(SourceMalformed):
            await client.call(spec, "read", a_query()).get("thing")
        await client.aclose()
    message = recorder.outcomes[0].message
    assert message is not None
    assert ("content-encoding", "gzip") in message.headers
    assert message.body == bomb


async def test_a_redirect_is_an_error_and_is_not_followed():
    """Where an answer points to is never asked."""
    async with raw_server(says(http(b"secret"))) as canary:
        away = http(b"", f"location: {canary.url}", status="302 Found")
        async with raw_server(says(away)) as server:
            with pytest.raises(SourceMalformed) as caught:
                await ask(a_client("moved", server.url))
    assert caught.value.reason == "redirect"
    assert canary.connections == 0


async def test_an_address_off_the_list_is_never_connected_to():
    """A connector cannot be talked into another origin: no byte leaves."""
    async with raw_server(says(http(b"{}"))) as canary:
        client = a_client("strict", dead_url())
        with pytest.raises(SourceMalformed) as caught:
            await client.technical_call(an_operation()).get(f"{canary.url}thing")
        await client.aclose()
    assert caught.value.reason == "redirect"
    assert canary.connections == 0


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        pytest.param(dead_url(), "connect_failed", id="refused"),
        pytest.param("http://nobody.invalid/", "dns", id="no_such_name"),
    ],
)
async def test_what_cannot_be_reached_says_why(url: str, reason: str):
    """Refused and unknown are two reasons."""
    with pytest.raises(SourceUnavailable) as caught:
        await ask(a_client("away", url))
    assert caught.value.reason == reason


async def test_a_server_without_tls_is_a_tls_failure():
    """An https address never falls back to plain text."""

    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 hello\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    address = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    with pytest.raises(SourceUnavailable) as caught:
        await ask(a_client("plain", address))
    server.close()
    assert caught.value.reason == "tls"


async def test_an_unsolicited_answer_reaches_nobody():
    """A second answer in one segment is handed to the next request; the echo refuses it."""
    mine, stray = b'{"for":"99000002K"}', b'{"for":"99000003E"}'
    async with raw_server(says(http(mine), http(stray))) as server:
        client = a_client("desync", server.url)
        operation = an_operation()
        first = await client.technical_call(operation).get("thing")
        call = client.technical_call(operation)
        second = await call.get("thing")
        await client.aclose()
    assert (first.body, second.body) == (mine, stray)
    with pytest.raises(SourceInsecure) as caught:
        check_binding(operation, a_query(), call.record({"for": "99000003E"}))
    assert caught.value.reason == "identity_mismatch"


async def test_an_answer_without_an_echo_has_a_connection_of_its_own():
    """What cannot be told from a leftover is never read where a leftover could be."""
    silent = Operation(name="token", echoes=(), patience=Patience(attempts=1))
    async with raw_server(says(http(b"mine"), http(b"stray"))) as server:
        client = a_client("desync", server.url)
        bodies = [(await client.technical_call(silent).get("thing")).body for _ in range(2)]
        await client.aclose()
    assert bodies == [b"mine", b"mine"]
    assert server.connections == 2


@pytest.mark.parametrize(("late_s", "asked"), [(0.4, 2), (0.0, 1)])
async def test_a_connect_timeout_that_rang_late_is_tried_once_more(late_s: float, asked: int):
    """The hub stood still, not the source; one that rang in time is the source's."""
    came = 0

    def far(_: httpx.Request) -> httpx.Response:
        nonlocal came
        came += 1
        if came == 1:
            time.sleep(late_s)  # the loop stands still
            raise httpx.ConnectTimeout("x")
        return httpx.Response(200, content=b"{}")

    client = a_client("x", "http://x.test/", transport=httpx.MockTransport(far))
    if late_s:
        assert (await ask(client)).body == b"{}"
    else:
        with pytest.raises(SourceUnavailable):
            await ask(client)
    assert came == asked


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (httpx.ConnectTimeout("x"), "connect_failed"),
        (httpx.ReadTimeout("x"), "timeout"),
        (httpx.WriteError("x"), "connection_lost"),
        (OSError("x"), "connection_lost"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_every_error_of_the_network_has_a_reason(error: Exception, reason: str):
    """The class of the library's error decides, never its text alone."""
    assert classify(error) == reason


def test_an_origin_names_its_port():
    """The allow-list compares scheme, host and port, given or usual."""
    assert origin_of(httpx.URL("https://x.test/a?b")) == "https://x.test:443"
    assert origin_of(httpx.URL("http://x.test:80/")) == "http://x.test:80"
