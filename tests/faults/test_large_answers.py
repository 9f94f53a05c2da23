"""Row 57: one source answers with four mebibytes of XML, and nobody else waits for it."""

from __future__ import annotations

import asyncio

import httpx

from hub.settings import SourceSettings
from hub.wire import offload
from hub.wire.xml import MAX_BYTES
from tests.support.hubs import AnIssuer, a_hub

ROWS = 49


def a_large_answer(request: httpx.Request) -> httpx.Response:
    """As many elements as fit, all of them the caller's own."""
    owner = request.url.params["account_id"]
    extra = b"<extra>some words</extra>"
    head = (
        b"<request><service_request_id>%d</service_request_id><status>open</status>"
        b"<requested_datetime>2026-04-14T06:37:38+02:00</requested_datetime>"
        b"<account_id>" + owner.encode() + b"</account_id>"
    )
    many = extra * ((MAX_BYTES // ROWS - 400) // len(extra))
    rows = b"".join(head % n + many + b"</request>" for n in range(ROWS))
    body = b"<service_requests>" + rows + b"</service_requests>"
    assert MAX_BYTES * 0.95 < len(body) <= MAX_BYTES
    echo = {"X-Request-ID": request.headers["x-request-id"]}
    return httpx.Response(200, content=body, headers={"content-type": "text/xml", **echo})


async def between(folder):
    """The block that came of it, and how many probes were answered since the source answered."""
    (folder / "secret").write_text("secret", "utf-8")
    secret = {"file": "secret"}
    settings = {"client_id": "hub", "profile": "georeport", "format": "xml"}
    table = SourceSettings(
        module="connectors.avisos",
        url="http://avisos.test/",
        settings={**settings, "app_key": secret, "account_key": secret},
    )
    answered = asyncio.Event()

    async def far(request: httpx.Request) -> httpx.Response:
        answered.set()
        return a_large_answer(request)

    issuer = AnIssuer()
    async with a_hub(
        folder,
        issuer.configured(folder),
        sources={"avisos": table},
        inner=lambda _: httpx.MockTransport(far),
    ) as served:
        path = "/v1/me/position/serviceRequests"
        asked = asyncio.create_task(served.get(path, issuer.token(), Prefer="wait=10"))
        await answered.wait()
        probes = 0
        while not asked.done():
            assert (await served.get("/livez")).status_code == 200
            probes += 1
        answer = await asked
        return answer.json(), probes


async def test_everybody_else_is_served_while_a_large_answer_is_read(tmp_path, monkeypatch):
    """By an argument of order: other requests come and go between the source's last byte and
    the answer that is made of it, many more than when it is read on the event loop.
    """
    (tmp_path / "on").mkdir()
    (tmp_path / "beside").mkdir()
    block, probes = await between(tmp_path / "beside")
    with monkeypatch.context() as patch:
        patch.setattr(offload, "SMALL_BYTES", MAX_BYTES * 2)
        same, fewer = await between(tmp_path / "on")
    assert block["state"] == "fresh"
    assert block["data"] == same["data"]
    assert probes > fewer
