"""What a source shows of itself beside its answers: until when its certificate holds, its clock."""

from __future__ import annotations

import asyncio
import datetime as dt
import ssl
import time
from email.utils import format_datetime

import httpx
import pytest
import trustme

from hub.wire.transport import FarEnd
from tests.support.builders import a_client, a_query
from tests.support.scripted import SPEC

ENDS = dt.datetime.now(dt.UTC) + dt.timedelta(days=20)  # noqa: TID251 - a real handshake looks at it


async def test_the_end_of_a_shown_certificate_is_noted():
    """Over a real handshake, as it was verified."""
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", not_after=ENDS).configure_cert(server)
    trust = ssl.create_default_context()
    authority.configure_trust(trust)

    async def answer(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        await writer.drain()
        writer.close()

    listening = await asyncio.start_server(answer, "localhost", 0, ssl=server)
    url = f"https://localhost:{listening.sockets[0].getsockname()[1]}/"
    async with listening, httpx.AsyncHTTPTransport(verify=trust) as way:
        client = a_client("x", url, transport=way)
        await client.call(SPEC, "read", a_query()).get("x")
    assert client.far_end.ends == int(ENDS.timestamp())


def ahead(seconds):
    """A Date header of a clock that is so many seconds ahead."""
    moment = dt.datetime.fromtimestamp(time.time() + seconds, dt.UTC)
    return format_datetime(moment, usegmt=True)


async def seen(date):
    """What is noted of an answer with that Date header."""

    async def far(_):
        return httpx.Response(200, headers={} if date is None else {"date": date})

    client = a_client("x", "http://x.test/", transport=httpx.MockTransport(far))
    await client.call(SPEC, "read", a_query()).get("x")
    return client.far_end


@pytest.mark.parametrize("seconds", [-600, 0, 600])
async def test_a_clock_that_is_ahead_or_behind_is_noted(seconds):
    """To the second, which is all that HTTP tells."""
    found = (await seen(ahead(seconds))).ahead_s
    assert found is not None
    assert round(found / 10) == seconds / 10


@pytest.mark.parametrize(
    "date",
    [
        None,
        "",
        "yesterday",
        "Sun, 99 Nov 2026 25:61:61 GMT",
        "\x00",
        "Sun, 22 Nov 99999 12:00:00",
        "9" * 9000,
    ],
    ids=["none", "empty", "word", "impossible", "nul", "far", "long"],
)
async def test_a_date_that_is_none_spoils_no_answer(date):
    """The answer counts; the clock is not known."""
    assert await seen(date) == FarEnd()


async def test_a_date_without_a_zone_is_universal_time():
    """Whatever zone this machine is in."""
    found = (await seen(ahead(0).replace("GMT", "-0000"))).ahead_s
    assert found is not None
    assert abs(found) < 60
