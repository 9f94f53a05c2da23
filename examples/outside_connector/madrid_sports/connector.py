"""Ask for one person's cards and bookings, page by page."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import Struct

from hub.core.connector import Connector, Echo, Operation, Patience, Query, Spec
from hub.core.errors import SourceMalformed
from hub.core.exchange import SourceRecord
from hub.core.secret import Secret
from hub.wire.client import SourceClient
from hub.wire.decode import check_status, json_object, json_value

MAX_PAGES = 10
SPEC = Spec(
    name="sports",
    title="Centros deportivos municipales",
    owner="Dirección General de Deporte",
    operations=(
        Operation(
            name="member",
            echoes=(Echo(path="abonado/documento"), Echo(path="reservas/titular", rows=True)),
        ),
    ),
    blocks={"sportsCentres": ("member",)},
)
_PING = Operation(name="ping", echoes=(), patience=Patience(timeout_s=2.0, attempts=1))
_HEADERS = {"content-type": "application/json", "accept": "application/json"}


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[sources.sports.settings]`."""

    api_key: Secret


class Member(Struct):
    """What must be there of a person; the rest is the mapping's."""

    documento: str
    alta: bool
    tarjetas: list[dict[str, str | None]]


class Page(Struct):
    """One page, as the contract has it."""

    abonado: Member
    reservas: list[dict[str, str]]
    total: int


class Key(Struct, frozen=True):
    """Proves who asks."""

    value: Secret

    async def headers(self) -> Mapping[str, str]:
        """The key, which is never recorded."""
        return {"x-api-key": self.value.reveal()}

    async def renew(self) -> bool:
        """Nothing newer is to be had."""
        return False


class Sports:
    """The whole list, or a SourceError."""

    spec = SPEC

    def __init__(self, client: SourceClient) -> None:
        self._client = client

    async def fetch(self, operation: str, query: Query) -> SourceRecord:
        """Every page; the first one's member, whom each page repeats."""
        call, pages = self._client.call(SPEC, operation, query), []
        for number in range(1, MAX_PAGES + 1):
            asked = {"documento": query.subject.document.number, "pagina": number}
            answer = await call.post("v1/consulta", msgspec.json.encode(asked), _HEADERS)
            check_status(answer)
            page = json_value(answer, Page)
            pages.append(json_object(answer))
            if page.abonado.documento != pages[0]["abonado"]["documento"]:
                raise SourceMalformed(SPEC.name, "schema", "its pages are about two people")
            rows = [row for plain in pages for row in plain["reservas"]]
            if len(rows) >= page.total or not page.reservas:
                break
        else:
            raise SourceMalformed(SPEC.name, "too_large", f"more than {MAX_PAGES} pages")
        if len(rows) != page.total:
            raise SourceMalformed(SPEC.name, "schema", "another number of rows than $.total")
        return call.record({**pages[0], "reservas": rows}, holds=page.abonado.alta or bool(rows))

    async def ping(self) -> None:
        """Ask for the service's state: about nobody."""
        check_status(await self._client.technical_call(_PING).get("v1/estado"))


def open_connector(client: SourceClient, settings: Settings) -> Connector:
    """The sports centres behind *client*."""
    return Sports(client.with_credentials(Key(settings.api_key)))
