"""Bind an answer to its request: what does not echo what was asked is refused.

HTTP libraries can hand one caller's leftover answer to the next (an unsolicited response on
a pooled connection), and sources ignore filters; hence this check runs on every record,
outside the connector, before anything is mapped.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hub.core.connector import Echo, Operation, Query
from hub.core.errors import SourceInsecure
from hub.core.exchange import SourceRecord


def check_binding(operation: Operation, query: Query, record: SourceRecord) -> None:
    """Raise SourceInsecure (`identity_mismatch`) unless *record* answers *query*."""
    if record.operation != operation.name or not operation.echoes:
        raise _mismatch(record, "the operation declares no echo")
    for echo in operation.echoes:
        _check_echo(echo, query, record)


def _check_echo(echo: Echo, query: Query, record: SourceRecord) -> None:
    asked = _asked(echo, query, record)
    found = [same_form(value) for value in values_at(record.payload, echo.path.split("/"))]
    if not found and not echo.rows:
        raise _mismatch(record, f"no echo at {echo.path}")
    if any(value not in asked for value in found):
        raise _mismatch(record, f"the echo at {echo.path} is not what was asked")


def _asked(echo: Echo, query: Query, record: SourceRecord) -> frozenset[str]:
    if echo.of == "document":
        return frozenset({same_form(query.subject.document.number)})
    return frozenset(same_form(value) for value in record.asked.get(echo.of, ()))


def values_at(node: Any, path: list[str], *, row: bool = False) -> Iterator[Any]:
    """Every value under *path*; lists on the way are entered, a missing value is None.

    What is missing before the first list is rows that there are none of. A *row* that is there
    and does not lead on names nobody, and gives None.
    """
    if isinstance(node, list) and (node or path or not row):
        for item in node:
            yield from values_at(item, path, row=True)
    elif not path:
        yield node
    elif isinstance(node, dict) and path[0] in node:
        yield from values_at(node[path[0]], path[1:], row=row)
    elif row or (isinstance(node, dict) and len(path) == 1):
        yield None


def same_form(value: object) -> str:
    """A comparable form: text without blanks, upper case; None matches nothing."""
    return "\x00" if value is None else str(value).strip().upper()


def _mismatch(record: SourceRecord, detail: str) -> SourceInsecure:
    return SourceInsecure(record.source, "identity_mismatch", f"{record.operation}: {detail}")
