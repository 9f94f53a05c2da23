"""A body comes in time or not at all, keeps nobody out on its way, and is never quoted back."""

from __future__ import annotations

import asyncio
import json

import pytest

from hub.api import bodies
from hub.api.audit_bodies import SearchRequest
from hub.api.bodies import read_body
from hub.api.problems import Problem
from hub.core.limits import AdmissionLimits
from tests.support.hubs import AnIssuer, a_hub

PLACES = 8
BODY = {
    "subject": {"document": "99000002K", "givenName": "PRUEBA", "firstSurname": "PRUEBA"},
    "purpose": "tax_attention",
}


class Declaring:
    """A declaration of an access: its head is sent, and its body when the test says so."""

    def __init__(self, hub, token):
        self.waits, self._body = asyncio.Event(), asyncio.Event()
        self.answer, self.task = {}, asyncio.create_task(self._sent(hub, token))

    async def _sent(self, hub, token):
        lines = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        await hub.hub.asgi(
            {
                "type": "http",
                "asgi": {"version": "3.0"},
                "http_version": "1.1",
                "method": "POST",
                "scheme": "http",
                "path": "/v1/accesses",
                "raw_path": b"/v1/accesses",
                "root_path": "",
                "query_string": b"",
                "headers": [(name.encode(), line.encode()) for name, line in lines.items()],
                "client": ("127.0.0.1", 1),
                "server": ("127.0.0.1", 1),
            },
            self._receive,
            self._send,
        )
        return self.answer["status"]

    async def _receive(self):
        self.waits.set()
        await self._body.wait()
        return {"type": "http.request", "body": json.dumps(BODY).encode(), "more_body": False}

    async def _send(self, message):
        self.answer |= message

    async def with_body(self):
        """Its status, now that the body has come."""
        self._body.set()
        return await self.task


@pytest.fixture
async def hub(tmp_path):
    """A hub of eight places, and the tokens of an official and of a citizen."""
    issuer, limits = AnIssuer(), AdmissionLimits(max_in_flight=PLACES)
    async with a_hub(tmp_path, issuer.configured(tmp_path), admission=limits) as hub:
        yield hub, issuer.official(), issuer.token()


async def begun(hub, token, count=1):
    """So many declarations that wait for their bodies."""
    started = [Declaring(hub, token) for _ in range(count)]
    await asyncio.gather(*(one.waits.wait() for one in started))
    return started


async def test_bodies_that_never_come_keep_nobody_out(hub):
    """More of them than there are places, under one token; and each is carried out if it comes."""
    hub, slow, other = hub
    started = await begun(hub, slow, count=PLACES) + await begun(hub, slow, count=PLACES)
    assert hub.context.traffic.gate.in_flight == 0
    assert (await hub.get("/v1/me/oppositions", other)).status_code == 200
    assert [await one.with_body() for one in started] == [201] * (2 * PLACES)
    assert hub.context.traffic.gate.in_flight == 0


async def test_a_body_that_does_not_come_in_time_is_408(hub, monkeypatch):
    """Nothing is on record, and nothing else is read from the connection."""
    hub, slow, _ = hub
    monkeypatch.setattr(bodies, "BODY_S", 0.01)
    size = await hub.hub.ledger.size()
    [late] = await begun(hub, slow)
    assert await late.task == 408
    assert (b"connection", b"close") in late.answer["headers"]
    assert json.loads(late.answer["body"])["type"] == "/problems/too-slow"
    assert (await hub.hub.ledger.size(), hub.context.traffic.gate.in_flight) == (size, 0)


async def test_a_body_that_comes_when_the_hub_is_full_is_refused(hub):
    """503 and nothing on record: its place went to somebody who was there."""
    hub, slow, _ = hub
    [late] = await begun(hub, slow)
    gate = hub.context.traffic.gate
    while gate.enter("interactive"):
        pass
    size = await hub.hub.ledger.size()
    assert await late.with_body() == 503
    assert json.loads(late.answer["body"])["type"] == "/problems/overloaded"
    assert (await hub.hub.ledger.size(), gate.in_flight) == (size, PLACES)


def test_what_an_auditor_looked_for_is_not_quoted_back():
    """A number in the wrong place: the place is named, and nothing that stood there."""
    with pytest.raises(Problem) as caught:
        read_body(b'{"reason":"complaint","kind":"99000002K"}', SearchRequest)
    assert [fault.pointer for fault in caught.value.errors] == ["/kind"]
    assert "99000002K" not in repr(caught.value.errors)
