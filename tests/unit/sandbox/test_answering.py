"""A simulator's frame: a whole request in, a whole answer out."""

from __future__ import annotations

import httpx

from hub.sandbox.answering import LARGEST_BODY, Asked, Reply, application


def echo(asked: Asked) -> Reply:
    """Say what arrived."""
    text = f"{asked.method} {asked.path}?{asked.query} {asked.headers['x-a']} {len(asked.body)}"
    return Reply(label="echo", status=207, body=text.encode(), headers={"x-b": "n"})


async def test_a_request_arrives_whole_and_an_answer_says_what_it_is():
    """Method, path, query, headers in lower case and body; label, length and status back."""
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(application(echo)), base_url="http://x"
    ) as http:
        answer = await http.post(
            "/a/b?c=d", content=b"123", headers=[(b"X-A", "é".encode("latin-1"))]
        )
    assert (answer.status_code, answer.text) == (207, "POST /a/b?c=d é 3")
    assert answer.headers["x-sandbox-operation"] == "echo"
    assert answer.headers["x-b"] == "n"
    assert answer.headers["content-length"] == str(len(answer.content))


async def test_a_body_without_end_is_cut():
    """A simulator's memory is not the sender's to fill."""

    async def endless():
        for _ in range(5):
            yield b"x" * LARGEST_BODY

    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(application(echo)), base_url="http://x"
    ) as http:
        answer = await http.post("/", content=endless(), headers={"x-a": "a"})
    assert answer.text.endswith(f" {LARGEST_BODY}")
