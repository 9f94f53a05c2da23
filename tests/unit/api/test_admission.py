"""So many under way and no more; health and audit always."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest

from hub.api.admission import ALWAYS, BEGIN, FLOOR, Gate, admits
from hub.core.limits import AdmissionLimits
from tests.support.simulated import Hand


class Slow:
    """Answers when told."""

    def __init__(self) -> None:
        self.go = asyncio.Event()

    async def __call__(self, scope, receive, send) -> None:
        await self.go.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


@pytest.fixture
async def hub():
    """A client of a hub with four places, half of them for batch, and the app behind."""
    app, gate = Slow(), Gate(AdmissionLimits(max_in_flight=4, batch_share=0.5))
    transport = httpx.ASGITransport(admits(app, gate))  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://hub.test") as client:
        yield client, app, gate


async def under_way(client, path="/v1/me/position", times=1, **headers):
    tasks = [asyncio.create_task(client.get(path, headers=headers)) for _ in range(times)]
    await asyncio.sleep(0.01)
    return tasks


async def test_the_fifth_of_four_is_refused_at_once(hub):
    """503, a problem document, and when to come back; a place that comes free is used."""
    client, app, gate = hub
    inside = await under_way(client, times=4)
    refused = await client.get("/v1/me/position", headers={"accept-language": "en"})
    assert refused.status_code == 503
    assert refused.headers["retry-after"] == "2"
    assert refused.headers["content-type"] == "application/problem+json"
    problem = json.loads(refused.content)
    assert (problem["type"], problem["retryAfter"]) == ("/problems/overloaded", 2)
    app.go.set()
    assert {answer.status_code for answer in await asyncio.gather(*inside)} == {200}
    assert (await client.get("/v1/me/position")).status_code == 200
    assert (gate.in_flight, dict(gate.refused)) == (0, {"interactive": 1})


@pytest.mark.parametrize("priority", ["u=5", "u=7, i", "i, u=6"])
async def test_batch_leaves_places_for_people(hub, priority):
    """Two of four are for batch; people still get the other two."""
    client, app, _ = hub
    batch = await under_way(client, times=2, priority=priority)
    assert (await client.get("/", headers={"priority": priority})).status_code == 503
    people = await under_way(client, times=2, priority="u=1")
    app.go.set()
    ends = await asyncio.gather(*batch, *people)
    assert {answer.status_code for answer in ends} == {200}


@pytest.mark.parametrize("priority", ["", "u=4", "u=9", "u=55", "xu=7", "nonsense"])
async def test_anything_else_is_interactive(hub, priority):
    """The default urgency is 3; what cannot be read is the default."""
    client, app, _ = hub
    await under_way(client, times=2, priority="u=5")
    inside = await under_way(client, times=1, priority=priority)
    app.go.set()
    assert (await inside[0]).status_code == 200


@pytest.mark.parametrize("path", [*ALWAYS, "/v1/audit/records/01"])
async def test_health_and_audit_are_never_refused(hub, path):
    """However full it is."""
    client, app, _ = hub
    await under_way(client, times=4)
    seen = await under_way(client, path)
    app.go.set()
    assert (await seen[0]).status_code == 200


@pytest.mark.parametrize("path", ["/v1/auditors", "/livezz", "//livez", "/v1/me/position?/livez"])
async def test_a_path_that_only_looks_like_one_of_them_is_refused(hub, path):
    """Names are compared whole."""
    client, _, _ = hub
    await under_way(client, times=4)
    assert (await client.get(path)).status_code == 503


async def test_a_client_that_goes_away_gives_its_place_back(hub):
    """Cancelled in the middle, the count is right."""
    client, app, gate = hub
    for task in await under_way(client, times=4):
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert gate.in_flight == 0
    app.go.set()
    assert (await client.get("/")).status_code == 200


async def test_a_loop_that_lags_has_fewer_places():
    """Down to the floor while it lags, up again while it is quick and places are short."""
    clock = Hand()
    gate = Gate(AdmissionLimits(max_in_flight=100), clock)
    assert gate.places == BEGIN
    for _ in range(50):
        since = clock.now
        clock.passes(0.5)
        gate.lagged(since)
    assert gate.places == FLOOR
    for _ in range(50):
        gate.lagged(clock.now)
    for _ in range(20_000):
        while gate.enter("interactive"):
            pass
        gate.leave()
    assert gate.places == 100


async def test_places_that_nobody_needs_do_not_grow():
    """A quiet day does not raise the bound that a crowd then meets."""
    gate = Gate(AdmissionLimits(max_in_flight=100), Hand())
    for _ in range(10_000):
        assert gate.enter("interactive")
        gate.leave()
    assert gate.places == BEGIN


async def test_the_lag_is_what_something_ready_waits():
    """One callback that computes for long is seen by the next measurement."""
    clock = Hand()
    gate = Gate(AdmissionLimits(), clock)
    gate.sample()
    clock.passes(1)
    await asyncio.sleep(0)
    assert gate.lag_s == pytest.approx(0.2)
