"""A message is what httpx's client would have made of it, without the client."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from hub.core.connector import Operation, Patience
from hub.wire.client import SourceClient, open_client
from hub.wire.outlet import _remembered
from tests.support.builders import MemoryRecorder

BASE = "http://source.test/base/"
OPERATION = Operation(name="read", echoes=(), patience=Patience(timeout_s=2))


def a_client(seen: list[httpx.Request], **changes: Any) -> SourceClient:
    """A client in front of whatever is asked: it answers with a cookie."""

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, headers={"set-cookie": "a=b; Path=/"}, content=b"yes")

    transport = httpx.MockTransport(handler)
    return open_client("x", BASE, MemoryRecorder(), transport=transport, **changes)


@pytest.mark.parametrize(
    "path",
    [
        "Service",
        "/Service",
        "Service?wsdl",
        "Set('99000002K')/Items",
        "a%20b/ñ",
        "?x=1",
        "Set?$filter=N%20eq%20'1'&$top=2",
        f"{BASE}Next?$skiptoken=2",
    ],
)
async def test_a_message_is_the_same_with_and_without_the_client(path: str):
    """Address, header lines and body, whether a source keeps cookies (and takes the client)."""
    seen: list[httpx.Request] = []
    for keeps in (False, True):
        for method, content in (("GET", None), ("POST", b"body"), ("POST", None)):
            client = a_client(seen, keeps_cookies=keeps)
            headers = {"Content-Type": "text/xml", "accept": "text/xml"}
            await client.technical_call(OPERATION).send(method, path, headers, content)
            await client.aclose()
    direct, through = seen[:3], seen[3:]
    for one, other in zip(direct, through, strict=True):
        assert one.url == other.url
        assert one.method == other.method
        assert dict(one.headers) == dict(other.headers)
        assert one.read() == other.read()
        assert one.extensions["timeout"] == other.extensions["timeout"]


@pytest.mark.parametrize("keeps", [True, False])
async def test_cookies_are_sent_back_only_where_they_are_kept(*, keeps: bool):
    """A cookie of one person's answer never travels with another person's question."""
    seen: list[httpx.Request] = []
    client = a_client(seen, keeps_cookies=keeps)
    for _ in range(2):
        await client.technical_call(OPERATION).get("Service")
    await client.aclose()
    assert [request.headers.get("cookie") for request in seen] == [None, "a=b" if keeps else None]


async def test_no_path_that_could_name_somebody_is_remembered():
    """A number in a path is in memory for as long as its message, and no longer."""
    _remembered.cache_clear()
    client = a_client([])
    for path in ("Set('99000002K')", "Set?n=99000002K", "Service"):
        await client.technical_call(OPERATION).get(path)
    await client.aclose()
    assert _remembered.cache_info().currsize == 1


async def test_two_sources_with_one_path_keep_their_own_address():
    """What is remembered belongs to an address."""
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200)

    first = a_client(seen)
    transport = httpx.MockTransport(handler)
    second = open_client("y", "http://other.test/", MemoryRecorder(), transport=transport)
    await asyncio.gather(
        *(client.technical_call(OPERATION).get("Service") for client in (first, second))
    )
    assert {str(request.url) for request in seen} == {
        f"{BASE}Service",
        "http://other.test/Service",
    }
    await first.aclose()
    await second.aclose()
