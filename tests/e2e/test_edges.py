"""What every answer carries, and where every cap is (security S7 and S10)."""

from __future__ import annotations

import contextlib
import json
import socket
import time

import httpx
import pytest

from hub.api.edge import MAX_QUERY_BYTES
from hub.api.heads import MAX_HEAD_BYTES
from hub.settings import Server
from tests.e2e.test_position import ACCESS, number_of

MOST = Server().max_body_bytes

PLACES = {
    "an answer": ("GET", "/status", 200),
    "no token": ("GET", "/v1/me/position", 401),
    "no such path": ("GET", "/v1/nowhere", 404),
    "another method": ("PUT", "/v1/blocks", 405),
    "a query too long": ("GET", "/v1/blocks?x=" + "y" * MAX_QUERY_BYTES, 413),
    "a problem's page": ("GET", "/problems/not-found", 200),
    "the document": ("GET", "/openapi.json", 200),
    "liveness": ("GET", "/livez", 200),
}


@pytest.fixture
def hub(running):
    """The shared hub; nothing here changes it."""
    return running


def official_of(hub):
    """An official's token."""
    return hub.token("--official", number_of(hub, "OFFICIAL"))


def declared(hub, content: bytes) -> httpx.Response:
    """The answer to an access declared with that very body."""
    headers = {
        "Authorization": f"Bearer {official_of(hub)}",
        "Content-Type": "application/json",
    }
    return httpx.post(hub.base + "/v1/accesses", content=content, headers=headers, timeout=30)


@pytest.mark.parametrize(("method", "path", "status"), PLACES.values(), ids=list(PLACES))
def test_every_answer_carries_the_security_headers(hub, method, path, status):
    """Errors and refusals at the very edge too; nothing is kept by anybody unless it says so."""
    answer = httpx.request(method, hub.base + path, timeout=30)
    assert answer.status_code == status
    headers = answer.headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert "max-age=" in headers["strict-transport-security"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "unsafe-inline" not in headers["content-security-policy"]
    kept = "public, max-age=300" if path == "/openapi.json" else "no-store"
    assert headers["cache-control"] == kept
    assert headers["x-request-id"]
    assert "server" not in headers


def test_an_error_says_nothing_of_the_inside(hub):
    """No stack, no file, no address of a system, and no echo of what was sent."""
    answer = hub.get("/v1/nowhere-99000002K", hub.token())
    for inside in ("Traceback", ".py", "127.0.0.1", "99000002K", "sqlite"):
        assert inside not in answer.text


def test_a_body_is_read_up_to_its_cap_and_not_a_byte_further(hub):
    """At the cap it is judged by what it says; one byte more is refused unread."""
    assert declared(hub, b" " * MOST).status_code == 400
    assert declared(hub, b" " * (MOST + 1)).status_code == 413


def test_a_query_is_read_up_to_its_cap_and_not_a_byte_further(hub):
    """The same for the query string."""
    name = "view=summary&blocks="
    fits = name + "x" * (MAX_QUERY_BYTES - len(name))
    assert hub.get(f"/v1/me/position?{fits}", hub.token()).status_code == 400
    assert hub.get(f"/v1/me/position?{fits}x", hub.token()).status_code == 413


@pytest.mark.parametrize("depth", [64, 2_000, 30_000])
def test_depth_is_no_way_in(hub, depth):
    """A body of brackets is a fault of the client, and the hub goes on."""
    assert declared(hub, b"[" * depth + b"]" * depth).status_code == 400
    assert hub.get("/livez").status_code == 200


def test_large_and_endless_heads_are_refused(hub):
    """Before any code of ours runs, and before they fill the memory."""
    large = {"x-filler": "x" * (MAX_HEAD_BYTES + 1)}
    assert httpx.get(hub.base + "/v1/blocks", headers=large, timeout=30).status_code == 400
    fits = {"x-filler": "x" * (MAX_HEAD_BYTES - 1000)}
    assert httpx.get(hub.base + "/livez", headers=fits, timeout=30).status_code == 200
    host, port = hub.base.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as endless:
        endless.sendall(b"GET /livez HTTP/1.1\r\n")
        with contextlib.suppress(ConnectionError):
            for _ in range(1000):
                endless.sendall(b"x-filler: " + b"x" * 1000 + b"\r\n")
        with contextlib.suppress(ConnectionError):
            assert endless.recv(100).startswith(b"HTTP/1.1 400")
    assert hub.get("/livez").status_code == 200


@pytest.mark.parametrize("cursor", ["-1", "1e9", "9" * 30, "0x10", "٣"])
def test_a_cursor_that_the_hub_never_gave_is_refused(hub, cursor):
    """A page is what `next` names; a client's own arithmetic is not."""
    answer = hub.get(f"/v1/me/position/taxBills?cursor={cursor}", hub.token())
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["parameter"] == "cursor"


@pytest.mark.parametrize("text", ["\r\nx: y", "\x1b[31m", '"}{"', "\u202e", "a\nb"])
def test_what_a_client_writes_does_not_reach_the_log(hub, text):
    """Neither a line nor a character of it (S24)."""
    body = {**ACCESS, "caseFile": f"EI/{text}/forged"}
    answer = hub.post("/v1/accesses", official_of(hub), body)
    log, request = hub.folder / "var/hub.log", answer.headers["x-request-id"]
    while request not in log.read_text("utf-8"):  # the line follows the answer
        time.sleep(0.01)
    [line] = [line for line in log.read_text("utf-8").splitlines() if request in line]
    assert json.loads(line)["route"] == "/v1/accesses"
    assert "forged" not in log.read_text("utf-8")
