"""A receiver of spans (OTLP over HTTP) on a real socket, in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from hub.settings import TelemetrySettings

Mode = Literal["takes", "refuses", "hangs"]


class Receiver(ThreadingHTTPServer):
    """Keeps what it is sent, refuses it, or never answers."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, mode: Mode = "takes") -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.mode, self.bodies = mode, list[bytes]()
        self.credentials: set[str | None] = set()
        self.asked, self.ends = threading.Event(), threading.Event()

    @property
    def settings(self) -> TelemetrySettings:
        """A configuration under which every request is traced, and told here."""
        endpoint = f"http://127.0.0.1:{self.server_port}/v1/traces"
        return TelemetrySettings(endpoint=endpoint, service="hub-under-test", share=1.0)

    @property
    def resources(self) -> list[Any]:
        """What each batch says of the process that it comes from."""
        return [
            sent.resource
            for body in self.bodies
            for sent in ExportTraceServiceRequest.FromString(body).resource_spans
        ]

    @property
    def spans(self) -> list[Any]:
        """Every span, in no order."""
        return [
            span
            for body in self.bodies
            for resource in ExportTraceServiceRequest.FromString(body).resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.credentials.add(self.headers["authorization"])
        self.server.asked.set()
        if self.server.mode == "hangs":
            self.server.ends.wait()
            return
        if self.server.mode == "takes":
            self.server.bodies.append(body)
        self.send_response(200 if self.server.mode == "takes" else 400)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


@contextmanager
def receiving(mode: Mode = "takes") -> Iterator[Receiver]:
    """A receiver that listens for the length of the block."""
    receiver = Receiver(mode)
    thread = threading.Thread(target=receiver.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield receiver
    finally:
        receiver.ends.set()
        receiver.shutdown()
        thread.join()
        receiver.server_close()


def said(span: Any) -> dict[str, Any]:
    """The attributes of a span as it was received."""
    return {
        pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in span.attributes
    }
