"""Spans: where the time of a request goes, and nothing about whom it was for.

Every span is begun and ended here. What one may say is ATTRIBUTES, and `hub.telemetry` holds
each against that list again before it leaves. An error is its class, never its text. A request
that is not traced has no current span, and everything here returns at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

from opentelemetry.context import Context
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    Tracer,
    format_span_id,
    format_trace_id,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

ATTRIBUTES: Mapping[str, type] = {
    "error.type": str,
    "http.request.method": str,
    "http.response.status_code": int,
    "http.route": str,
    "hub.attempts": int,
    "hub.from_cache": bool,
    "hub.joined": bool,
    "hub.ledger_ms": float,
    "hub.operation": str,
    "hub.outcome": str,
    "hub.refused": bool,
    "hub.source": str,
}
"""What a span may say, and as what: route templates, names that are configured, numbers, and
words of closed lists. Neither an id nor anything that a client or a source wrote is among them."""

SERVER_FAULT = 500

_W3C = TraceContextTextMapPropagator()


class Traced:
    """One span under way, and what is counted for it."""

    def __init__(self, tracer: Tracer, span: Span) -> None:
        self._tracer, self._span = tracer, span
        self.attempts = 0
        self.ledger_s = 0.0
        self.error: str | None = None
        self.was_begun = False
        """Whether the source's guard let the operation begin."""

    @property
    def context(self) -> SpanContext:
        """Its ids."""
        return self._span.get_span_context()

    @property
    def trace_id(self) -> str:
        """As it stands in the log line of the request."""
        return format_trace_id(self.context.trace_id)

    @property
    def traceparent(self) -> str:
        """The header (W3C Trace Context) that makes a far end's spans children of this one."""
        return f"00-{self.trace_id}-{format_span_id(self.context.span_id)}-01"

    def child(self, name: str, other: Traced | None = None) -> Traced:
        """A span within this one; linked to *other*, which does its work in another trace."""
        links = [] if other is None else [Link(other.context)]
        context = set_span_in_context(self._span, Context())
        span = self._tracer.start_span(name, context, kind=SpanKind.CLIENT, links=links)
        return Traced(self._tracer, span)

    def end_request(self, method: str, route: str, status: int) -> None:
        """The request is over; *route* is the template. Status 0: the client had gone."""
        self._span.update_name(f"{method} {route}")
        self._say("http.request.method", method)
        self._say("http.route", route)
        self._say("http.response.status_code", status)
        self._end(failed=status >= SERVER_FAULT)

    def end_operation(
        self, name: tuple[str, str], outcome: str, *, from_cache: bool = False, joined: bool = False
    ) -> None:
        """The operation *name* (source, operation) is over: `ok`, or why it gave nothing."""
        self._say("hub.source", name[0])
        self._say("hub.operation", name[1])
        self._say("hub.outcome", outcome)
        self._say("hub.attempts", self.attempts)
        self._say("hub.from_cache", from_cache)
        self._say("hub.joined", joined)
        was_kept = self.was_begun or from_cache or joined
        self._say("hub.refused", not was_kept and outcome != "cancelled")
        self._end(failed=outcome not in ("ok", "pending", "cancelled"))

    def _end(self, *, failed: bool) -> None:
        self._say("hub.ledger_ms", round(self.ledger_s * 1000, 3))
        if self.error is not None:
            self._say("error.type", self.error)
        if failed:
            self._span.set_status(StatusCode.ERROR)
        self._span.end()

    def _say(self, name: str, value: str | float) -> None:
        self._span.set_attribute(name, value)


_current: ContextVar[Traced | None] = ContextVar("hub_traced", default=None)


@contextmanager
def under(traced: Traced | None) -> Iterator[None]:
    """Make *traced* the current span of this task, and of those that it begins meanwhile."""
    token = _current.set(traced)
    try:
        yield
    finally:
        _current.reset(token)


def begin_request(tracer: Tracer, parent: SpanContext | None) -> Traced | None:
    """The span of a request, in the trace of *parent* or a new one; None if it is not sampled."""
    context = Context()
    if parent is not None:
        context = set_span_in_context(NonRecordingSpan(parent), context)
    span = tracer.start_span("request", context, kind=SpanKind.SERVER)
    return Traced(tracer, span) if span.is_recording() else None


def begin_operation(source: str, operation: str, joins: Traced | None = None) -> Traced | None:
    """The span of an operation within the current one; *joins* is the flight that does it."""
    current = _current.get()
    return None if current is None else current.child(f"{source}.{operation}", joins)


def note_remembered(source: str, operation: str) -> None:
    """The answer was in memory: a span that takes no time."""
    if (traced := begin_operation(source, operation)) is not None:
        traced.end_operation((source, operation), "ok", from_cache=True)


def note_begun() -> None:
    """The guard has let the operation begin."""
    if (current := _current.get()) is not None:
        current.was_begun = True


def note_attempt(number: int) -> None:
    """A message goes out for the time *number*. How many messages there are, as pages of an
    answer, is not told: that is about the person.
    """
    if (current := _current.get()) is not None:
        current.attempts = max(current.attempts, 1) + (number > 1)


def note_append(elapsed_s: float) -> None:
    """An append to the ledger took so long, with its wait."""
    if (current := _current.get()) is not None:
        current.ledger_s += elapsed_s


def note_error(error: BaseException) -> None:
    """The class of what went wrong within the hub; what a source said is an outcome, for the
    class of a refusal could tell that a person is protected.
    """
    if (current := _current.get()) is not None:
        current.error = type(error).__name__


def current_traceparent() -> str | None:
    """The header for a message that goes out now, where the request is traced."""
    current = _current.get()
    return None if current is None else current.traceparent


def remote_parent(line: str) -> SpanContext | None:
    """What a `traceparent` header names; None where it is malformed. There is no `tracestate`."""
    found = get_current_span(_W3C.extract({"traceparent": [line]}, Context())).get_span_context()
    if not found.is_valid:
        return None
    flags = TraceFlags(found.trace_flags & TraceFlags.SAMPLED)
    return SpanContext(found.trace_id, found.span_id, is_remote=True, trace_flags=flags)
