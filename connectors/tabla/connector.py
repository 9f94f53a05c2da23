"""Reads one person's rows of a table: a database's view, or the newest believable delivery."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from hub.core.connector import Connector, Echo, Operation, Patience, Query, Spec
from hub.core.errors import SourceMalformed, SourceUnavailable
from hub.core.exchange import SourceRecord
from hub.core.secret import Secret
from hub.wire.basic import BasicCredentials
from hub.wire.client import Answer, SourceClient
from hub.wire.decode import check_status, json_value
from hub.wire.table import Delivery, TableQuestion

COLUMNS = (
    "documento",
    "numero_socio",
    "centro",
    "distrito",
    "clase",
    "fecha_alta",
    "fecha_baja",
    "carne_hasta",
)
ECHOES = (
    Echo(path="asked/value"),
    Echo(path="asked/reference", of="reference"),
    Echo(path="rows/documento", rows=True),
)
SPEC = Spec(
    name="tabla",
    title="Socios de los Centros Municipales de Mayores",
    owner="Dirección General de Mayores",
    operations=(Operation(name="members", echoes=ECHOES),),
    blocks={"seniorCentres": ("members",)},
)
PING = Operation(name="ping", echoes=(), patience=Patience(timeout_s=3.0, max_bytes=16 * 1024))


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[sources.tabla.settings]`; user and password only for a table behind HTTP."""

    table: str = "socios_mayores"
    as_of: str | None = None
    delimiter: str = ";"
    encoding: str = "utf-8"
    keep_share: float = 0.9
    user: str | None = None
    password: Secret | None = None


class Found(Struct):
    """The envelope; what its rows mean is the mapping's business."""

    asked: dict[str, str | None]
    asOf: str  # noqa: N815 - as it is written
    delivery: str | None
    refused: dict[str, str]
    truncated: bool
    count: int
    rows: list[dict[str, str | None]]


class Tabla:
    """One question and one answer; the person is named in the body alone."""

    spec = SPEC

    def __init__(self, client: SourceClient, settings: Settings) -> None:
        self._client = client
        self._question = TableQuestion(
            table=settings.table,
            columns=COLUMNS,
            key="documento",
            as_of=settings.as_of,
            delivery=Delivery(
                delimiter=settings.delimiter,
                encoding=settings.encoding,
                unique=("documento", "centro"),
                keep_share=settings.keep_share,
            ),
        )

    async def fetch(self, operation: str, query: Query) -> SourceRecord:
        call = self._client.call(SPEC, operation, query)
        number, reference = query.subject.document.number, f"{query.access.id}.{query.request}"
        asked = msgspec.structs.replace(self._question, value=number, reference=reference)
        found = _found(await call.post("rows", msgspec.json.encode(asked), _JSON))
        if found.truncated or found.count != len(found.rows):
            raise SourceMalformed(SPEC.name, "schema", "fewer rows than there are")
        payload: dict[str, Any] = msgspec.structs.asdict(found)
        return call.record(payload, holds=bool(found.rows), asked={"reference": (reference,)})

    async def ping(self) -> None:
        """Whether the table can be read, and no newer delivery of it was refused."""
        body = msgspec.json.encode(self._question)
        found = _found(await self._client.technical_call(PING).post("status", body, _JSON))
        if found.refused:
            raise SourceUnavailable(SPEC.name, "maintenance", "a newer delivery was refused")


_JSON = {"content-type": "application/json", "accept": "application/json"}


def _found(answer: Answer) -> Found:
    check_status(answer)
    return json_value(answer, Found)


def open_connector(client: SourceClient, settings: Settings) -> Connector:
    """The table behind *client*."""
    if settings.user and settings.password:
        client = client.with_credentials(BasicCredentials(settings.user, settings.password))
    return Tabla(client, settings)
