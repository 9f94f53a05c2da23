"""How SAP Gateway says no: statuses, error envelopes of every shape, and `sap-message`.

Texts come in the logon language and may quote data, so that only codes are read, and only
those that look like a code of SAP (message class and number, exception class, GUID) are
repeated in a detail.
"""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from typing import Any

import msgspec
from lxml import etree

from hub.core.errors import SourceError, SourceMalformed, SourceRefused
from hub.wire.client import Answer
from hub.wire.decode import MAX_DEPTH, check_status
from hub.wire.xml import parse_xml

_OK = 200
_FORBIDDEN = 403
_BAD = frozenset({"error", "abort"})
_CODE = re.compile(
    r"(?:/[A-Z0-9_]{1,10}/)?(?:[A-Z][A-Z0-9_]{0,19}/[0-9]{3}|CX_[A-Z_]{1,27})|[0-9A-F]{32}"
)
_LIKE_A_DOCUMENT = re.compile(r"[0-9]{5}")
_GUID_LENGTH = 32
_MAX_ERROR_BYTES = 256 * 1024


def refuse_failure(answer: Answer) -> None:
    """Raise the SourceError that *answer* stands for, unless it says success throughout."""
    if answer.status >= 400:  # noqa: PLR2004 - RFC 9110 section 15.5
        _refuse_status(answer)
    if answer.status != _OK:
        raise SourceMalformed(answer.source, "malformed", f"HTTP {answer.status} to a read")
    _refuse_message(answer)
    if _envelope_code(answer.body) is not None:
        raise SourceRefused(answer.source, "backend_fault", "an error envelope with HTTP 200")


def _refuse_status(answer: Answer) -> None:
    code = error_code(answer.body)
    if answer.status == _FORBIDDEN:
        _refuse_forbidden(answer, code)
    try:
        check_status(answer)
    except SourceError as error:
        detail = f"{error.detail}, {code}"
        raise type(error)(error.source, error.reason, detail, error.retry_after) from None


def _refuse_forbidden(answer: Answer, code: str) -> None:
    """A 403 is not always about authorisation: an unknown service says it with a code."""
    if "/IWFND/MED/" in code:
        raise SourceRefused(answer.source, "backend_fault", f"HTTP {_FORBIDDEN}, {code}")
    if answer.headers.get("x-csrf-token", "").lower() == "required":
        raise SourceRefused(answer.source, "hub_credentials", "HTTP 403, a CSRF token is wanted")


def error_code(body: bytes) -> str:
    """The error code in *body*, in words fit for a detail; never raises, never quotes a text."""
    code = _envelope_code(body)
    if code is None:
        return "no error code"
    if not _CODE.fullmatch(code):
        return "an error code of another form"
    if len(code) != _GUID_LENGTH and _LIKE_A_DOCUMENT.search(code):
        return "an error code of another form"
    return f"code {code}"


def _envelope_code(body: bytes) -> str | None:
    """`error.code` of a JSON or XML envelope; "" for an envelope without it, None for none."""
    start = body[:512].removeprefix(BOM_UTF8).lstrip()
    if start.startswith(b"{") and b'"error"' in body[:512]:
        return _json_code(body)
    if start.startswith(b"<") and b"<error" in body[:1024]:
        return _xml_code(body)
    return None


def _json_code(body: bytes) -> str | None:
    value = _shallow_json(body)
    if not isinstance(value, dict) or "error" not in value:
        return None
    error = value["error"]
    code = error.get("code") if isinstance(error, dict) else None
    return code if isinstance(code, str) else ""


def _shallow_json(body: bytes) -> Any:
    if len(body) > _MAX_ERROR_BYTES or body.count(b"[") + body.count(b"{") > MAX_DEPTH:
        return None
    try:
        return msgspec.json.decode(body.removeprefix(BOM_UTF8))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _xml_code(body: bytes) -> str | None:
    try:
        root = parse_xml("error", body, max_bytes=_MAX_ERROR_BYTES)
    except SourceError:
        return None
    if etree.QName(root).localname != "error":
        return None
    return next((_text(node) for node in root if _local(node) == "code"), "")


def _refuse_message(answer: Answer) -> None:
    """A `sap-message` of severity error makes a failure of a 200; an unreadable one too."""
    text = answer.headers.get("sap-message", "").strip()
    if not text:
        return
    body = text.encode(errors="replace")
    messages = _xml_messages(body) if text.startswith("<") else _json_messages(body)
    if not messages:
        raise SourceMalformed(answer.source, "malformed", "an unreadable sap-message header")
    for code, severity in messages:
        if severity.lower() in _BAD:
            detail = error_code(msgspec.json.encode({"error": {"code": code}}))
            raise SourceRefused(answer.source, "backend_fault", f"sap-message, {detail}")


def _json_messages(body: bytes) -> list[tuple[str, str]]:
    value = _shallow_json(body)
    if not isinstance(value, dict):
        return []
    details = value.get("details")
    nodes = [value, *(details if isinstance(details, list) else [])]
    return [
        (str(node.get("code", "")), str(node.get("severity", "")))
        for node in nodes
        if isinstance(node, dict)
    ]


def _xml_messages(body: bytes) -> list[tuple[str, str]]:
    try:
        root = parse_xml("sap-message", body, max_bytes=_MAX_ERROR_BYTES)
    except SourceError:
        return []
    found = []
    for node in root.iter("{*}notification", "{*}detail"):
        fields = {_local(child): _text(child) for child in node}
        found.append((fields.get("code", ""), fields.get("severity", "")))
    return found


def _local(node: etree._Element) -> str:
    return etree.QName(node).localname


def _text(node: etree._Element) -> str:
    return (node.text or "").strip()
