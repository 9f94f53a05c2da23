"""Positions in the sandbox, with faults, as the operator's receiver of traces sees them."""

from __future__ import annotations

import asyncio
import base64
from collections import Counter
from contextlib import AsyncExitStack
from typing import Any, get_args

import httpx
import pytest
from msgspec import Struct, field

from hub import telemetry
from hub.core.errors import TechnicalReason
from hub.sandbox.prepare import prepare_sandbox, simulated_sources
from hub.sandbox.runner import open_sandbox
from hub.serving import sandbox_token
from hub.settings import Server, load_settings
from hub.tracing import ATTRIBUTES
from tests.e2e.test_canary import FAULTS
from tests.e2e.test_canary import canary as canary  # noqa: PLC0414 - a fixture
from tests.e2e.test_position import ACCESS
from tests.support.hubs import Served, a_hub
from tests.support.running import RunningHub
from tests.support.traces import Receiver, receiving, said

FIVE = {"padron", "sap_trm", "avisos", "citas", "civis"}
BLOCKS = "identity,residence,taxBills,serviceRequests,appointments,socialServices"
POSITION = f"/v1/me/position?blocks={BLOCKS}"
SHORTEST = 6
"""Shorter texts could stand among the random bytes of ids."""
ENDS = {*get_args(TechnicalReason), "ok", "cancelled", "pending", "ledger"}


class Told(Struct):
    """What was exported of the story, and what must not be in it."""

    first: list[Any] = field(default_factory=list)
    """The spans of one whole position."""
    spans: list[Any] = field(default_factory=list)
    exported: bytes = b""
    secrets: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    """Sources and operations: they are told, and stand in answers too."""
    answers: list[int] = field(default_factory=list)


def texts(value: Any) -> set[str]:
    """Every text and number in an answer that is long enough to be looked for."""
    if isinstance(value, dict):
        return set().union(*(texts(item) for item in value.values()))
    if isinstance(value, list):
        return set().union(*(texts(item) for item in value))
    return {str(value)} if value is not None and len(str(value)) >= SHORTEST else set()


def keep(told: Told, answer: httpx.Response) -> httpx.Response:
    """Remember an answer: its ids and every value in it."""
    told.answers.append(answer.status_code)
    told.secrets |= texts(answer.json()) | {answer.headers["x-request-id"]}
    return answer


async def whole(told: Told, folder, settings, receiver: Receiver) -> None:
    """One position, exported by a hub that then stops."""
    async with opened(folder, settings, receiver) as hub:
        for name, source in hub.hub.sources.by_name.items():
            told.names |= {name, *(operation.name for operation in source.spec.operations)}
        token = sandbox_token(settings, "citizen")
        answer = keep(told, await hub.get(POSITION, token, Prefer="wait=9"))
        assert answer.json()["complete"]
    told.first = receiver.spans


async def ill(told: Told, folder, settings, receiver: Receiver, control: str) -> None:
    """An official, nonsense in paths and headers, and every fault."""
    async with opened(folder, settings, receiver) as hub, httpx.AsyncClient() as client:
        citizen, official = sandbox_token(settings, "citizen"), sandbox_token(settings, "official")
        told.secrets |= {citizen, official, *citizen.split("."), *official.split(".")}
        access = keep(told, await hub.call("POST", "/v1/accesses", official, json=ACCESS))
        keep(told, await hub.get(access.json()["position"], official))
        bad = {**ACCESS, "subject": {"document": "99000002A", "givenName": 7}}
        keep(told, await hub.call("POST", "/v1/accesses", official, json=bad))
        await nonsense(told, hub, citizen)
        for fault, values in FAULTS.items():
            for source in sorted(FIVE):
                body = {"mode": fault, "values": values}
                (await client.put(f"{control}/faults/{source}", json=body)).raise_for_status()
            keep(told, await hub.get(POSITION, citizen, Prefer="wait=1"))


async def nonsense(told: Told, hub: Served, token: str) -> None:
    """Identifiers where a client may write: paths, queries, the headers of traces."""
    digits = "99000002".rjust(32, "0")
    headers = {
        "traceparent": f"00-{digits}-{digits[16:]}-01",
        "tracestate": "madrid=99000002K",
        "baggage": "nif=99000002K",
    }
    for path in ("/v1/me/position/99000002K", "/v1/99000002K", "/v1/me/position?cursor=99000002K"):
        answer = await hub.get(path, token, **headers)
        told.answers.append(answer.status_code)


def opened(folder, settings, receiver: Receiver):
    """A hub on the sandbox's sources that tells *receiver* of every request."""
    return a_hub(
        folder,
        *settings.issuers,
        sources=settings.sources,
        keys=settings.keys,
        cache=settings.cache,
        server=Server(default_wait_s=4),
        telemetry=receiver.settings,
    )


async def story(folder) -> Told:
    """All of it, in one process."""
    told, world = Told(), RunningHub(folder)
    settings = load_settings(world.config)
    prepare_sandbox(settings)
    async with AsyncExitStack() as stack:
        keys = settings.path(settings.keys)
        played = open_sandbox(simulated_sources(settings), keys=keys)
        control = (await stack.enter_async_context(played)).readiness.control
        with receiving() as first:
            await whole(told, folder, settings, first)
        with receiving() as second:
            await ill(told, folder, settings, second, control)
    told.spans = first.spans + second.spans
    told.exported = b"".join(first.bodies + second.bodies)
    return told


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """The story, told once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(telemetry, "FLUSH_S", 30.0)  # a bound that a busy machine keeps, too
        return asyncio.run(story(tmp_path_factory.mktemp("traces")))


def test_a_position_is_one_span_with_one_below_for_each_operation(told):
    """All in one trace; the request's has no parent, and each operation's has the request's."""
    [request] = [span for span in told.first if not span.parent_span_id]
    operations = [span for span in told.first if span is not request]
    assert request.name == "GET /v1/me/position"
    assert said(request)["http.route"] == "/v1/me/position"
    assert said(request)["http.response.status_code"] == 200
    assert {span.parent_span_id for span in operations} == {request.span_id}
    assert {span.trace_id for span in told.first} == {request.trace_id}
    names = Counter(span.name for span in operations)
    assert names == Counter(
        {
            "padron.inhabitant": 1,
            "padron.household": 1,
            "sap_trm.items": 1,
            "avisos.requests": 1,
            "citas.appointments": 1,
            "civis.services": 1,
        }
    )
    for span in operations:
        assert request.start_time_unix_nano <= span.start_time_unix_nano
        assert span.end_time_unix_nano <= request.end_time_unix_nano


def test_what_a_span_says_is_on_the_list(told):
    """Outcomes are the technical reasons; the faults show in them."""
    operations = [said(span) for span in told.spans if "hub.source" in said(span)]
    assert {name for span in told.spans for name in said(span)} <= ATTRIBUTES.keys()
    assert {one["hub.outcome"] for one in operations} <= ENDS
    assert {"ok", "malformed", "backend_fault"} <= {one["hub.outcome"] for one in operations}
    assert not any(span.events or span.status.message or span.trace_state for span in told.spans)
    assert {said(span).get("http.route") for span in told.spans} >= {
        "/v1/accesses",
        "/v1/accesses/{access_id}/position",
        "/v1/me/position/{block}",
        "none",
    }


def test_no_exported_byte_tells_of_anybody(told, canary):
    """Neither as text nor in hexadecimal: numbers, names, ids of accesses and requests, tokens,
    and every value of the answers.
    """
    assert {200, 201, 400, 404} <= set(told.answers)
    assert len(told.secrets) > 200
    assert len(told.exported) > 10_000
    shown = told.exported.hex()
    hunted = {*(told.secrets - told.names - ENDS), *canary}
    assert [text for text in hunted if text.encode() in told.exported] == []
    assert [text for text in hunted if text.encode().hex() in shown] == []
    assert "99000002" not in shown
    coded = {base64.b64encode(text.encode()).rstrip(b"=") for text in hunted}
    assert [text for text in coded if text in told.exported] == []
