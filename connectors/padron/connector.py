"""Declaration and messages of the Padrón. What an answer means is in mappings/padron/."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Any

from msgspec import Struct

from connectors.padron.outcomes import FAULTS, check_household, holds
from hub.core.connector import Echo, Operation, Patience, Query, Spec
from hub.core.document import Document, DocumentType
from hub.core.errors import SourceRefused
from hub.core.exchange import SourceRecord
from hub.core.moment import new_id
from hub.core.secret import Secret
from hub.wire.client import SourceClient
from hub.wire.decode import check_status, refuse_html
from hub.wire.offload import beside_the_loop
from hub.wire.soap import SoapService, envelope_bytes
from hub.wire.wsse import add_username_token, new_nonce
from hub.wire.xml import parse_xml

WSDL = Path(__file__).parents[2] / "contracts" / "padron" / "padron.wsdl"

_PATIENCE = Patience(timeout_s=3.0, attempts=2, max_bytes=256 * 1024)
_ASKED = (
    Echo(path="IdPeticion", of="request"),
    Echo(path="Solicitud/Titular/Documentacion/Valor"),
)

SPEC = Spec(
    name="padron",
    title="Padrón Municipal de Habitantes",
    owner="Subdirección General de Estadística",
    operations=(
        Operation(
            name="inhabitant",
            echoes=(*_ASKED, Echo(path="Resultado/Habitante/Documentacion/Valor", rows=True)),
            patience=_PATIENCE,
        ),
        Operation(name="household", echoes=_ASKED, patience=_PATIENCE),
    ),
    blocks={"identity": ("inhabitant",), "residence": ("inhabitant", "household")},
)

_PING = Operation(name="ping", echoes=(), patience=Patience(timeout_s=2.0, attempts=1))
_MESSAGES = {"inhabitant": "ConsultaHabitante", "household": "ConsultaConvivencia"}
_DOCUMENT_TYPES: dict[DocumentType, str] = {"nif": "NIF", "nie": "NIE", "passport": "Pasaporte"}


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[sources.padron.settings]`. Codes are those of INE for province and municipality."""

    username: str
    password: Secret
    endpoint: str = "servicios/ConsultaPadron"
    province: str = "28"
    municipality: str = "079"


class PadronConnector:
    """Asks the Padrón about one person, or about the household of one person."""

    spec = SPEC

    def __init__(self, client: SourceClient, settings: Settings) -> None:
        self._client, self._settings = client, settings
        self._service = SoapService(WSDL, SPEC.name, FAULTS)

    async def fetch(self, operation: str, query: Query) -> SourceRecord:
        call = self._client.call(SPEC, operation, query)
        message, document = _MESSAGES[operation], query.subject.document
        request_id = _request_id(operation, query)
        values = self._values(request_id, document)
        answer = await call.post(
            self._settings.endpoint,
            lambda: self._signed(message, values),
            self._service.headers(message),
        )
        read = partial(self._service.answer, message, answer)
        payload = await beside_the_loop(len(answer.body), read)
        is_known = holds(payload)
        if is_known and operation == "household":
            check_household(payload, document)
        return call.record(payload, holds=is_known, asked={"request": (request_id,)})

    async def ping(self) -> None:
        """Ask for the service's own description: a request about nobody."""
        call = self._client.technical_call(_PING)
        answer = await call.get(f"{self._settings.endpoint}?wsdl")
        check_status(answer)
        refuse_html(answer)
        parse_xml(SPEC.name, answer.body)

    def _values(self, request_id: str, document: Document) -> dict[str, Any]:
        kind = _DOCUMENT_TYPES.get(document.type)
        if kind is None:
            raise SourceRefused(SPEC.name, "schema", f"no inhabitant has a {document.type}")
        return {
            "IdPeticion": request_id,
            "Solicitud": {
                "ProvinciaSolicitud": self._settings.province,
                "MunicipioSolicitud": self._settings.municipality,
                "Titular": {"Documentacion": {"Tipo": kind, "Valor": document.number}},
            },
        }

    def _signed(self, message: str, values: dict[str, Any]) -> bytes:
        """One attempt's bytes: each carries a UsernameToken of its own."""
        envelope = self._service.request(message, **values)
        user, password = self._settings.username, self._settings.password
        add_username_token(envelope, user, password, nonce=new_nonce(), at=self._client.clock())
        return envelope_bytes(envelope)


def open_connector(client: SourceClient, settings: Settings) -> PadronConnector:
    """The connector of the source that *client* leads to; reads the WSDL on file."""
    return PadronConnector(client, settings)


def _request_id(operation: str, query: Query) -> str:
    """Follows from the API request, where there is one, so that a replay asks the same."""
    known = query.request or ""
    fits = re.fullmatch(r"[0-9A-Za-z\-]{8,36}", known)
    return f"{known if fits else new_id()}-{operation[0].upper()}"
