"""Bytes in, plain data out; every way of being wrong becomes a SourceError, once, here."""

from __future__ import annotations

import codecs
import datetime as dt
import json
import math
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from itertools import accumulate
from typing import Any, TypeVar

import msgspec

from hub.core.errors import SourceMalformed, SourceRefused, SourceUnavailable
from hub.wire.client import Answer

T = TypeVar("T")

MAX_DEPTH = 200
"""Nesting beyond this is an attack on the decoder, not data."""

_LONGEST_WAIT_S = 3600

_ESCAPED = re.compile(rb"\\.", re.DOTALL)
_STRING = re.compile(rb'"[^"]*+(?:"|\Z)')
_PLAIN = bytes(set(range(256)) - set(b'[]{}"'))
"""All that neither opens nor closes anything."""

_HTML = re.compile(rb"^(?:\xef\xbb\xbf)?\s*<(!doctype html|html|head|body)\b", re.IGNORECASE)


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
    """`Retry-After` in seconds, at most an hour; None for nonsense (RFC 9110 section 10.2.3).

    A date counts from the answer's own `Date`: both are the source's clock.
    """
    text = answer.headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,9}", text):
        return min(int(text), _LONGEST_WAIT_S)
    wanted, now = _http_date(text), _http_date(answer.headers.get("date", ""))
    if wanted is None or now is None or wanted <= now:
        return None
    return min(math.ceil((wanted - now).total_seconds()), _LONGEST_WAIT_S)


def _http_date(text: str) -> dt.datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=dt.UTC)


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
    body = answer.body.removeprefix(codecs.BOM_UTF8)
    _check_depth(answer)
    try:
        value = msgspec.json.decode(body, type=type_)
        _refuse_member_twice(body)
        return value
    except _MemberTwice:
        raise SourceMalformed(answer.source, "malformed", "a member stands twice") from None
    except msgspec.ValidationError as error:
        if "out of range" in str(error):  # 1e400: no number of this world
            raise SourceMalformed(answer.source, "malformed", path_of(error)) from None
        raise SourceMalformed(answer.source, "schema", path_of(error)) from None
    except msgspec.DecodeError:
        if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise SourceMalformed(answer.source, "charset", "UTF-16 is not UTF-8") from None
        raise SourceMalformed(answer.source, "malformed", "not JSON") from None
    except UnicodeDecodeError as error:  # not a DecodeError: Latin-1 from a legacy system
        detail = f"byte {error.start} is not UTF-8"
        raise SourceMalformed(answer.source, "charset", detail) from None
    except RecursionError:
        raise SourceMalformed(answer.source, "malformed", "nested too deeply") from None


class _MemberTwice(Exception):
    """One object of a JSON text has two members of one name (RFC 8259 section 4)."""


def _refuse_member_twice(body: bytes) -> None:
    """Raise _MemberTwice where an object has a name twice: readers differ on which one counts."""

    def once(members: list[tuple[str, Any]]) -> None:
        if len({name for name, _ in members}) != len(members):
            raise _MemberTwice

    json.loads(body, object_pairs_hook=once, parse_int=str, parse_float=str)


def json_object(answer: Answer) -> dict[str, Any]:
    """The JSON object in *answer* as plain data."""
    return json_value(answer, dict[str, Any])


def list_at(source: str, payload: Mapping[str, Any], path: str) -> list[Any]:
    """The list at *path* (`a/b`) of *payload*; SourceMalformed (`schema`) where there is none."""
    found: Any = payload
    for step in path.split("/"):
        found = found.get(step) if isinstance(found, dict) else None
    if not isinstance(found, list):
        raise SourceMalformed(source, "schema", f"no list at {path}")
    return found


def path_of(error: msgspec.ValidationError) -> str:
    """Where a message of msgspec points to; its text may quote a value of an enumeration."""
    found = re.search(r"at `(\$[^`]*)`", str(error))
    return f"another shape at {found.group(1) if found else '$'}"


def _check_depth(answer: Answer) -> None:
    opening = answer.body.count(b"[") + answer.body.count(b"{")
    if opening <= MAX_DEPTH:
        return
    steps = (1 if byte in b"[{" else -1 for byte in _brackets(answer.body))
    if max(accumulate(steps), default=0) > MAX_DEPTH:
        raise SourceMalformed(answer.source, "malformed", "nested too deeply")


def _brackets(body: bytes) -> bytes:
    """The brackets of a JSON text that stand outside strings, up to where it is no JSON.

    In steps that are linear in any text, and each as short as can be: some hold every thread.
    Two quotes side by side are taken away: what stands in strings still does.
    """
    unescaped = _ESCAPED.sub(b"", body) if b"\\" in body else body
    return _STRING.sub(b"", unescaped.translate(None, _PLAIN).replace(b'""', b""))
