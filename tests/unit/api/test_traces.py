"""Who may say in which trace a request stands, and what a receiver can do to a hub: nothing."""

from __future__ import annotations

import asyncio
import threading

import httpx
import pytest
from msgspec.structs import replace
from opentelemetry.trace import Link, Status, StatusCode

from hub import __version__, telemetry
from hub.core.errors import SettingsError
from hub.core.limits import CacheLimits
from hub.inspection import configuration_faults
from hub.settings import Server, TelemetrySettings
from tests.support.hubs import AnIssuer, a_hub
from tests.support.traces import receiving, said

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
GOOD = f"00-{TRACE}-{SPAN}-01"
MALFORMED = {
    "another form": TRACE,
    "version ff": f"ff-{TRACE}-{SPAN}-01",
    "more than version 00 has": f"{GOOD}-more",
    "a trace of zeros": f"00-{'0' * 32}-{SPAN}-01",
    "a span of zeros": f"00-{TRACE}-{'0' * 16}-01",
    "capitals": GOOD.upper(),
    "too short": f"00-{TRACE[:-1]}-{SPAN}-01",
    "no digits": f"00-{'g' * 32}-{SPAN}-01",
    "nothing": "",
    "very long": GOOD + "-" * 5000,
    "digits of another script": f"00-{TRACE}-{SPAN}-\u0660\u0661",
    "twice in one line": f"{GOOD},{GOOD}",
}


@pytest.fixture(autouse=True)
def unhurried(monkeypatch):
    """A bound for what is sent at the end that a busy machine keeps, too."""
    monkeypatch.setattr(telemetry, "FLUSH_S", 30.0)


async def test_a_trusted_proxy_says_in_which_trace_a_request_stands(tmp_path):
    """Trace, parent and whether; `tracestate` is not passed on. What is malformed is ignored, so
    that nothing is traced where nobody sampled it, and the answers are as ever.
    """
    proxy = Server(trusted_proxies=("127.0.0.0/8",))
    with receiving() as receiver:
        wanted = replace(receiver.settings, share=0.0)
        async with a_hub(tmp_path, server=proxy, telemetry=wanted) as hub:
            url = f"{hub.base}/v1/blocks"
            lines = [[(b"traceparent", text.encode())] for text in MALFORMED.values()]
            lines.append([(b"traceparent", GOOD.encode())] * 2)
            lines.append([(b"traceparent", f"00-{TRACE}-{SPAN}-00".encode())])
            state = (b"tracestate", b"vendor=99000002K")
            lines.append([(b"traceparent", GOOD.encode()), state])
            async with httpx.AsyncClient() as client:
                answers = [await client.get(url, headers=headers) for headers in lines]
    assert {answer.status_code for answer in answers} == {200}
    [span] = receiver.spans
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE, SPAN)
    assert span.trace_state == ""


async def test_a_stranger_is_not_believed(tmp_path):
    """His request stands in a new trace, and he cannot choose that it is traced. Probes are not."""
    server = Server(trusted_proxies=("10.1.0.0/16",))
    with receiving() as receiver, receiving() as never:
        async with a_hub(tmp_path, server=server, telemetry=receiver.settings) as hub:
            for path in ("/v1/blocks", "/livez"):
                assert (await hub.get(path, traceparent=GOOD)).status_code == 200
            unsampled = replace(never.settings, share=0.0)
            await hub.hub.reload(lambda: replace(hub.hub.settings, telemetry=unsampled))
            assert (await hub.get("/v1/blocks", traceparent=GOOD)).status_code == 200
    [span] = receiver.spans
    assert span.trace_id.hex() != TRACE
    assert span.parent_span_id == b""
    assert never.spans == []


async def lived(folder, wanted):
    """What a hub answers whose spans go as *wanted*."""
    folder.mkdir()
    issuer = AnIssuer()
    async with a_hub(folder, issuer.configured(folder), telemetry=wanted) as hub:
        answers = [await hub.get("/v1/blocks"), await hub.get("/v1/me/accesses", issuer.token())]
    return [(answer.status_code, answer.content) for answer in answers]


async def test_a_receiver_that_never_answers_changes_nothing_of_what_is_answered(
    tmp_path, monkeypatch
):
    """And the hub stops without waiting for it: it is let go only afterwards."""
    monkeypatch.setattr(telemetry, "FLUSH_S", 0.2)
    plain = await lived(tmp_path / "plain", TelemetrySettings())
    with receiving("hangs") as receiver:
        assert await lived(tmp_path / "traced", receiver.settings) == plain
        assert receiver.asked.is_set()
        assert not receiver.ends.is_set()


def end_spans(way, count):
    """Spans of nothing in particular."""
    for _ in range(count):
        way.tracer.start_span("one").end()


@pytest.mark.parametrize(("mode", "figures"), [("takes", (3, 0, 0)), ("refuses", (0, 3, 0))])
async def test_what_becomes_of_spans_is_counted(tmp_path, mode, figures):
    """Taken, or refused."""
    tally = telemetry.SpanTally()
    with receiving(mode) as receiver:
        way = telemetry.Telemetry(receiver.settings, tmp_path, tally)
        end_spans(way, 3)
        await way.aclose()
    assert (tally.sent, tally.failed, tally.dropped) == figures
    assert len(receiver.spans) == figures[0]


async def test_spans_for_a_receiver_that_is_gone_are_given_up_and_counted(tmp_path, monkeypatch):
    """Nobody listens there; repetitions end with the hub."""
    monkeypatch.setattr(telemetry, "FLUSH_S", 0.05)
    monkeypatch.setattr(telemetry, "LAST_S", 30.0)
    with receiving() as receiver:
        gone = receiver.settings
    tally = telemetry.SpanTally()
    way = telemetry.Telemetry(gone, tmp_path, tally)
    end_spans(way, 2)
    await way.aclose()
    assert (tally.sent, tally.failed, tally.dropped) == (0, 2, 0)


async def test_what_the_queue_has_no_room_for_is_dropped_and_counted(tmp_path, monkeypatch):
    """While a receiver hangs: ending a span does not wait."""
    monkeypatch.setattr(telemetry, "QUEUE", 3)
    monkeypatch.setattr(telemetry, "BATCH", 2)
    tally = telemetry.SpanTally()
    with receiving("hangs") as receiver:
        way = telemetry.Telemetry(receiver.settings, tmp_path, tally)
        end_spans(way, 2)
        await asyncio.to_thread(receiver.asked.wait)  # the first two are on their way
        end_spans(way, 5)
        assert tally.dropped == 2
        receiver.mode = "takes"
        receiver.ends.set()
        await way.aclose()
    assert len(receiver.spans) >= 3


async def test_what_is_not_on_the_list_does_not_leave(tmp_path):
    """Another name, another type, an event, the text of a status: none of it is exported."""
    personal = "99000002K"
    with receiving() as receiver:
        way = telemetry.Telemetry(receiver.settings, tmp_path, telemetry.SpanTally())
        other = way.tracer.start_span("other")
        span = way.tracer.start_span("one", links=[Link(other.get_span_context(), {"a": personal})])
        span.set_attributes({"hub.source": "padron", "hub.attempts": personal, "nif": personal})
        span.record_exception(ValueError(personal))
        span.set_status(Status(StatusCode.ERROR, personal))
        span.end()
        await way.aclose()
    [body], [span] = receiver.bodies, receiver.spans
    assert said(span) == {"hub.source": "padron"}
    assert len(span.links) == 1
    assert personal.encode() not in body


async def test_of_the_environment_a_credential_counts_and_no_more(tmp_path, monkeypatch):
    """The library's own variable carries it; what describes the process, or a proxy, does not."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20abc")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "host.name=somewhere")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9/")
    with receiving() as receiver:
        way = telemetry.Telemetry(receiver.settings, tmp_path, telemetry.SpanTally())
        end_spans(way, 1)
        await way.aclose()
    assert receiver.credentials == {"Bearer abc"}
    [resource] = receiver.resources
    assert said(resource) == {"service.name": "hub-under-test", "service.version": __version__}


async def test_a_reload_sends_spans_to_the_new_receiver(tmp_path):
    """What waited for the old one is still told there; another change leaves it as it is."""
    with receiving() as first, receiving() as second:
        async with a_hub(tmp_path, telemetry=first.settings) as hub:
            await hub.get("/v1/blocks")
            kept = hub.context.telemetry
            await hub.hub.reload(lambda: replace(hub.hub.settings, cache=CacheLimits(fresh_s=1)))
            assert hub.context.telemetry is kept
            moved = replace(hub.hub.settings, telemetry=second.settings)
            assert (await hub.hub.reload(lambda: moved)).changed == ("telemetry",)
            await hub.get("/v1/purposes")
        assert [span.name for span in first.spans] == ["GET /v1/blocks"]
        assert [span.name for span in second.spans] == ["GET none"]


@pytest.mark.parametrize(
    "endpoint",
    [
        "collector.example:4318",
        "ftp://collector.example/",
        "https://",
        "https://user:secret@collector.example/v1/traces",
        "https://collector.example/v1/traces?key=secret",
        "https://collector.example:99999/",
        "http://[::1",
    ],
)
def test_what_is_no_address_is_refused(tmp_path, endpoint):
    """A secret in it is not repeated."""
    bad = TelemetrySettings(endpoint=endpoint, roots=tmp_path / "none.pem")
    faults = telemetry.telemetry_faults(bad, tmp_path)
    assert [fault.split(":")[0] for fault in faults] == ["telemetry.endpoint", "telemetry.roots"]
    assert "secret" not in "".join(faults)


async def test_without_an_endpoint_nothing_is_made_and_a_bad_one_is_refused(tmp_path):
    """No thread and no span, the figures stand at zero; a reload and `config check` tell faults."""
    async with a_hub(tmp_path) as hub:
        bad = replace(hub.hub.settings, telemetry=TelemetrySettings(endpoint="collector.example"))
        with pytest.raises(SettingsError, match=r"telemetry\.endpoint"):
            await hub.hub.reload(lambda: bad)
        assert any("telemetry.endpoint" in fault for fault in configuration_faults(bad))
        assert hub.context.telemetry is None
        assert 'hub_spans_total{outcome="sent"} 0.0' in (await hub.get("/metrics")).text
        assert [t for t in threading.enumerate() if t.name == "telemetry-flush"] == []
