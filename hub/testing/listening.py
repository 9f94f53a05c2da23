"""Hear all that is logged or printed while a connector works."""

from __future__ import annotations

import contextlib
import io
import logging  # noqa: TID251 - to hear what a connector should not say
import warnings
from collections.abc import Iterator

import structlog

from hub.logs import SILENCED


class _Ear(logging.Handler):
    """Keeps what the hub would let through: the libraries it silences are not heard."""

    def __init__(self, said: list[str]) -> None:
        super().__init__(logging.DEBUG)
        self._said = said

    def emit(self, record: logging.LogRecord) -> None:
        if not any(record.name == name or record.name.startswith(f"{name}.") for name in SILENCED):
            self._said.append(f"{record.getMessage()} {record.exc_info or ''}")


@contextlib.contextmanager
def listening() -> Iterator[list[str]]:
    """Everything that is said in the block, in any way: logs before redaction, prints, warnings."""
    said: list[str] = []
    root, printed = logging.getLogger(), io.StringIO()
    ear, level = _Ear(said), root.level
    root.addHandler(ear)
    root.setLevel(logging.DEBUG)
    try:
        with (
            structlog.testing.capture_logs() as events,
            contextlib.redirect_stdout(printed),
            contextlib.redirect_stderr(printed),
            warnings.catch_warnings(record=True) as warned,
        ):
            warnings.simplefilter("always")
            yield said
    finally:
        root.removeHandler(ear)
        root.setLevel(level)
    said += [repr(event) for event in events]
    said += [str(warning.message) for warning in warned]
    said += [printed.getvalue()] if printed.getvalue() else []


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Hear nothing of the server that plays the source: it is broken on purpose, often."""
    server = logging.getLogger("uvicorn.error")
    before, server.disabled = server.disabled, True
    try:
        yield
    finally:
        server.disabled = before
