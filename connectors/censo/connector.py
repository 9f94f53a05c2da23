"""Asks the city's copy of the electoral roll for one elector's own entry."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from hub.core.connector import Connector, Echo, Operation, Patience, Query, Spec
from hub.core.errors import SourceMalformed
from hub.core.exchange import SourceRecord
from hub.core.secret import Secret
from hub.wire.basic import BasicCredentials
from hub.wire.client import SourceClient
from hub.wire.decode import check_status, json_value

ECHOES = (
    Echo(path="consulta/documento/numero"),
    Echo(path="consulta/documento/tipo", of="document_type"),
    Echo(path="consulta/referencia", of="reference"),
    Echo(path="inscripcion/documentoElector", rows=True),
)
SPEC = Spec(
    name="censo",
    title="Censo electoral",
    owner="Subdirección General de Estadística",
    operations=(Operation(name="roll", echoes=ECHOES, patience=Patience(max_bytes=64 * 1024)),),
    blocks={"electoralRoll": ("roll",)},
)
PING = Operation(name="ping", echoes=(), patience=Patience(timeout_s=2.0, max_bytes=16 * 1024))


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[sources.censo.settings]`."""

    user: str
    password: Secret


class Answer(Struct):
    """The envelope; what the entry means is the mapping's business."""

    consulta: dict[str, Any]
    inscrito: bool
    inscripcion: dict[str, Any] | None


class Censo:
    """One question and one answer; the person is named in the body alone."""

    spec = SPEC

    def __init__(self, client: SourceClient) -> None:
        self._client = client

    async def fetch(self, operation: str, query: Query) -> SourceRecord:
        call = self._client.call(SPEC, operation, query)
        document, reference = query.subject.document, f"{query.access.id}.{query.request}"
        kind = {"passport": "PASAPORTE"}.get(document.type, document.type.upper())
        asked = {"documento": {"tipo": kind, "numero": document.number}, "referencia": reference}
        headers = {"content-type": "application/json", "accept": "application/json"}
        answer = await call.post("v1/censo/consulta", msgspec.json.encode(asked), headers)
        check_status(answer)
        found = json_value(answer, Answer)
        if found.inscrito != (found.inscripcion is not None):
            raise SourceMalformed(SPEC.name, "schema", "$.inscripcion contradicts $.inscrito")
        references = {"reference": (reference,), "document_type": (kind,)}
        payload = msgspec.structs.asdict(found)
        return call.record(payload, holds=found.inscrito, asked=references)

    async def ping(self) -> None:
        answer = await self._client.technical_call(PING).get("v1/estado")
        check_status(answer)
        json_value(answer, dict[str, Any])


def open_connector(client: SourceClient, settings: Settings) -> Connector:
    """The roll behind *client*."""
    credentials = BasicCredentials(settings.user, settings.password)
    return Censo(client.with_credentials(credentials))
