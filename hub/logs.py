"""Structured logs, one JSON object per line; what looks personal is cut out last of all.

Libraries that log messages or URLs (httpx, httpcore, zeep, the server's access log) are
silenced: evidence belongs to the ledger, and nothing personal belongs to a log.
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
        logger = logging.getLogger(name)
        logger.handlers = [logging.NullHandler()]
        logger.propagate = False
        logger.setLevel(logging.CRITICAL)


def _json(event: Any, **_: Any) -> str:
    return msgspec.json.encode(event).decode()
