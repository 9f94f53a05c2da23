"""Whatever the edge answers leaves a figure and a line."""

from __future__ import annotations

import httpx
import pytest
import structlog
from structlog.testing import capture_logs

from hub.api.edge import MAX_QUERY_BYTES, at_the_edge
from hub.api.tally import Requests


async def inner(scope, receive, send):
    """Answers everything that the edge lets through."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@pytest.mark.parametrize(("size", "status"), [(MAX_QUERY_BYTES, 200), (MAX_QUERY_BYTES + 1, 413)])
async def test_a_query_that_is_too_long_is_counted_and_logged(size, status):
    """As any other request; nothing of it is in the line, and nothing of the line in the next."""
    requests = Requests()
    transport = httpx.ASGITransport(at_the_edge(inner, requests, lambda _: None))  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://hub.test") as client:
        with capture_logs() as lines:
            answer = await client.get("/?" + "y" * size)
    assert answer.status_code == status
    assert requests.ended == {("none", "GET", status): 1}
    [line] = lines
    assert (line["event"], line["status"], line["route"]) == ("request", status, "none")
    assert "yyy" not in str(line)
    assert structlog.contextvars.get_contextvars() == {}
