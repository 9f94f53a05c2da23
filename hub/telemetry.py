"""Where spans go: in batches, by OTLP over HTTP, from a thread of their own.

Nothing here is waited for by a request. The queue is bounded, what does not fit is dropped and
counted, and a receiver that is gone or silent costs a thread's time and nothing else.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import requests
from msgspec import Struct
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Link, Status

from hub import __version__
from hub.settings import TelemetrySettings
from hub.tracing import ATTRIBUTES

QUEUE, BATCH = 2048, 512
"""Spans that wait at most, and that leave together."""

EVERY_MS = 2000
"""How long a span waits for others."""

EXPORT_S = 5.0
"""Seconds for one batch, repetitions included."""

FLUSH_S, LAST_S = 1.5, 0.5
"""Seconds for what is left when the hub stops; and from giving it up to the end of the thread."""


class SpanTally(Struct):
    """What became of spans, since the start."""

    sent: int = 0
    failed: int = 0
    """Those that the receiver did not take."""
    dropped: int = 0
    """Those for which there was no room."""


class Telemetry:
    """A tracer, and the way out for its spans; *tally* counts what becomes of them."""

    def __init__(self, settings: TelemetrySettings, root: Path, tally: SpanTally) -> None:
        session = requests.Session()
        session.trust_env = False  # neither a proxy nor a password that the environment names
        exporter = OTLPSpanExporter(
            endpoint=settings.endpoint,
            certificate_file=str(root / settings.roots) if settings.roots else None,
            timeout=EXPORT_S,
            session=session,
        )
        self._way = _Narrow(exporter, tally)
        self._queue = _Bounded(self._way, tally)
        provider = TracerProvider(
            sampler=ParentBased(TraceIdRatioBased(settings.share)),
            resource=Resource({"service.name": settings.service, "service.version": __version__}),
            shutdown_on_exit=False,
        )
        provider.add_span_processor(self._queue)
        self.tracer = provider.get_tracer("hub", __version__)

    async def aclose(self) -> None:
        """Send what waits, for FLUSH_S at most; then give it up. Later spans are lost."""
        loop, done = asyncio.get_running_loop(), asyncio.Event()

        def finish() -> None:
            self._queue.shutdown()  # type: ignore[no-untyped-call]
            with suppress(RuntimeError):  # the loop may be closed by now
                loop.call_soon_threadsafe(done.set)

        # not the loop's own threads: a stopping process waits for those
        threading.Thread(target=finish, name="telemetry-flush", daemon=True).start()
        for seconds in (FLUSH_S, LAST_S):
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await done.wait()
            self._way.shutdown()  # no repetition any more


class _Narrow(SpanExporter):
    """Lets out of each span what is on the list, and nothing else; counts how it went."""

    def __init__(self, inner: SpanExporter, tally: SpanTally) -> None:
        self._inner, self._tally = inner, tally
        self.taken = 0
        self._is_shut = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.taken += len(spans)
        result = SpanExportResult.FAILURE
        with suppress(Exception):  # whatever it is, the next batch has its turn
            result = self._inner.export([narrowed(span) for span in spans])
        if result is SpanExportResult.SUCCESS:
            self._tally.sent += len(spans)
        else:
            self._tally.failed += len(spans)
        return result

    def shutdown(self) -> None:
        if not self._is_shut:
            self._is_shut = True
            self._inner.shutdown()


class _Bounded(BatchSpanProcessor):
    """The library's queue; a span for which there is no room is counted, the newest first."""

    def __init__(self, way: _Narrow, tally: SpanTally) -> None:
        super().__init__(way, QUEUE, EVERY_MS, BATCH)
        self._way, self._tally, self._given = way, tally, 0

    def on_end(self, span: ReadableSpan) -> None:
        if self._given - self._way.taken >= QUEUE:
            self._tally.dropped += 1
            return
        self._given += 1
        super().on_end(span)


def narrowed(span: ReadableSpan) -> ReadableSpan:
    """*span* with what ATTRIBUTES names, each of its type; without events and texts."""
    said = {
        name: value
        for name, value in (span.attributes or {}).items()
        if type(value) is ATTRIBUTES.get(name)
    }
    return ReadableSpan(
        name=span.name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=said,
        links=[Link(link.context) for link in span.links],
        kind=span.kind,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def telemetry_faults(settings: TelemetrySettings, root: Path) -> list[str]:
    """Why spans could not be sent as configured."""
    faults = []
    if settings.endpoint is not None and not _is_address(settings.endpoint):
        faults.append("telemetry.endpoint: http:// or https://, a host and a path, nothing else")
    if settings.roots is not None and not (root / settings.roots).is_file():
        faults.append("telemetry.roots: no such file")
    return faults


def open_telemetry(settings: TelemetrySettings, root: Path, tally: SpanTally) -> Telemetry | None:
    """The way out that *settings* describe, if they name one; it begins a thread."""
    return Telemetry(settings, root, tally) if settings.endpoint else None


def _is_address(text: str) -> bool:
    """Whether *text* is a plain URL: a password in it would end in errors and logs."""
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        return False
    bare = not (url.query or url.fragment or url.username or url.password) and port != 0
    return url.scheme in ("http", "https") and bool(url.hostname) and bare
