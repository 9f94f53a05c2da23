"""Bytes to rows, in JSON or XML, whatever shape a server wraps them in; no meaning added.

The names of both profiles become those of GeoReport v2, identifiers become text, an error
that travels with status 200 is an error. Rows are neither dropped nor reordered.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lxml import etree

from hub.core.errors import SourceError, SourceMalformed, SourceRefused, SourceUnavailable
from hub.wire.client import Answer
from hub.wire.decode import check_status, json_value, refuse_html
from hub.wire.xml import parse_xml

Row = dict[str, Any]

_WRAPPERS = ("service_requests", "requests", "request")
_ERRORS = ("errors", "error")
_SIGNS = frozenset({"service_request_id", "token", "service_code", "service_name", "status"})
"""One of these makes an object a request; without any it is something else."""
_IDENTIFIERS = ("service_request_id", "token", "owner", "service_code", "address_id", "zipcode")


def json_rows(answer: Answer, names: Mapping[str, str]) -> list[Row]:
    """The requests in a JSON answer: an array, one object, or either inside a wrapper."""
    check_status(answer)
    return [_row(answer, item, names) for item in _items(answer, json_value(answer, object))]


def xml_rows(answer: Answer, names: Mapping[str, str]) -> list[Row]:
    """The requests in a GeoReport XML answer; an empty element is null."""
    root = _root(answer)
    name = _name(root)
    if name not in _WRAPPERS:
        raise SourceMalformed(answer.source, "schema", "another root element")
    if (root.text or "").strip():
        raise SourceMalformed(answer.source, "schema", "text where rows are to be")
    items = [root] if name == "request" else list(root)
    return [_row(answer, _plain(item), names) for item in items]


def check_json_list(answer: Answer) -> None:
    """Raise a SourceError unless *answer* is a JSON list that is no list of errors."""
    check_status(answer)
    for item in _items(answer, json_value(answer, object)):
        if _is_error(item):
            raise refusal(answer, _code(item))


def check_xml_list(answer: Answer) -> None:
    """Raise a SourceError unless *answer* is XML that is no list of errors."""
    _root(answer)


def refusal(answer: Answer, code: int | None) -> SourceError:
    """The error behind a code in a body, which need not equal the HTTP status.

    A 404 is never "holds nothing": the standard uses it for unknown jurisdictions and ids.
    """
    detail = f"error {code} in the body" if code else "an error in the body, without its code"
    if code in (401, 403):
        return SourceRefused(answer.source, "hub_credentials", detail)
    if code == 429:  # noqa: PLR2004 - RFC 6585 section 4
        return SourceUnavailable(answer.source, "throttled", detail)
    if code is not None and code >= 500:  # noqa: PLR2004 - RFC 9110 section 15.6
        return SourceUnavailable(answer.source, "backend_fault", detail)
    return SourceRefused(answer.source, "backend_fault", detail)


def _items(answer: Answer, value: object) -> list[object]:
    """The list in *value*; a list of one that collapsed into an object is a list of one."""
    if isinstance(value, list):
        return value
    if not isinstance(value, dict):
        raise SourceMalformed(answer.source, "schema", "neither a list nor an object")
    for key in _ERRORS:
        if key in value:
            raise refusal(answer, _code(value[key]))
    for key in _WRAPPERS:
        if key in value:
            return _items(answer, value[key])
    return [value]


def _root(answer: Answer) -> etree._Element:
    check_status(answer)
    refuse_html(answer)
    root = parse_xml(answer.source, answer.body)
    if _name(root) in _ERRORS:
        raise refusal(answer, _code(_plain(root)))
    return root


def _row(answer: Answer, item: object, names: Mapping[str, str]) -> Row:
    if not isinstance(item, dict):
        raise SourceMalformed(answer.source, "schema", "a row that is no object")
    row = {_renamed(key, item, names): value for key, value in item.items()}
    if _is_error(row):
        raise refusal(answer, _code(row))
    if not _SIGNS & row.keys():
        raise SourceMalformed(answer.source, "schema", "a row that is no request")
    row.setdefault("owner", None)
    for key in _IDENTIFIERS:
        row[key] = _text(row.get(key))
        if not isinstance(row[key], str | None):
            raise SourceMalformed(answer.source, "schema", f"{key} of another type")
    row["status"] = _word(row.get("status"))
    row["agency_responsible"] = _agency(row.get("agency_responsible"))
    return row


def _renamed(key: str, item: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """The standard's name of *key*, unless the row has that name as well."""
    name = names.get(key, key)
    return key if name in item else name


def _is_error(item: object) -> bool:
    return isinstance(item, dict) and "code" in item and not _SIGNS & item.keys()


def _code(error: object) -> int | None:
    """The first code in an error, three digits; None where it has none."""
    if isinstance(error, list):
        return next((code for code in map(_code, error) if code), None)
    if not isinstance(error, dict):
        return None
    if "code" not in error:
        return _code(error.get("error"))
    digits = str(error["code"]).strip()
    return int(digits) if len(digits) == 3 and digits.isdecimal() else None  # noqa: PLR2004


def _text(value: Any) -> Any:
    """An identifier as text: servers send numbers too; `""` is none."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return (value.strip() or None) if isinstance(value, str) else value


def _word(value: Any) -> Any:
    """A status in one spelling: `In Progress`, `IN_PROGRESS` and `in-progress` are one word."""
    if not isinstance(value, str):
        return value
    return value.strip().lower().replace(" ", "_").replace("-", "_") or None


def _agency(value: Any) -> Any:
    """A text: some servers send `{"recipient": ["A", "B"]}`, which reads `A; B`."""
    recipients = value.get("recipient") if isinstance(value, dict) else None
    if isinstance(recipients, str):
        return recipients
    if isinstance(recipients, list) and all(isinstance(one, str) for one in recipients):
        return "; ".join(recipients) or None
    return value


def _plain(element: etree._Element) -> Any:
    """Text of a leaf (None when blank), else a dict; a name that repeats becomes a list."""
    if len(element) == 0:
        return (element.text or "").strip() or None
    plain: dict[str, Any] = {}
    for child in element:
        name, value = _name(child), _plain(child)
        if name not in plain:
            plain[name] = value
        elif isinstance(plain[name], list):
            plain[name].append(value)
        else:
            plain[name] = [plain[name], value]
    return plain


def _name(element: etree._Element) -> str:
    return etree.QName(element).localname
