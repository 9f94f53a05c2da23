"""Structured logs, one JSON object per line; what looks personal is cut out last of all.

Libraries that log messages or URLs (httpx, httpcore, zeep, the server's access log) are
silenced: evidence belongs to the ledger, and nothing personal belongs to a log. The server's own
complaints become lines of ours, without what they quote.
"""

from __future__ import annotations

import logging  # noqa: TID251 - to silence it
import re
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import msgspec
import structlog

SILENCED = (
    "httpx",
    "httpcore",
    "zeep",
    "uvicorn.access",
    "asyncio",
    "litestar",
    "opentelemetry",
    "urllib3",
)

SERVER = "uvicorn.error"

_PERSONAL = re.compile(
    r"""
      \b[0-9XYZxyz]\d{7}[A-Za-z]\b                # NIF, NIE
    | \b[A-Za-z]\d{7}[0-9A-Za-z]\b                # CIF
    | \b[A-Z]{2}\d{2}(?:\s?[0-9A-Z]{4}){3,7}\b    # IBAN
    | [\w.+-]+@[\w-]+\.[\w.-]+                    # e-mail
    | (?<![\w.])(?:\+?34[\s-]?)?[6789]\d{2}[\s-]?\d{3}[\s-]?\d{3}(?![\w.])  # telephone
    """,
    re.VERBOSE,
)


def redact(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace whatever looks like an identity document, IBAN, e-mail or telephone."""
    return {key: _redacted(value) for key, value in event.items()}


def _redacted(value: Any) -> Any:
    if isinstance(value, str):
        return _PERSONAL.sub("[redacted]", value)
    if isinstance(value, dict):
        return {key: _redacted(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_redacted(item) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return f"[{type(value).__name__}]"


class _Complaints(logging.Handler):
    """The server's complaints as events; values and tracebacks stay out, for they can be a client's."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        text = record.msg if isinstance(record.msg, str) else type(record.msg).__name__
        told = {"text": text.strip(), "error": type(error).__name__ if error else None}
        structlog.get_logger().log(
            record.levelno, "server_complained", **told, place=place_of(error)
        )


def place_of(error: BaseException | None) -> str:
    """Function and line where *error* was raised, which quote nothing; `-` for none."""
    trace = error.__traceback__ if error else None
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_name}:{trace.tb_lineno}" if trace else "-"


def configure_logs(stream: TextIO | None = None) -> None:
    """Log to *stream* (standard error by default) and silence the libraries."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            redact,
            structlog.processors.JSONRenderer(serializer=_json),
        ],
        logger_factory=structlog.PrintLoggerFactory(stream or sys.stderr),
        cache_logger_on_first_use=False,
    )
    for name in SILENCED:
        _only(name, logging.NullHandler(), logging.CRITICAL)
    _only(SERVER, _Complaints(), logging.WARNING)


def _only(name: str, handler: logging.Handler, level: int) -> None:
    """What the logger says goes to *handler* and nowhere else."""
    logger = logging.getLogger(name)
    logger.handlers, logger.propagate = [handler], False
    logger.setLevel(level)


def _json(event: Any, **_: Any) -> str:
    return msgspec.json.encode(event).decode()
