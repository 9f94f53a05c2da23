"""Bytes in, plain data out; every way of being wrong becomes a SourceError, once, here."""

from __future__ import annotations

import re
from typing import Any, TypeVar

import msgspec

from hub.core.errors import SourceMalformed, SourceRefused, SourceUnavailable
from hub.wire.client import Answer

T = TypeVar("T")

MAX_DEPTH = 200
"""Nesting beyond this is an attack on the decoder, not data."""

_HTML = re.compile(rb"^\s*<(!doctype html|html|head|body)\b", re.IGNORECASE)


def check_status(answer: Answer) -> None:
    """Judge the HTTP status: 429 and 5xx may pass later, 401 and 403 are the hub's own fault.

    A source whose faults travel with another status (SOAP, OData) reads the body first.
    """
    status, source = answer.status, answer.source
    if status in (401, 403):
        raise SourceRefused(source, "hub_credentials", f"HTTP {status}")
    if status == 429:  # noqa: PLR2004 - RFC 6585 section 4
        raise SourceUnavailable(source, "throttled", f"HTTP {status}", retry_after(answer))
    if status == 503:  # noqa: PLR2004 - RFC 9110 section 15.6.4
        raise SourceUnavailable(source, "maintenance", f"HTTP {status}", retry_after(answer))
    if status >= 500:  # noqa: PLR2004
        raise SourceUnavailable(source, "backend_fault", f"HTTP {status}")
    if status >= 400:  # noqa: PLR2004
        raise SourceRefused(source, "backend_fault", f"HTTP {status}")


def retry_after(answer: Answer) -> int | None:
    """`Retry-After` in seconds, if it is a sensible number of them (RFC 9110 section 10.2.3)."""
    text = answer.headers.get("retry-after", "")
    return min(int(text), 3600) if re.fullmatch(r"\d{1,9}", text) else None


def refuse_html(answer: Answer) -> None:
    """A login, firewall or maintenance page with status 200 is not an answer."""
    if _HTML.match(answer.body) or "text/html" in answer.headers.get("content-type", ""):
        raise SourceUnavailable(answer.source, "maintenance", "an HTML page, not an answer")


def json_value(answer: Answer, type_: type[T]) -> T:
    """The JSON in *answer* as *type_*.

    Raises SourceMalformed: `charset` for bytes that are not UTF-8, `malformed` for what is
    not JSON, `schema` for JSON of another shape (naming the path, not the value).
    """
    refuse_html(answer)
    _check_depth(answer)
    try:
        return msgspec.json.decode(answer.body, type=type_)
    except msgspec.ValidationError as error:
        raise SourceMalformed(answer.source, "schema", path_of(error)) from None
    except msgspec.DecodeError:
        raise SourceMalformed(answer.source, "malformed", "not JSON") from None
    except UnicodeDecodeError as error:  # not a DecodeError: Latin-1 from a legacy system
        detail = f"byte {error.start} is not UTF-8"
        raise SourceMalformed(answer.source, "charset", detail) from None
    except RecursionError:
        raise SourceMalformed(answer.source, "malformed", "nested too deeply") from None


def json_object(answer: Answer) -> dict[str, Any]:
    """The JSON object in *answer* as plain data."""
    return json_value(answer, dict[str, Any])


def path_of(error: msgspec.ValidationError) -> str:
    """Where a message of msgspec points to; its text may quote a value of an enumeration."""
    found = re.search(r"at `(\$[^`]*)`", str(error))
    return f"another shape at {found.group(1) if found else '$'}"


def _check_depth(answer: Answer) -> None:
    opening = answer.body.count(b"[") + answer.body.count(b"{")
    if opening <= MAX_DEPTH:
        return
    depth = deepest = 0
    for byte in re.sub(rb'"(?:[^"\\]|\\.)*"', b"", answer.body):
        depth += (byte in b"[{") - (byte in b"]}")
        deepest = max(deepest, depth)
    if deepest > MAX_DEPTH:
        raise SourceMalformed(answer.source, "malformed", "nested too deeply")
