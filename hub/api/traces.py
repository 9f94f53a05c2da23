"""Which requests are traced, and whose word about the trace is taken."""

from __future__ import annotations

from collections.abc import Callable

import structlog
from litestar.types import HTTPScope

from hub.api.certificate import is_trusted
from hub.api.context import Context
from hub.tracing import Traced, begin_request, remote_parent

TRACED = "/v1/"
"""Where paths begin that are traced: a probe every second tells nobody anything."""

Begin = Callable[[HTTPScope], Traced | None]
"""Gives the span of a request, if it is traced."""


def trace_of(context: Context, scope: HTTPScope) -> Traced | None:
    """The span of a request, which begins here; its log lines name the trace.

    A `traceparent` is believed from `server.trusted_proxies` alone: a stranger could choose
    what is traced, and write into the id whatever he likes. `tracestate` is read from nobody.
    """
    if context.telemetry is None or not scope["path"].startswith(TRACED):
        return None
    lines = [value for name, value in scope["headers"] if name == b"traceparent"]
    parent = None
    if len(lines) == 1 and is_trusted(scope, context.identifier.trusted):
        parent = remote_parent(lines[0].decode("latin-1"))
    traced = begin_request(context.telemetry.tracer, parent)
    if traced is not None:
        structlog.contextvars.bind_contextvars(trace=traced.trace_id)
    return traced
