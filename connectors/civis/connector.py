"""Asks CIVIS for a person's social services and benefits."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from connectors.civis.answers import RespuestaPrestaciones, RespuestaServicios, read_answer
from connectors.civis.scope import BENEFITS, SERVICES, check_scope
from hub.core.connector import Connector, Echo, Operation, Patience, Query, Spec
from hub.core.errors import SourceRefused, SourceUnavailable
from hub.core.exchange import SourceRecord
from hub.core.secret import Secret
from hub.wire.client import Answer, SourceClient
from hub.wire.decode import check_status, json_object
from hub.wire.oauth import ClientCredentials
from hub.wire.offload import beside_the_loop

PATIENCE = Patience(timeout_s=3.0, attempts=2, max_bytes=1024 * 1024)


def _operation(name: str, rows: str) -> Operation:
    """The envelope repeats the question; each row says whose it is, as CIVIS stores it.

    An envelope proves the request alone, for it may be copied from it; hence the rows.
    """
    return Operation(
        name=name,
        echoes=(
            Echo(path="consulta/documento/numero"),
            Echo(path="consulta/documento/tipo", of="document_type"),
            Echo(path="consulta/referencia", of="reference"),
            Echo(path=f"{rows}/documentoTitular", rows=True),
        ),
        patience=PATIENCE,
    )


SPEC = Spec(
    name="civis",
    title="CIVIS, servicios sociales municipales",
    owner="Área de Gobierno de Políticas Sociales, Familia e Igualdad",
    operations=(_operation("services", "servicios"), _operation("benefits", "prestaciones")),
    blocks={"socialServices": ("services",), "socialBenefits": ("benefits",)},
)

PING = Operation(name="ping", echoes=(), patience=Patience(timeout_s=2.0, max_bytes=16 * 1024))

DOCUMENT_TYPES = {"nif": "NIF", "nie": "NIE", "passport": "PASAPORTE"}

HEADERS = {"content-type": "application/json", "accept": "application/json"}


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[sources.civis.settings]`."""

    client_id: str
    client_secret: Secret
    token_url: str = "oauth/token"  # noqa: S105 - an address, relative to the source's
    scope: str = "civis.servicios.leer civis.prestaciones.leer"


class Civis:
    """One question and one answer per operation; the person is named in the body alone."""

    spec = SPEC

    def __init__(self, client: SourceClient) -> None:
        self._client = client

    async def fetch(self, operation: str, query: Query) -> SourceRecord:
        call = self._client.call(SPEC, operation, query)
        kind = DOCUMENT_TYPES.get(query.subject.document.type)
        if kind is None:
            raise SourceRefused(SPEC.name, "backend_fault", "CIVIS knows natural persons only")
        reference = _reference(operation, query)
        question = _question(query, kind, reference)
        path = {"services": "v1/consultas/servicios", "benefits": "v1/consultas/prestaciones"}
        answer = await call.post(path[operation], question, HEADERS)
        check_status(answer)
        payload, holds = await beside_the_loop(len(answer.body), lambda: _read(operation, answer))
        return call.record(
            payload,
            holds=holds,
            asked={"reference": (reference,), "document_type": (kind,)},
        )

    async def ping(self) -> None:
        answer = await self._client.technical_call(PING).get("v1/estado")
        check_status(answer)
        if json_object(answer).get("estado") != "OPERATIVO":
            raise SourceUnavailable(SPEC.name, "maintenance", "it says that it is not operative")


def open_connector(client: SourceClient, settings: Settings) -> Connector:
    """CIVIS behind *client*; the token is fetched with the first message, not here."""
    credentials = ClientCredentials(
        client,
        url=settings.token_url,
        client_id=settings.client_id,
        client_secret=settings.client_secret,
        scope=settings.scope,
    )
    return Civis(client.with_credentials(credentials))


def _reference(operation: str, query: Query) -> str:
    """Of this operation, request and access alone, and the same when they are replayed."""
    return ".".join(part for part in (query.access.id, query.request, operation) if part)


def _question(query: Query, kind: str, reference: str) -> bytes:
    access = query.access
    purpose: dict[str, Any] = {"codigo": access.purpose, "baseJuridica": access.legal_basis}
    if access.case_file:
        purpose["expediente"] = access.case_file
    if access.official:
        purpose["unidad"] = access.official.processing_unit
    return msgspec.json.encode(
        {
            "documento": {"tipo": kind, "numero": query.subject.document.number},
            "referencia": reference,
            "finalidad": purpose,
        }
    )


def _read(operation: str, answer: Answer) -> tuple[dict[str, Any], bool]:
    """The payload in *answer*, and whether it holds anything."""
    payload = json_object(answer)
    return payload, _holds(operation, payload)


def _holds(operation: str, payload: dict[str, Any]) -> bool:
    """Whether the answer, which is checked here, has rows."""
    if operation == "services":
        check_scope(SPEC.name, payload.get("servicios"), SERVICES)
        return bool(read_answer(SPEC.name, payload, RespuestaServicios).rows)
    check_scope(SPEC.name, payload.get("prestaciones"), BENEFITS)
    return bool(read_answer(SPEC.name, payload, RespuestaPrestaciones).rows)
