"""Answers that no Gateway should send, at each message of an operation."""

from __future__ import annotations

import asyncio
import contextlib
import json

import httpx
import pytest

from connectors.sap_trm import SPEC, open_connector
from connectors.sap_trm.settings import ITEM
from hub.core.binding import check_binding
from hub.core.errors import SourceError, SourceInsecure, SourceMalformed, SourceRefused
from hub.core.errors import SourceUnavailable as Unavailable
from hub.core.exchange import SourceRecord
from tests.contract.sap_trm.playing import scripted, the_settings
from tests.support.builders import CITIZEN, NOW, a_client, a_query

TAXPAYER = (
    b'{"d":{"TaxNumber":"99000002K","Accounts":{"results":'
    b'[{"AccountID":"0004000002","TaxNumber":"99000002K"}]}}}'
)
NOBODY = b'{"d":{"TaxNumber":"99000002K","Accounts":{"results":[]}}}'
JSON = {"content-type": "application/json"}


def json_answer(body: bytes) -> httpx.Response:
    """An answer that says it is JSON."""
    return httpx.Response(200, headers=JSON, content=body)


HOSTILE = [
    pytest.param(json_answer(b""), SourceMalformed, "malformed", id="empty"),
    pytest.param(json_answer(b"\x00\xff\x13garbage"), SourceMalformed, "malformed", id="garbage"),
    pytest.param(json_answer(b'{"d":{"x":"Espa\xf1a"}}'), SourceMalformed, "charset", id="latin-1"),
    pytest.param(json_answer(b"[" * 100_000), SourceMalformed, "malformed", id="deep"),
    pytest.param(json_answer(b'{"d":' * 5000), SourceMalformed, "malformed", id="deep-objects"),
    pytest.param(json_answer(b"x" * 5_000_000), SourceMalformed, "too_large", id="huge"),
    pytest.param(json_answer(b"null"), SourceMalformed, "schema", id="null"),
    pytest.param(json_answer(b"[]"), SourceMalformed, "schema", id="array"),
    pytest.param(json_answer(b"{}"), SourceMalformed, "schema", id="no-d"),
    pytest.param(json_answer(b'{"d":null}'), SourceMalformed, "schema", id="d-null"),
    pytest.param(json_answer(b'{"d":"99000002K"}'), SourceMalformed, "schema", id="d-text"),
    pytest.param(json_answer(b'{"d":{"results":{}}}'), SourceMalformed, "schema", id="no-list"),
    pytest.param(json_answer(b'{"d":{"results":[1]}}'), SourceMalformed, "schema", id="no-rows"),
    pytest.param(
        httpx.Response(200, headers={"content-type": "text/html"}, content=b"<html></html>"),
        Unavailable,
        "maintenance",
        id="html",
    ),
    pytest.param(
        httpx.Response(200, headers=JSON, content=b" <!DOCTYPE html><html></html>"),
        Unavailable,
        "maintenance",
        id="html-that-says-json",
    ),
    pytest.param(
        httpx.Response(200, headers={"content-type": "text/plain"}, content=NOBODY),
        SourceMalformed,
        "malformed",
        id="text",
    ),
    pytest.param(httpx.Response(204), SourceMalformed, "malformed", id="204"),
    pytest.param(
        httpx.Response(206, headers=JSON, content=NOBODY), SourceMalformed, "malformed", id="206"
    ),
    pytest.param(
        httpx.Response(302, headers={"location": "http://x/"}),
        SourceMalformed,
        "redirect",
        id="302",
    ),
    pytest.param(httpx.Response(400, content=b"<error"), SourceRefused, "backend_fault", id="400"),
    pytest.param(httpx.Response(401), SourceRefused, "hub_credentials", id="401"),
    pytest.param(httpx.Response(403), SourceRefused, "hub_credentials", id="403"),
    pytest.param(httpx.Response(404), SourceRefused, "backend_fault", id="404"),
    pytest.param(httpx.Response(429), Unavailable, "throttled", id="429"),
    pytest.param(httpx.Response(500), Unavailable, "backend_fault", id="500"),
    pytest.param(httpx.Response(503), Unavailable, "maintenance", id="503"),
    pytest.param(
        httpx.Response(200, headers={**JSON, "sap-message": "{"}, content=NOBODY),
        SourceMalformed,
        "malformed",
        id="message",
    ),
]


@pytest.mark.parametrize(("answer", "kind", "reason"), HOSTILE)
@pytest.mark.parametrize("before", [(), (TAXPAYER,)], ids=["lookup", "rows"])
async def test_hostile_answers_end_in_the_tree(
    before: tuple[bytes, ...], answer: httpx.Response, kind: type[SourceError], reason: str
) -> None:
    """Whatever comes, at whichever message, is one error of the tree with its reason."""
    connector, recorder = scripted(*before, answer)
    with pytest.raises(SourceError) as caught:
        await connector.fetch("items", a_query())
    assert type(caught.value) is kind
    assert caught.value.reason == reason
    assert CITIZEN not in str(caught.value)
    assert len(recorder.sent) == len(recorder.outcomes)


TAXPAYERS = [
    pytest.param(NOBODY.replace(b"99000002K", b"99000003E"), "identity_mismatch", id="another"),
    pytest.param(NOBODY.replace(b'"99000002K"', b"null"), "identity_mismatch", id="null"),
    pytest.param(NOBODY.replace(b'"99000002K"', b"99000002"), "schema", id="number"),
    pytest.param(NOBODY.replace(b"TaxNumber", b"Other"), "schema", id="no-echo"),
    pytest.param(NOBODY.replace(b'{"results":[]}', b"null"), "schema", id="no-partners"),
    pytest.param(
        NOBODY.replace(b'{"results":[]}', b'{"__deferred":{"uri":"x"}}'), "schema", id="deferred"
    ),
    pytest.param(
        NOBODY.replace(b'{"results":[]}', b'{"results":[],"__count":"1"}'), "schema", id="lost"
    ),
    pytest.param(
        NOBODY.replace(b'{"results":[]}', b'{"results":[],"__next":"Accounts"}'),
        "schema",
        id="next",
    ),
    pytest.param(TAXPAYER.replace(b'"0004000002"', b'""'), "schema", id="blank-partner"),
    pytest.param(TAXPAYER.replace(b'"0004000002"', b"null"), "schema", id="null-partner"),
    pytest.param(
        TAXPAYER.replace(
            b'"AccountID":"0004000002","TaxNumber":"99000002K"',
            b'"AccountID":"0004000002","TaxNumber":""',
        ),
        "identity_mismatch",
        id="partner-of-nobody",
    ),
    pytest.param(
        b'{"d":{"TaxNumber":"99000002K","Accounts":{"results":['
        + b",".join(b'{"AccountID":"%d","TaxNumber":"99000002K"}' % n for n in range(21))
        + b"]}}}",
        "too_large",
        id="too-many-partners",
    ),
]


@pytest.mark.parametrize(("body", "reason"), TAXPAYERS)
async def test_a_lookup_must_echo_its_question(body: bytes, reason: str) -> None:
    """Without the document number asked for, an empty lookup is no proof of holding nothing."""
    connector, recorder = scripted(body)
    with pytest.raises(SourceError) as caught:
        await connector.fetch("items", a_query())
    assert caught.value.reason == reason
    assert len(recorder.sent) == 1


async def test_no_partner_is_a_normal_answer() -> None:
    """An empty lookup that echoes the number says that nothing is held."""
    connector, recorder = scripted(NOBODY)
    record = await connector.fetch("accounts", a_query())
    assert record.holds is False
    assert record.payload == {"taxpayer": {"TAXNUM": CITIZEN}, "partners": [], "accounts": []}
    assert len(recorder.sent) == 1


def a_record(**changes: object) -> SourceRecord:
    """A record of one item that passes the hub's check, or as *changes* say."""
    row = {**dict.fromkeys(ITEM), "GPART": "0004000002"}
    payload: dict[str, object] = {
        "taxpayer": {"TAXNUM": CITIZEN},
        "partners": [{"GPART": "0004000002", "TAXNUM": CITIZEN}],
        "items": [row],
    }
    return SourceRecord(
        source="sap_trm",
        operation="items",
        payload={**payload, **changes},
        exchanges=("x",),
        obtained_at=NOW,
        asked={"partner": ("0004000002",)},
    )


UNBOUND = [
    pytest.param({"taxpayer": {"TAXNUM": "99000003E"}}, id="another-taxpayer"),
    pytest.param({"taxpayer": {"TAXNUM": None}}, id="null-taxpayer"),
    pytest.param({"taxpayer": {}}, id="no-taxpayer"),
    pytest.param({"partners": [{"GPART": "1", "TAXNUM": "99000003E"}]}, id="another-partner"),
    pytest.param({"items": [{"GPART": "0004000003"}]}, id="another-row"),
    pytest.param({"items": [{"GPART": "0004000002"}, {"GPART": None}]}, id="a-row-of-nobody"),
    pytest.param({"items": [{"GPART": "0004000002"}, {}]}, id="a-row-without-partner"),
]


@pytest.mark.parametrize("changes", UNBOUND)
async def test_the_declared_echoes_refuse_by_themselves(changes: dict[str, object]) -> None:
    """The hub's own check refuses what the connector should have refused already."""
    operation, query = SPEC.operation("items"), a_query()
    check_binding(operation, query, a_record())
    with pytest.raises(SourceInsecure):
        check_binding(operation, query, a_record(**changes))


def framed(body: bytes) -> bytes:
    """An HTTP/1.1 answer in JSON that leaves its connection open."""
    head = (
        f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def test_a_left_over_answer_finds_nobody() -> None:
    """A second answer behind the first is not taken for that of the next question."""
    row = dict.fromkeys(ITEM.values(), "") | {"AccountID": "0004000002", "Amount": "1.00"}
    rows = framed(json.dumps({"d": {"results": [row]}}).encode())
    stray = framed(b'{"d":{"results":[]}}')

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                writer.write((rows if b"DocumentItems" in head else framed(TAXPAYER)) + stray)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        client = a_client("sap_trm", f"http://127.0.0.1:{port}/")
        record = await open_connector(client, the_settings()).fetch("items", a_query())
        await client.aclose()
    assert record.holds is True
