"""One span per operation and caller, whoever does the asking and however long it takes."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import httpx
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from hub.core.errors import LedgerError, SourceProtected, SourceRefused
from hub.core.limits import CacheLimits
from hub.tracing import begin_request, under
from tests.support.builders import a_query
from tests.support.scripted import STEPS, World, after
from tests.support.simulated import simulate


class Traces:
    """Requests of one process, and the spans of theirs that have ended."""

    def __init__(self) -> None:
        self._ended = InMemorySpanExporter()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self._ended))
        self._tracer = provider.get_tracer("test")

    async def request(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Do *work* in a request of its own."""
        traced = begin_request(self._tracer, None)
        assert traced is not None
        try:
            with under(traced):
                return await work
        finally:
            traced.end_request("GET", "/v1/x", 200)

    @property
    def requests(self) -> list[Any]:
        """Their spans, as they ended."""
        return [span for span in self._ended.get_finished_spans() if span.parent is None]

    @property
    def operations(self) -> list[Any]:
        """The other spans, as they ended."""
        return [span for span in self._ended.get_finished_spans() if span.parent is not None]

    def said(self, *names: str) -> list[tuple[Any, ...]]:
        """Per operation what it says under those names."""
        return [tuple(s.attributes.get(f"hub.{n}") for n in names) for s in self.operations]


def asking(world: World, operation: str = "read", *, short: bool = True, **asked: Any) -> Any:
    """One caller's operation."""
    return world.obtainer.obtain(STEPS[operation], a_query(**asked), short=short)


def test_who_joins_has_a_span_of_its_own_that_leads_to_the_flight():
    """Each below its own request; one asks, the other says that it joined."""

    async def story():
        traces, world = Traces(), World(after(1))
        await asyncio.gather(*(traces.request(asking(world)) for _ in range(2)))
        flight, joined = sorted(traces.operations, key=lambda s: s.attributes["hub.joined"])
        assert [span.name for span in (flight, joined)] == ["x.read", "x.read"]
        assert {s.parent.span_id for s in (flight, joined)} == {
            s.context.span_id for s in traces.requests
        }
        [link] = joined.links
        assert link.context.span_id == flight.context.span_id
        assert sorted(traces.said("outcome", "joined", "attempts")) == [
            ("ok", False, 1),
            ("ok", True, 0),
        ]

    simulate(story())


def test_what_goes_on_after_its_request_ends_its_span_when_it_lands():
    """Two more seconds later, and still below the request that began it; nobody joined."""

    async def story():
        traces, world = Traces(), World(after(3))
        await traces.request(asking(world, seconds=1))
        assert traces.operations == []
        await asyncio.sleep(5)
        [flight], [request] = traces.operations, traces.requests
        assert flight.parent.span_id == request.context.span_id
        assert traces.said("outcome", "attempts") == [("ok", 1)]
        await traces.request(asking(world))
        assert traces.said("outcome", "from_cache", "attempts")[1:] == [("ok", True, 0)]
        assert traces.operations[1].parent.span_id == traces.requests[1].context.span_id

    simulate(story())


def test_who_joins_and_leaves_early_says_that_it_is_on_its_way():
    """The flight's own span tells the end."""

    async def story():
        traces, world = Traces(), World(after(3))
        await asyncio.gather(*(traces.request(asking(world, seconds=1)) for _ in range(2)))
        await asyncio.sleep(5)
        assert traces.said("outcome", "joined") == [("pending", True), ("ok", False)]

    simulate(story())


def test_the_end_of_a_leader_does_not_end_the_span_of_the_flight():
    """Its request is over, cancelled; the flight goes on for who joined. A flight that ends with
    its last caller is `cancelled`, even before it began.
    """

    async def story():
        traces, world = Traces(), World(after(2))
        leader = asyncio.create_task(traces.request(asking(world)))
        await asyncio.sleep(0.5)
        follower = asyncio.create_task(traces.request(asking(world)))
        await asyncio.sleep(0.5)
        leader.cancel()
        await follower
        assert sorted(traces.said("outcome", "joined")) == [("ok", False), ("ok", True)]
        alone = asyncio.create_task(traces.request(asking(world, "social")))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        alone.cancel()
        await asyncio.gather(alone, return_exceptions=True)
        assert traces.said("outcome", "refused")[2:] == [("cancelled", False)]

    simulate(story())


def test_what_the_deadline_ended_is_a_timeout_and_no_hang_up():
    """The caller is told so, the figures count it so, and so says the span."""

    async def story():
        traces, world = Traces(), World(after(5))
        await traces.request(asking(world, "social", seconds=1))
        assert traces.said("outcome") == [("timeout",)]

    simulate(story())


def test_what_the_breaker_refuses_says_so():
    """Nothing was sent, and nothing begun; before, each failure was."""

    async def story():
        traces, world = Traces(), World(after(0.1, 500), cache=CacheLimits(fresh_s=0, stale_s=0))
        for _ in range(12):
            await traces.request(asking(world))
        said = traces.said("outcome", "refused", "attempts")
        assert said[0] == ("backend_fault", False, 1)
        assert said[-1] == ("circuit_open", True, 0)

    simulate(story())


def test_repetitions_are_counted_and_pages_are_not(monkeypatch):
    """Connections that cannot be had are tried again; how many messages there are is not told."""

    async def story():
        traces, world = Traces(), World()
        tries = iter([httpx.ConnectError("no")])

        async def far(request: httpx.Request) -> httpx.Response:
            if (error := next(tries, None)) is not None:
                raise error
            return httpx.Response(200, json={"id": request.headers["x-person"]})

        async def in_pages(operation, query):
            call = world.client.call(world.source.spec, operation, query)
            for _ in range(5):
                await call.get(operation, {"x-person": query.subject.document.number})
            return call.record({"id": query.subject.document.number})

        world.far = far
        await traces.request(asking(world))
        assert traces.said("outcome", "attempts") == [("ok", 2)]
        monkeypatch.setattr(world.source.connector, "fetch", in_pages)
        await traces.request(asking(world, "social"))
        assert traces.said("outcome", "attempts")[1:] == [("ok", 1)]

    simulate(story())


@pytest.mark.parametrize(
    ("error", "outcome", "class_"),
    [
        (SourceRefused("x", "backend_fault", "no"), "backend_fault", None),
        (SourceProtected("x", "no"), "backend_fault", None),
        (KeyError("99000002K"), "hub_fault", "KeyError"),
        (LedgerError("full"), "ledger", "LedgerError"),
    ],
)
def test_an_error_is_an_outcome_and_a_class_and_no_text(error, outcome, class_, monkeypatch):
    """A person who is protected looks like anybody to whom a source says no."""

    async def story():
        traces, world = Traces(), World(cache=CacheLimits(fresh_s=0, stale_s=0))

        async def failing(operation, query):
            raise error

        monkeypatch.setattr(world.source.connector, "fetch", failing)
        await asyncio.gather(traces.request(asking(world)), return_exceptions=True)
        [span] = traces.operations
        assert span.attributes["hub.outcome"] == outcome
        assert span.attributes.get("error.type") == class_
        assert (span.events, span.status.description) == ((), None)
        assert "99000002K" not in span.to_json()

    simulate(story())


@pytest.mark.parametrize("tells", [True, False])
def test_a_source_is_told_the_trace_only_where_its_settings_say_so(tells):
    """Then it is the operation's own span, and on record like every header."""

    async def story():
        traces, world = Traces(), World(tells_trace=tells)
        await traces.request(asking(world))
        [span] = traces.operations
        [sent] = world.recorder.sent
        headers = dict(sent.message.headers)
        ids = f"{span.context.trace_id:032x}-{span.context.span_id:016x}"
        assert headers.get("traceparent") == (f"00-{ids}-01" if tells else None)
        assert not {"tracestate", "baggage"} & headers.keys()
        await asking(world, "social")  # a request that is not traced
        assert "traceparent" not in dict(world.recorder.sent[1].message.headers)

    simulate(story())
