"""Figures are what the parts counted, and say nothing about anybody."""

from __future__ import annotations

import asyncio
import datetime as dt

import pytest
from cryptography import x509
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs

from hub.api.figures_hub import of_memory
from hub.api.figures_source import of_sources
from hub.api.figures_trust import of_trust
from hub.api.metrics import printed
from hub.core.errors import REFUSAL_REASONS, SourceRefused
from hub.wire.fault import STANDARD
from hub.wire.transport import FarEnd
from tests.support.builders import CITIZEN, NOW, a_query
from tests.support.certificates import a_certificate
from tests.support.hubs import AnIssuer, a_hub
from tests.support.scripted import STEPS, World, after
from tests.support.simulated import simulate


def figures(world: World) -> dict[tuple[str, ...], float]:
    def read():
        yield from of_sources(world.sources)
        yield from of_memory(world.obtainer)

    text = printed(read).decode()
    assert CITIZEN not in text
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_figures_follow_what_happened():
    """Operations by reason, refusals, breaker, memory and histogram, read by an own parser."""

    async def story():
        world = World(after(0.3))
        first = await asyncio.gather(
            *(world.obtainer.obtain(STEPS["read"], a_query(), short=True) for _ in range(3))
        )
        assert len(first) == 3
        world.far = after(0.1, 500)
        for _ in range(12):
            await world.obtainer.obtain(STEPS["social"], a_query(), short=True)
        seen = figures(world)
        assert seen["hub_operations_total", "read", "ok", "x"] == 1
        assert seen["hub_operations_total", "social", "backend_fault", "x"] == 9
        assert seen["hub_operations_refused_total", "circuit_open", "x"] >= 1
        assert seen["hub_breaker_state", "x"] == 2
        assert seen["hub_breaker_opened_total", "x"] == 1
        assert seen["hub_flights_joined_total",] == 2
        assert seen["hub_cache_answers",] == 1
        assert (
            seen["hub_operation_seconds_bucket", "0.5", "x"]
            == seen["hub_operation_seconds_count", "x"]
        )
        assert seen["hub_operation_seconds_bucket", "0.05", "x"] == 0

    simulate(story())


def test_a_refusal_has_its_figure_before_it_happens():
    """A counter that appears at 1 has not increased: the first refusal would be no alert."""

    async def story():
        world = World(after(0.1, 401))
        name = "hub_operations_declined_total"
        before = {key: value for key, value in figures(world).items() if key[0] == name}
        operations = [operation.name for operation in world.source.spec.operations]
        assert before == {(name, o, why, "x"): 0 for o in operations for why in REFUSAL_REASONS}
        await world.obtainer.obtain(STEPS["read"], a_query(), short=True)
        seen = {key: value for key, value in figures(world).items() if key[0] == name}
        assert seen == {**before, (name, "read", "hub_credentials", "x"): 1}

    simulate(story())


@pytest.mark.parametrize(
    ("off", "told"), [("read", [1, 0, 0]), ("*", [1, 1, 1])], ids=["one operation", "the source"]
)
def test_one_operation_that_is_off_does_not_speak_for_its_source(off, told):
    """Each has its own figure; with the whole source off, all of them."""

    async def story():
        world = World()
        world.guard.switch.turn(off, off=True)
        seen = figures(world)
        assert [seen["hub_switched_off", name, "x"] for name in ("read", "act", "social")] == told

    simulate(story())


def test_what_the_standards_call_a_refusal_has_a_reason_of_a_refusal():
    """Else it would have no figure before it happens."""
    refused = {v.reason for v in STANDARD.values() if issubclass(v.error, SourceRefused)}
    assert refused == {"backend_fault", "clock_skew", "hub_credentials"}
    assert refused <= REFUSAL_REASONS


class Peer:
    """Whoever checkpoints are posted to."""

    far_end = FarEnd(ends=NOW.timestamp() + 3 * 86_400, ahead_s=-2.5)


def test_the_days_of_certificates_that_belong_to_no_source_are_told_too():
    """What time-stamps are believed under, and what a place outside shows of itself."""
    ends = NOW + dt.timedelta(days=-4)
    root = x509.load_pem_x509_certificate(
        a_certificate(ends=ends, begins=ends - dt.timedelta(days=9)).encode()
    )
    world = World()
    text = printed(
        lambda: of_trust(world.sources, {"checkpoint-post": Peer()}, {"timestamp": (root,)}, NOW)
    ).decode()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert lines == [
        'hub_certificate_left_days{number="0",setting="ledger.delivery.timestamp_roots",source="timestamp",whose="source"} -4.0',
        'hub_certificate_left_days{number="0",setting="tls",source="checkpoint-post",whose="source"} 3.0',
        'hub_clock_ahead_seconds{source="checkpoint-post"} -2.5',
    ]


HOSTILE = (
    ("GET", "/v1/me/position?blocks=99000002K"),
    ("GET", "/v1/me/position/99000002K"),
    ("GET", "/99000002K/%00%0a"),
    ("PROPFIND", "/v1/me/position"),
    ("GET", "/v1/accesses/99000002K/position"),
    ("PUT", "/livez"),
)


async def test_what_clients_send_makes_no_new_series(tmp_path):
    """After one round of every kind of request, others of these kinds only count up."""
    issuer = AnIssuer()
    tokens = [None, "x", issuer.token(), issuer.token(iss="https://99000002K.example")]

    async def round_of(hub, number):
        for method, path in HOSTILE:
            for token in tokens:
                await hub.call(method, path.replace("99000002K", number), token)
        text = (await hub.get("/metrics")).text
        return text, {line.rpartition(" ")[0] for line in text.splitlines() if line[0] != "#"}

    async with a_hub(tmp_path, issuer.configured(tmp_path)) as hub:
        await round_of(hub, CITIZEN)
        _, before = await round_of(hub, CITIZEN)
        text, after = await round_of(hub, "X1234567L")
    assert after == before
    assert "99000002" not in text
    assert 'hub_http_requests_total{method="other",route="none"' in text


def test_operators_are_alerted_of_what_the_source_refuses():
    """Counted and logged as an error, by code or rule: nobody else can mend it."""

    async def story():
        world = World(after(0.1, 403))
        with capture_logs() as lines:
            await world.obtainer.obtain(STEPS["read"], a_query(), short=True)
            world.far = after(0.1, 503)
            await world.obtainer.obtain(STEPS["social"], a_query(), short=True)
        refused = [line for line in lines if line["event"] == "source_refused"]
        assert refused == [
            {
                "event": "source_refused",
                "log_level": "error",
                "source": "x",
                "operation": "read",
                "reason": "hub_credentials",
                "detail": "HTTP 403",
            }
        ]
        seen = figures(world)
        assert seen["hub_operations_declined_total", "read", "hub_credentials", "x"] == 1
        assert [key for key, n in seen.items() if "declined_total" in key[0] and n] == [
            ("hub_operations_declined_total", "read", "hub_credentials", "x")
        ]

    simulate(story())
