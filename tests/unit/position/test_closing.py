"""Closing an access: durable, once, and nothing is sent behind it."""

from __future__ import annotations

import asyncio

import httpx
import msgspec
import pytest

from hub.core.errors import AccessClosed, LedgerError
from hub.ledger.open import open_ledger
from hub.ledger.recorder import LedgerRecorder
from hub.position.closing import REMEMBERED_S, Closings, WhileOpen
from hub.settings import SourceSettings
from tests.support.builders import NOW, an_access
from tests.support.hubs import AnIssuer, a_hub
from tests.support.ledgers import FaultyDisk, a_ledger, a_sent, its_outcome, verified


def sent_under(access):
    """A request under *access*."""
    sent = a_sent(access.subject)
    return msgspec.structs.replace(
        sent, origin=msgspec.structs.replace(sent.origin, access=access.id)
    )


async def test_nothing_is_sent_under_a_closed_access(tmp_path):
    """The recorder refuses before anything is written, and without a record nothing is sent."""
    access, other = an_access(), an_access()
    async with a_ledger(tmp_path) as ledger:
        closings = Closings(ledger, lambda: NOW)
        recorder = WhileOpen(LedgerRecorder(ledger), closings)
        early = sent_under(access)
        await recorder.record(early)
        assert await closings.close(access, "request-1") == NOW
        with pytest.raises(AccessClosed):
            await recorder.record(sent_under(access))
        await recorder.record(its_outcome(early))
        await recorder.record(sent_under(other))
        kinds = [record.kind for record in await ledger.records(0)]
    assert kinds == ["sent", "closing", "outcome", "sent"]
    assert verified(tmp_path).ok


async def test_nothing_is_sent_while_the_closing_is_being_written(tmp_path):
    """Else a request could stand behind the closing in the ledger."""
    access, disk = an_access(), FaultyDisk()
    async with a_ledger(tmp_path, disk) as ledger:
        closings = Closings(ledger, lambda: NOW)
        recorder = WhileOpen(LedgerRecorder(ledger), closings)
        disk.mode = "slow"
        closing = asyncio.ensure_future(closings.close(access, None))
        await asyncio.sleep(0)
        with pytest.raises(AccessClosed):
            await recorder.record(sent_under(access))
        await closing


async def test_closing_twice_is_closing_once(tmp_path):
    """At once or later, by this process or the next: one record, one moment."""
    access = an_access()
    async with a_ledger(tmp_path) as ledger:
        closings = Closings(ledger, lambda: NOW)
        moments = await asyncio.gather(*(closings.close(access, None) for _ in range(5)))
        moments += [await Closings(ledger, lambda: NOW.replace(year=2027)).close(access, None)]
        assert set(moments) == {NOW}
        assert await ledger.size() == 1
        assert await closings.closed_at(access.id) == NOW
        assert await closings.closed_at(an_access().id) is None


@pytest.mark.parametrize("mode", ["fails", "fails but persists"])
async def test_a_closing_that_is_not_durable_is_told_as_a_failure(tmp_path, mode):
    """The holder tries again; the access is open if, and only if, nothing was written."""
    access, disk = an_access(), FaultyDisk()
    async with a_ledger(tmp_path, disk) as ledger:
        closings = Closings(ledger, lambda: NOW)
        disk.mode = mode
        with pytest.raises(LedgerError):
            await closings.close(access, None)
        disk.mode = "works"
        written = await closings.closed_at(access.id) is not None
        assert written == (mode == "fails but persists")
        closings.check(access.id)
        assert await closings.close(access, None) == NOW
        with pytest.raises(AccessClosed):
            closings.check(access.id)


async def test_a_client_that_hangs_up_has_still_closed(tmp_path):
    """The closing goes on without it."""
    access = an_access()
    async with a_ledger(tmp_path) as ledger:
        closings = Closings(ledger, lambda: NOW)
        closing = asyncio.ensure_future(closings.close(access, None))
        await asyncio.sleep(0)
        closing.cancel()
        await asyncio.gather(closing, return_exceptions=True)
        await closings.close(access, None)
        assert await ledger.size() == 1


async def test_the_memory_of_closings_is_bounded_in_time(tmp_path):
    """What is asked under an access is long over by then; the ledger remembers for ever."""
    access, seconds = an_access(), [0.0]
    async with a_ledger(tmp_path) as ledger:
        closings = Closings(ledger, lambda: NOW, now=lambda: seconds[-1])
        await closings.close(access, None)
        seconds.append(REMEMBERED_S + 1)
        closings.check(access.id)
        assert await closings.closed_at(access.id) == NOW


class Held:
    """A source at the seam: tells that a request arrived, and answers 503 when it is let."""

    def __init__(self):
        self.arrived, self.gate, self.requests = asyncio.Event(), asyncio.Event(), 0

    async def __call__(self, _request):
        self.requests += 1
        self.arrived.set()
        await self.gate.wait()
        return httpx.Response(503)


@pytest.fixture
def avisos(monkeypatch):
    """How the source of street requests is configured."""
    monkeypatch.setenv("TEST_APP_KEY", "key")
    settings = {"profile": "madrid", "client_id": "hub", "app_key": {"env": "TEST_APP_KEY"}}
    return {
        "avisos": SourceSettings(
            module="connectors.avisos", url="http://avisos.test/", settings=settings
        )
    }


async def an_open_access(served, token):
    """The path of a new access under which street requests may be read."""
    wanted = {"purpose": "nursery_admission", "caseFile": "EI/2026/1", "consent": "given"}
    answer = await served.declare(token, **wanted)
    assert answer.status_code == 201, answer.text
    return f"/v1/accesses/{answer.json()['id']}"


async def test_closing_cancels_what_was_not_sent_and_shows_nothing_of_what_was(tmp_path, avisos):
    """The request on its way is recorded to its end, its repetition is never sent, and whoever
    waited for the position is told that the access is closed.
    """
    source, issuer = Held(), AnIssuer()
    async with a_hub(
        tmp_path,
        issuer.configured(tmp_path),
        sources=avisos,
        inner=lambda _: httpx.MockTransport(source),
    ) as served:
        token = issuer.official()
        path = await an_open_access(served, token)
        reading = asyncio.ensure_future(
            served.get(f"{path}/position?blocks=serviceRequests", token, Prefer="wait=5")
        )
        await source.arrived.wait()
        closed = await served.call("POST", f"{path}/close", token)
        source.gate.set()
        answer = await reading
        again = await served.get(f"{path}/position?blocks=serviceRequests", token)
        shown = await served.get(path, token)
    assert (closed.status_code, closed.json()["closedAt"] is not None) == (200, True)
    assert (answer.status_code, answer.json()["type"]) == (403, "/problems/access-closed")
    assert (again.status_code, again.json()["type"]) == (403, "/problems/access-closed")
    assert shown.json()["closedAt"] == closed.json()["closedAt"]
    assert source.requests == 1
    ledger = open_ledger(tmp_path / "ledger.db", tmp_path / "keys", origin="hub.test/ledger")
    kinds = [record.kind for record in await ledger.records(0)]
    await ledger.close()
    assert kinds == ["access", "sent", "closing", "outcome"]


async def test_only_its_holder_closes_an_access(tmp_path):
    """Somebody else's is not found, like an invented one; a citizen has none to close."""
    issuer = AnIssuer()
    async with a_hub(tmp_path, issuer.configured(tmp_path)) as served:
        path = await an_open_access(served, issuer.official("one"))
        for token, status in (
            (issuer.official("two"), 404),
            (issuer.token(), 403),
            (None, 401),
            (issuer.official("one"), 200),
        ):
            answer = await served.call("POST", f"{path}/close", token)
            assert answer.status_code == status
        invented = await served.call(
            "POST", "/v1/accesses/01M81NA0FF58PJA14E1H3Z80MV/close", issuer.official("one")
        )
    assert invented.status_code == 404
