"""Row 41: what proves nothing is not spoken to, and never without TLS instead."""

from __future__ import annotations

import datetime as dt
import re
import ssl
import warnings
from collections.abc import Callable
from pathlib import Path

import certifi
import pytest
import trustme

from hub.core.exchange import SourceRecord
from hub.core.limits import CacheLimits, SourceLimits
from hub.sandbox.rawfaults import Reply
from hub.sandbox.rawserver import fault_server
from tests.support.builders import CITIZEN, a_query
from tests.support.scripted import STEPS, World

YESTERDAY = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
TOMORROW = dt.datetime(2120, 1, 1, tzinfo=dt.UTC)

Make = Callable[[trustme.CA], ssl.SSLContext]


def serving(certificate: trustme.LeafCert) -> ssl.SSLContext:
    """A server's context with *certificate*."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


def old_protocol(authority: trustme.CA) -> ssl.SSLContext:
    """TLS 1.1 and nothing newer."""
    context = serving(authority.issue_cert("localhost"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1_1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


BAD: dict[str, Make] = {
    "expired": lambda ca: serving(ca.issue_cert("localhost", not_after=YESTERDAY)),
    "not yet valid": lambda ca: serving(ca.issue_cert("localhost", not_before=TOMORROW)),
    "wrong name": lambda ca: serving(ca.issue_cert("other.test")),
    "unknown authority": lambda _: serving(trustme.CA().issue_cert("localhost")),
    "TLS 1.1": old_protocol,
}


async def genuine(request: bytes) -> Reply:
    """About whoever was asked for."""
    person = re.search(rb"x-person: (\S+)", request)
    return Reply(body=b'{"id": "%s"}' % (person.group(1) if person else b""))


async def asked(context: ssl.SSLContext | None):
    """What a source behind *context* gives to the hub, and the server."""
    async with fault_server(genuine, tls=context) as server:
        limits, cache = SourceLimits(), CacheLimits(fresh_s=0, stale_s=0)
        world = World(url=f"https://localhost:{server.port}/", limits=limits, cache=cache)
        query = a_query(CITIZEN, seconds=5)
        got = (await world.obtainer.obtain(STEPS["read"], query, short=False)).got
        await world.close()
    return got, server, world


@pytest.fixture
def authority(tmp_path: Path, monkeypatch):
    """The only authority that this process trusts."""
    made = trustme.CA()
    made.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setattr(certifi, "where", lambda: str(tmp_path / "ca.pem"))
    return made


@pytest.mark.parametrize("make", BAD.values(), ids=BAD)
async def test_a_certificate_that_does_not_vouch_is_a_tls_failure(make, authority):
    """Not one byte of the question leaves; it is on record, once, and counts against the source."""
    got, server, world = await asked(make(authority))
    assert got.reason == "tls"
    assert server.requests == []
    assert [entry.error for entry in world.recorder.outcomes] == ["tls"]
    assert sum(bucket.failed for bucket in world.guard.breaker._buckets) == 1


async def test_a_certificate_that_vouches_is_believed(authority):
    """The same with nothing wrong: what fails above fails for its own reason."""
    got, server, _ = await asked(serving(authority.issue_cert("localhost")))
    assert isinstance(got, SourceRecord)
    assert len(server.requests) == 1


async def test_a_source_that_speaks_no_tls_is_not_asked_without_it(authority):
    """Never downgraded."""
    got, server, _ = await asked(None)
    assert got.reason == "tls"
    assert server.requests == []
