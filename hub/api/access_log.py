"""`GET /v1/me/accesses`: the citizen sees who looked at their data, when, why and what."""

from __future__ import annotations

import datetime as dt
import re
import zoneinfo
from typing import Any

import msgspec
from litestar import Response, get
from litestar.params import QueryParameter

from hub.api.context import AnyRequest, caller_of, context_of
from hub.api.parameters import ERRORS, LANGUAGE, success
from hub.api.problems import Fault, Problem, request_id
from hub.core.errors import LedgerError
from hub.ledger.find import cursor_index
from hub.position.access_log import LookFilter, LookPage

MADRID = zoneinfo.ZoneInfo("Europe/Madrid")
PAGE, MAX_PAGE = 20, 50
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")

EXAMPLE: dict[str, Any] = {
    "items": [
        {
            "id": "01M81NA0FF58PJA14E1H3Z80MV",
            "at": "2026-11-22T12:00:00Z",
            "actor": "official",
            "body": "Ayuntamiento de Madrid",
            "unit": {
                "es": "Departamento de Escuelas Infantiles",
                "en": "Nursery Schools Department",
            },
            "purpose": {
                "title": {
                    "es": "Admisión en escuelas infantiles municipales",
                    "en": "Admission to municipal nursery schools",
                },
                "explanation": {
                    "es": "Se comprueban los datos que puntúan en su solicitud de plaza.",
                    "en": "The data that count for your application for a place are checked.",
                },
                "code": "nursery_admission",
                "legalBasis": "Ley 39/2015 art. 28.2",
                "procedure": "MAD_ESC_INF",
            },
            "channel": "api",
            "blocks": ["identity", "residence"],
            "answers": 1,
            "lastAt": "2026-11-22T12:00:05Z",
            "closedAt": "2026-11-22T12:30:00Z",
        }
    ],
    "next": "YmVmb3JlIDQ3MTE",
}


def _query(name: str, description: str, example: str) -> QueryParameter:
    return QueryParameter(
        name=name,
        annotation=str | None,
        default=None,
        required=False,
        description=f"{description} E.g. `{example}`.",
    )


PARAMETERS: dict[str, Any] = {
    **LANGUAGE,
    "first_day": _query("from", "First day, Madrid time.", "2026-11-01"),
    "last_day": _query("to", "Last day, Madrid time.", "2026-11-30"),
    "told_block": _query("block", "Only accesses that told something of it.", "residence"),
    "page_size": _query("limit", "Accesses per page, at most 50.", "20"),
    "log_cursor": _query("cursor", "Where a page begins: the `next` of the page before.", "…"),
}


@get(
    "/v1/me/accesses",
    operation_id="listMyAccesses",
    summary="Who looked at my data",
    description=(
        "When, which body and unit, why and which blocks, newest first; made from the same"
        " records that prove it. Reading it is on record too."
    ),
    responses={200: success(LookPage, "Accesses to the citizen's data.", EXAMPLE), **ERRORS},
    tags=["Citizen"],
)
async def list_my_accesses(request: AnyRequest) -> Response[bytes]:
    """The log of the citizen who asks."""
    caller = caller_of(request, "citizen")
    wanted, limit, cursor = read_filter(request)
    if caller.document is None:
        raise Problem("invalid-token", "it names no identity document")
    access_log = context_of(request).access_log
    await access_log.note(caller.document, request_id(request))
    page = await access_log.page(caller.document, wanted, limit, cursor)
    headers = {"cache-control": "private, no-store"}
    return Response(msgspec.json.encode(page), media_type="application/json", headers=headers)


def read_filter(request: AnyRequest) -> tuple[LookFilter, int, str | None]:
    """The query as a filter, a page size and a cursor; Problem with every fault at once."""
    faults: list[Fault] = []
    query = request.query_params
    known = {"from", "to", "block", "limit", "cursor"}
    faults += [Fault(parameter="-", detail="unknown parameter") for _ in query.keys() - known]
    faults += [
        Fault(parameter=name, detail="stands twice")
        for name in known
        if len(query.getall(name, [])) > 1
    ]
    since, last = _day(query.get("from"), "from", faults), _day(query.get("to"), "to", faults)
    if since is not None and last is not None and last < since:
        faults.append(Fault(parameter="to", detail="before `from`"))
    block = query.get("block")
    if block is not None and block not in context_of(request).desk.blocks:
        faults.append(Fault(parameter="block", detail="no such block; GET /v1/blocks lists them"))
    limit, cursor = _limit(query.get("limit"), faults), _cursor(query.get("cursor"), faults)
    if faults:
        raise Problem("invalid-request", errors=tuple(faults))
    wanted = LookFilter(since=_midnight(since), until=_midnight(last, days=1), block=block)
    return wanted, limit, cursor


def _day(text: str | None, name: str, faults: list[Fault]) -> dt.date | None:
    if text is None:
        return None
    try:
        day = dt.date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        day = None
    if day is None or not dt.MINYEAR < day.year < dt.MAXYEAR:
        faults.append(Fault(parameter=name, detail="not a day: YYYY-MM-DD"))
        return None
    return day


def _midnight(day: dt.date | None, days: int = 0) -> dt.datetime | None:
    """The moment at which *day*, or the one *days* later, begins in Madrid."""
    if day is None:
        return None
    return dt.datetime.combine(day + dt.timedelta(days=days), dt.time(), MADRID)


def _limit(text: str | None, faults: list[Fault]) -> int:
    if text is None:
        return PAGE
    if text.isascii() and text.isdecimal() and len(text) <= 2 and 1 <= int(text) <= MAX_PAGE:  # noqa: PLR2004 - two digits are enough for 50
        return int(text)
    faults.append(Fault(parameter="limit", detail=f"1 to {MAX_PAGE}"))
    return PAGE


def _cursor(text: str | None, faults: list[Fault]) -> str | None:
    if text is None:
        return None
    try:
        cursor_index(text)
    except LedgerError:
        faults.append(Fault(parameter="cursor", detail="no page gave this cursor"))
    return text
