"""Ask for one citizen's own street requests, page by page, in either profile."""

from __future__ import annotations

from functools import partial
from typing import Any

import msgspec

from connectors.avisos.decoding import Row
from connectors.avisos.profiles import GeoReport, Madrid, Profile, Question
from connectors.avisos.settings import AppKey, Settings
from hub.core.connector import Connector, Echo, Operation, Patience, Query, Spec
from hub.core.errors import SourceMalformed
from hub.core.exchange import SourceRecord
from hub.wire.client import SourceClient
from hub.wire.offload import beside_the_loop

MAX_PAGES = 20
"""More pages of one citizen's requests are not believed."""
SMALLEST_PAGE = 50
"""Servers cap the page below what is asked, but never below this: a shorter page is the last."""
STANDARD_LIMIT = 1000
"""GeoReport v2: a query gives "first 1000 requests" at most; so many may have been cut."""

SPEC = Spec(
    name="avisos",
    title="Avisos Madrid (incidencias en la vía pública)",
    owner="Ayuntamiento de Madrid",
    operations=(
        Operation(
            name="requests",
            echoes=(
                Echo(path="answers/request", of="request"),
                Echo(path="requests/owner", of="owner", rows=True),
                Echo(path="unnumbered/owner", of="owner", rows=True),
            ),
            patience=Patience(timeout_s=3.0),
        ),
    ),
    blocks={"serviceRequests": ("requests",)},
)

_PING = Operation(name="ping", echoes=(), patience=Patience(timeout_s=2.0, attempts=1))


def open_connector(client: SourceClient, settings: Settings) -> Connector:
    """A connector that asks through *client* as *settings* say."""
    profile: Profile = Madrid(settings) if settings.profile == "madrid" else GeoReport(settings)
    return Avisos(client.with_credentials(AppKey(settings)), profile, settings)


class Gathered:
    """The rows of all answers so far, in the order in which they came, each once.

    A request that stands on two pages, because another came in between, is one request.
    """

    def __init__(self) -> None:
        self.requests: list[Row] = []
        self.unnumbered: list[Row] = []
        self.answers: list[dict[str, Any]] = []
        self._seen: set[object] = set()

    def add(self, rows: list[Row]) -> int:
        """Take *rows*; how many of them are new. Those with neither id nor token stand apart."""
        before = len(self._seen)
        for row in rows:
            key = row["service_request_id"] or row["token"]
            mark = (row["owner"], key) if key else msgspec.json.encode(row)
            if mark not in self._seen:
                self._seen.add(mark)
                (self.requests if key else self.unnumbered).append(row)
        return len(self._seen) - before

    def payload(self) -> dict[str, Any]:
        """What the mapping reads (contracts/avisos/payloads/requests.schema.json)."""
        return {
            "answers": self.answers,
            "requests": self.requests,
            "unnumbered": self.unnumbered,
        }


class Avisos:
    """The citizen's own requests; `holds` is false when the source has none at all."""

    spec = SPEC

    def __init__(self, client: SourceClient, profile: Profile, settings: Settings) -> None:
        self._client, self._profile, self._settings = client, profile, settings

    async def fetch(self, operation: str, query: Query) -> SourceRecord:
        """Every page of every period; the whole list or a SourceError, never a part of it."""
        call = self._client.call(SPEC, operation, query)
        document = query.subject.document.number
        owner = self._profile.owner(document)
        gathered, ids = Gathered(), list[str]()
        for period in self._profile.periods(query):
            for page in range(1, MAX_PAGES + 1):
                # Named by access and place, not by chance, so that a replay asks the same.
                ids.append(f"{query.access.id}.{len(ids)}")
                question = Question(
                    owner=owner, document=document, page=page, request_id=ids[-1], period=period
                )
                answer = await self._profile.ask(call, question)
                rows = await beside_the_loop(len(answer.body), partial(self._profile.rows, answer))
                echo = answer.headers.get(self._settings.request_id_header.lower())
                gathered.answers.append({"request": echo, "rows": len(rows)})
                if self._ends(len(rows), gathered.add(rows)):
                    break
            else:
                detail = f"more than {MAX_PAGES} pages"
                raise SourceMalformed(self._client.source, "too_large", detail)
        return call.record(
            gathered.payload(),
            holds=bool(gathered.requests or gathered.unnumbered),
            asked={"request": tuple(ids), "owner": (owner,)},
        )

    def _ends(self, rows: int, new: int) -> bool:
        """Whether a page of *rows*, of which *new* are new, is the last.

        A page that repeats what is known comes from a server without pages: its list is
        whole unless it is as long as a limit, which may have cut it.
        """
        size = self._settings.page_size
        if rows and not new and (rows == size or rows >= STANDARD_LIMIT):
            detail = "a page again, as long as the limit: the list may be cut"
            raise SourceMalformed(self._client.source, "malformed", detail)
        return not new or rows < min(size, SMALLEST_PAGE)

    async def ping(self) -> None:
        """Raise a SourceError unless the list of services is there; asks about nobody."""
        await self._profile.ping(self._client.technical_call(_PING))
