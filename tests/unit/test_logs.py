"""Logs: one JSON object per line, and nothing personal in it."""

from __future__ import annotations

import asyncio
import io
import json
from urllib.parse import urlsplit

import pytest
import structlog

from hub.logs import configure_logs, redact
from tests.support.serving import serving

PERSONAL = {
    "nif": "99000002K",
    "nie": "X1234567L",
    "cif": "P2807900B",
    "iban": "ES91 2100 0418 4502 0005 1332",
    "e-mail": "ana.prueba@example.org",
    "telephone": "600 000 123",
    "telephone with prefix": "+34600000123",
}


@pytest.fixture
def lines():
    """What is logged."""
    stream = io.StringIO()
    configure_logs(stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    structlog.reset_defaults()


@pytest.mark.parametrize("value", PERSONAL.values(), ids=PERSONAL)
def test_what_looks_personal_is_cut_out(lines, value):
    """Wherever it stands: in a text, in a list, in a table, among other words."""
    log = structlog.get_logger()
    log.info("event", text=f"see {value}, please", deep={"list": [value]}, thing=ValueError(value))
    assert value not in json.dumps(lines())


def test_a_line_stays_one_line(lines):
    """Line breaks, escapes and bidirectional marks cannot forge a second event."""
    structlog.get_logger().warning("event", text='a\r\n{"event":"forged"}\x1b[31m\u202e')
    [line] = lines()
    assert line["event"] == "event"
    assert line["level"] == "warning"


def test_ids_and_numbers_stay(lines):
    """Redaction leaves what operators need."""
    structlog.get_logger().info("event", request="01M81NA0FF58PJA14E1H3Z80MV", elapsed_ms=123456.7)
    [line] = lines()
    assert line["request"] == "01M81NA0FF58PJA14E1H3Z80MV"
    assert line["elapsed_ms"] == 123456.7


@pytest.mark.parametrize("value", PERSONAL.values(), ids=PERSONAL)
def test_what_is_bound_to_a_context_is_cut_out_too(lines, value):
    """Redaction is the last step before the line is written: nothing is added after it."""
    with structlog.contextvars.bound_contextvars(who=value, deep={"in": (value,)}):
        structlog.get_logger().bind(also=value).warning(f"event {value}")
    [line] = lines()
    assert value not in json.dumps(line)
    processors = structlog.get_config()["processors"]
    assert processors[-2] is redact
    assert isinstance(processors[-1], structlog.processors.JSONRenderer)


async def complaining(scope, receive, send):
    """Fails outside of everything that would tell it."""
    raise ValueError("about 99000002K")


@pytest.mark.parametrize(
    ("sent", "text", "error"),
    [
        (b"GARBAGE\r\n\r\n", "Invalid HTTP request received.", None),
        (b"GET / HTTP/1.1\r\nhost: a\r\n\r\n", "Exception in ASGI application", "ValueError"),
    ],
    ids=["garbage", "an error"],
)
async def test_the_servers_complaints_are_lines_of_ours(lines, capfd, sent, text, error):
    """JSON like any other; neither the traceback nor what an exception quotes is in them."""
    async with serving(complaining) as base:
        where = urlsplit(base)
        reader, writer = await asyncio.open_connection(where.hostname, where.port)
        writer.write(sent)
        await reader.readline()
        writer.close()
    [line] = lines()
    assert (line["event"], line["text"], line["error"]) == ("server_complained", text, error)
    assert line["level"] in {"warning", "error"}
    assert (line["place"] == "-") == (error is None)
    assert "99000002K" not in json.dumps(line)
    assert capfd.readouterr() == ("", "")
