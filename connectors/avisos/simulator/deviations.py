"""Fault modes: whose rows come back, how many, and every way in which rows stray in the wild."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Rows = list[dict[str, Any]]

ROWS = 120
"""How many rows the modes about pages make, unless they are told otherwise (`rows`)."""

WHOSE = frozenset({"everyones_requests", "another_citizen"})
PAGES = frozenset({"many_rows", "small_pages", "ignores_pages", "endless_pages"})
WHOLE = frozenset(
    {"stray_answer", "no_echo", "error_in_200", "bare_error", "single_object", "wrapped"}
)

_WILD = ("IN_PROGRESS", "Investigating", "action scheduled", "DUPLICATE", "no-further-action")


def _owner_lacks(rows: Rows) -> Rows:
    return [
        {key: value for key, value in row.items() if key not in ("user", "account_id")}
        for row in rows
    ]


def _unnumbered(rows: Rows) -> Rows:
    bare = [
        {k: v for k, v in row.items() if k not in ("service_request_id", "token")} for row in rows
    ]
    return [*bare[:1], *rows[1:]]


def _token_only(rows: Rows) -> Rows:
    first = {k: v for k, v in rows[0].items() if k != "service_request_id"}
    return [{**first, "token": "0123456789abcdef01234567"}, *rows[1:]] if rows else rows


def _numbers(rows: Rows) -> Rows:
    return [{**row, "service_request_id": int(row["service_request_id"])} for row in rows]


def _statuses(rows: Rows) -> Rows:
    names = [_status_name(row) for row in rows]
    return [
        {**row, name: _WILD[n % len(_WILD)]}
        for n, (row, name) in enumerate(zip(rows, names, strict=True))
    ]


def _strange_status(rows: Rows) -> Rows:
    return [{**row, _status_name(row): "mislaid_node"} for row in rows]


def _status_name(row: dict[str, Any]) -> str:
    return "status" if "status" in row else "status_node_type"


def _blanks(rows: Rows) -> Rows:
    names = ("updated_datetime", "zipcode", "description", "media_url", "lat", "expected_datetime")
    return [{**row, **dict.fromkeys(names, "")} for row in rows]


def _zoneless(rows: Rows) -> Rows:
    return [
        {**row, "requested_datetime": row["requested_datetime"][:16].replace("T", " ")}
        for row in rows
    ]


def _trailing(rows: Rows) -> Rows:
    return [{**row, "media_url": "https://avisos.example/a.jpg "} for row in rows]


def _useless_places(rows: Rows) -> Rows:
    places: tuple[dict[str, Any], ...] = (
        {"lat": 0, "long": 0},
        {"lat": "", "long": None},
        {"lat": "440123.5", "long": "4474321.1"},
        {"lat": "n/a", "long": "n/a"},
    )
    return [{**row, **places[n % len(places)]} for n, row in enumerate(rows)]


def _extra(rows: Rows) -> Rows:
    more = {
        "title": "Sin título",
        "comment_count": "3",
        "interface_used": "Web",
        "extended_attributes": {"ward": {"name": "Centro"}},
        "notes": [{"summary": "Recibido"}, {"summary": "Enviado"}],
        "agency_responsible": {"recipient": ["Alumbrado Público", "Vías y Obras"]},
    }
    return [{**row, **more} for row in rows]


STRAYINGS: dict[str, Callable[[Rows], Rows]] = {
    "no_owner": _owner_lacks,
    "unnumbered": _unnumbered,
    "token_only": _token_only,
    "numeric_ids": _numbers,
    "many_statuses": _statuses,
    "unknown_status": _strange_status,
    "empty_elements": _blanks,
    "zoneless_dates": _zoneless,
    "trailing_blank": _trailing,
    "useless_coordinates": _useless_places,
    "extra_fields": _extra,
}
"""Each takes the rows of a right answer and lets them stray as some real server does."""

FAULTS = WHOSE | PAGES | WHOLE | frozenset(STRAYINGS)
