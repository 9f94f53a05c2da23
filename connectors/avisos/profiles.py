"""How each profile asks: Madrid's own POST list, or the standard's GET with parameters."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Protocol
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from msgspec import Struct

from connectors.avisos.decoding import Row, check_json_list, check_xml_list, json_rows, xml_rows
from connectors.avisos.settings import Settings
from hub.core.connector import Query
from hub.wire.client import Answer, Call

_SPAN = dt.timedelta(days=90)
"""GeoReport v2, GET requests: a query "may not span more than 90 days"."""
_SECOND = dt.timedelta(seconds=1)


class Question(Struct, frozen=True, kw_only=True):
    """One page to ask for: whose, from when to when (None: ever), and under which id."""

    owner: str
    document: str
    page: int
    request_id: str
    period: tuple[dt.datetime, dt.datetime] | None = None


class Profile(Protocol):
    """One way of asking."""

    def owner(self, document: str) -> str:
        """What every row of the person with *document* must name as its owner."""
        ...

    def periods(self, query: Query) -> Sequence[tuple[dt.datetime, dt.datetime] | None]:
        """The periods to ask for one after another, the newest first."""
        ...

    async def ask(self, call: Call, question: Question) -> Answer:
        """The source's answer to one question."""
        ...

    def rows(self, answer: Answer) -> list[Row]:
        """The requests in *answer*, under the standard's names."""
        ...

    async def ping(self, call: Call) -> None:
        """Raise a SourceError unless the list of services is there; asks about nobody."""
        ...


class Madrid:
    """`POST requests-list` with `own: true`, on behalf of the citizen named in the body."""

    _NAMES = {"service_id": "service_code", "status_node_type": "status"}  # noqa: RUF012 - a table

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def owner(self, document: str) -> str:
        return document

    def periods(self, query: Query) -> Sequence[None]:
        del query  # the list has no dates to ask for
        return (None,)

    async def ask(self, call: Call, question: Question) -> Answer:
        body = {
            "jurisdiction_ids": self._settings.jurisdiction,
            "limit": self._settings.page_size,
            "page": question.page,
            "own": True,
            "id_document": question.document,
        }
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            self._settings.request_id_header: question.request_id,
        }
        return await call.post("requests-list", msgspec.json.encode(body), headers)

    def rows(self, answer: Answer) -> list[Row]:
        rows = json_rows(answer, self._NAMES)
        for row in rows:
            user = row.get("user")
            owner = user.get("id_document") if isinstance(user, dict) else None
            row["owner"] = owner if isinstance(owner, str) else None
        return rows

    async def ping(self, call: Call) -> None:
        parameters = {"jurisdiction_ids": self._settings.jurisdiction, "limit": 1}
        check_json_list(await call.get(f"services?{urlencode(parameters)}"))


class GeoReport:
    """`GET requests.json` or `.xml` of an account, in periods that the standard allows."""

    def __init__(self, settings: Settings) -> None:
        if settings.account_key is None:
            raise ValueError("the georeport profile needs an account_key")
        kdf = HKDF(algorithm=SHA512(), length=64, salt=None, info=b"avisos account id")
        self._cipher = AESSIV(kdf.derive(settings.account_key.reveal().encode()))
        self._settings = settings
        self._names = {settings.account_parameter: "owner"}

    def owner(self, document: str) -> str:
        return self._cipher.encrypt(document.encode(), None).hex()

    def periods(self, query: Query) -> Sequence[tuple[dt.datetime, dt.datetime]]:
        periods, end = [], query.as_of.replace(microsecond=0)
        first = end - dt.timedelta(days=self._settings.history_days)
        while end > first:
            start = max(end - _SPAN, first)
            periods.append((start, end))
            end = start - _SECOND  # both ends count: no request stands in two periods
        return periods

    async def ask(self, call: Call, question: Question) -> Answer:
        settings = self._settings
        parameters = {settings.account_parameter: question.owner}
        if settings.jurisdiction:
            parameters["jurisdiction_id"] = settings.jurisdiction
        if question.period is not None:
            start, end = question.period
            parameters |= {"start_date": self._stamp(start), "end_date": self._stamp(end)}
        parameters |= {"page": str(question.page), "page_size": str(settings.page_size)}
        headers = {settings.request_id_header: question.request_id}
        return await call.get(f"requests.{settings.format}?{urlencode(parameters)}", headers)

    def rows(self, answer: Answer) -> list[Row]:
        read = xml_rows if self._settings.format == "xml" else json_rows
        return read(answer, self._names)

    async def ping(self, call: Call) -> None:
        named = {"jurisdiction_id": self._settings.jurisdiction or None}
        text = urlencode({name: value for name, value in named.items() if value})
        answer = await call.get(f"services.{self._settings.format}" + (f"?{text}" if text else ""))
        (check_xml_list if self._settings.format == "xml" else check_json_list)(answer)

    def _stamp(self, moment: dt.datetime) -> str:
        if self._settings.omit_timezone:
            return moment.astimezone(ZoneInfo("Europe/Madrid")).strftime("%Y-%m-%dT%H:%M:%S")
        return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
