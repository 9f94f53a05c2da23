"""The control port does what it is told by the machine's own people, and refuses the rest."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from hub.sandbox.runner import Running


async def test_the_overview_says_what_is_played(running: Running, control: httpx.AsyncClient):
    """Addresses, state, faults in force and possible, calls; no people."""
    await running.sandbox.put_fault("tiny", "latency", {"ms": 5})
    seen = (await control.get("/")).json()
    assert seen["sources"]["tiny"] == {
        "url": running.readiness.sources["tiny"],
        "listening": True,
        "fault": {"mode": "latency", "values": {"ms": 5}},
        "ownFaults": ["upside-down"],
        "calls": 0,
    }
    assert set(seen["commonFaults"]["latency"]) == {"ms", "share"}
    assert seen["seed"] == "madrid"


async def test_magic_citizens_are_listed(control: httpx.AsyncClient):
    """Who demonstrates finds the numbers with a meaning."""
    listed = {citizen["name"]: citizen for citizen in (await control.get("/citizens")).json()}
    assert listed["DEFAULT_CITIZEN"]["document"] == "99000002K"
    assert listed["PROTECTED"]["effects"]["employment"].endswith("07")


async def test_a_fault_is_put_and_lifted(control: httpx.AsyncClient, source: httpx.AsyncClient):
    """PUT puts it in force at once; DELETE lifts one or all."""
    order = {"mode": "status", "values": {"code": 500}}
    for lift in ("/faults/tiny", "/faults"):
        put = await control.put("/faults/tiny", json=order)
        assert put.json() == {"source": "tiny", **order}
        assert (await source.get("/")).status_code == 500
        assert (await control.delete(lift)).status_code == 204
        assert (await source.get("/")).status_code == 200


async def test_calls_are_shown_and_cleared(control: httpx.AsyncClient, source: httpx.AsyncClient):
    """GET shows counts per source and operation; DELETE begins at nought."""
    await source.get("/")
    assert (await control.get("/calls")).json() == {"tiny": {"total": 1, "operations": {"read": 1}}}
    assert (await control.delete("/calls")).status_code == 204
    assert (await control.get("/calls")).json() == {"tiny": {"total": 0, "operations": {}}}


async def test_a_stopped_source_refuses_connections(
    control: httpx.AsyncClient, source: httpx.AsyncClient
):
    """Stop closes the socket, kept connections too; start opens the same port. Both twice over."""
    assert (await source.get("/")).status_code == 200
    for _ in range(2):
        answer = await control.post("/stop/tiny")
        assert answer.json() == {"source": "tiny", "listening": False}
        with pytest.raises(httpx.ConnectError):
            await source.get("/")
    for _ in range(2):
        answer = await control.post("/start/tiny")
        assert answer.json() == {"source": "tiny", "listening": True}
        assert (await source.get("/")).status_code == 200


async def test_reset_is_the_beginning(control: httpx.AsyncClient, source: httpx.AsyncClient):
    """Faults, counts, stopped sockets and what the simulator remembers are gone."""
    await source.get("/")
    assert (await source.get("/")).json()["served"] == 2
    await control.put("/faults/tiny", json={"mode": "hang"})
    await control.post("/stop/tiny")
    assert (await control.post("/reset")).status_code == 204
    assert (await control.get("/calls")).json()["tiny"]["total"] == 0
    assert (await source.get("/")).json()["served"] == 1


HOSTILE: list[Any] = [
    pytest.param("PUT", "/faults/other", {"json": {"mode": "hang"}}, (404, "tiny"), id="no source"),
    pytest.param("DELETE", "/faults/other", {}, (404, "tiny"), id="lift: no source"),
    pytest.param("POST", "/stop/other", {}, (404, "tiny"), id="stop: no source"),
    pytest.param("POST", "/start/99000002K", {}, (404, "tiny"), id="start: a number"),
    pytest.param("PUT", "/faults/tiny", {"json": {"mode": "no"}}, (400, "latency"), id="no mode"),
    pytest.param(
        "PUT", "/faults/tiny", {"json": {"mode": "no"}}, (400, "upside-down"), id="own modes listed"
    ),
    pytest.param(
        "PUT",
        "/faults/tiny",
        {"json": {"mode": "latency", "values": {"sec": 1}}},
        (400, "ms"),
        id="no parameter",
    ),
    pytest.param(
        "PUT", "/faults/tiny", {"json": {"mode": "hang", "x": 1}}, (400, ""), id="unknown field"
    ),
    pytest.param("PUT", "/faults/tiny", {"json": ["hang"]}, (400, ""), id="a list"),
    pytest.param("PUT", "/faults/tiny", {"json": {"mode": 7}}, (400, ""), id="a number"),
    pytest.param("PUT", "/faults/tiny", {"content": b"{"}, (400, ""), id="half of JSON"),
    pytest.param("PUT", "/faults/tiny", {"content": b"\xff\xfe"}, (400, ""), id="no text"),
    pytest.param("PUT", "/faults/tiny", {}, (400, ""), id="no body"),
    pytest.param("PUT", "/faults/tiny", {"content": b"[" * 16_000}, (400, ""), id="deep"),
    pytest.param("PUT", "/faults/tiny", {"content": b" " * 20_000}, (413, ""), id="large"),
    pytest.param("GET", "/99000002K", {}, (404, ""), id="no such path"),
    pytest.param("GET", "/reset", {}, (405, ""), id="reset by GET"),
    pytest.param("POST", "/reset", {"headers": {"origin": "null"}}, (403, ""), id="from a page"),
    pytest.param(
        "POST", "/reset", {"headers": {"host": "evil.example"}}, (403, ""), id="a rebound name"
    ),
    pytest.param(
        "POST",
        "/reset",
        {"headers": {"host": "localhost.evil.example"}},
        (403, ""),
        id="a like name",
    ),
]


@pytest.mark.parametrize(("method", "path", "parts", "expected"), HOSTILE)
async def test_hostile_orders_change_nothing(
    running: Running,
    control: httpx.AsyncClient,
    method: str,
    path: str,
    parts: dict[str, Any],
    expected: tuple[int, str],
):
    """A problem that says what is possible and repeats no path; the state is as before."""
    await running.sandbox.put_fault("tiny", "upside-down", {})
    before = running.sandbox.overview()
    answer = await control.request(method, path, **parts)
    status, says = expected
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert says in answer.json()["detail"]
    assert "99000002K" not in answer.text
    assert running.sandbox.overview() == before


@pytest.mark.parametrize("host", ["127.0.0.1:1", "localhost", "[::1]:80"])
async def test_the_machines_own_names_are_served(control: httpx.AsyncClient, host: str):
    """Any loopback name is the machine itself."""
    assert (await control.get("/", headers={"host": host})).status_code == 200
