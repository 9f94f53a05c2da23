"""Asks the general registry for one person's entries, in the vocabulary of SICRES."""

from __future__ import annotations

import re
from pathlib import Path

from msgspec import Struct

from hub.core.connector import Connector, Echo, Operation, Patience, Query, Spec
from hub.core.document import DocumentType
from hub.core.errors import SourceMalformed, SourceRefused, SourceUnavailable
from hub.core.exchange import SourceRecord
from hub.core.secret import Secret
from hub.wire.basic import BasicCredentials
from hub.wire.client import SourceClient
from hub.wire.decode import check_status, refuse_html
from hub.wire.fault import FaultTable, Verdict
from hub.wire.soap import SoapService, envelope_bytes
from hub.wire.xml import parse_xml

WSDL = Path(__file__).parents[2] / "contracts" / "registro" / "registro.wsdl"
ECHOES = (
    Echo(path="IdPeticion", of="request"),
    Echo(path="De_Interesado/Documento_Identificacion"),
    Echo(path="De_Interesado/Tipo_Documento_Identificacion", of="kind"),
    Echo(path="Asiento/De_Interesado/Documento_Identificacion", rows=True),
)
SPEC = Spec(
    name="registro",
    title="Registro General",
    owner="Dirección General de Atención a la Ciudadanía",
    operations=(Operation(name="entries", echoes=ECHOES),),
    blocks={"registryEntries": ("entries",)},
)
PING = Operation(name="ping", echoes=(), patience=Patience(timeout_s=2.0, attempts=1))
KINDS: dict[DocumentType, str] = {"nif": "N", "nie": "E", "cif": "C", "passport": "P"}
FAULTS = FaultTable(
    SPEC.name,
    {
        "esquema": Verdict(SourceRefused, "schema"),
        "accion": Verdict(SourceRefused, "schema"),
        "ilegible": Verdict(SourceRefused, "schema"),
        "cerrado": Verdict(SourceUnavailable, "maintenance"),
    },
    detail_elements=("Codigo_Error",),
)


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[sources.registro.settings]`."""

    user: str
    password: Secret
    endpoint: str = "servicios/ConsultaRegistro"


class Registro:
    """One question and one answer about one person."""

    spec = SPEC

    def __init__(self, client: SourceClient, endpoint: str) -> None:
        self._client, self._endpoint = client, endpoint
        self._service = SoapService(WSDL, SPEC.name, FAULTS)

    async def fetch(self, operation: str, query: Query) -> SourceRecord:
        call = self._client.call(SPEC, operation, query)
        document, request = query.subject.document, f"{query.access.id}.{query.request}"
        person = {
            "Tipo_Documento_Identificacion": KINDS[document.type],
            "Documento_Identificacion": document.number,
        }
        envelope = self._service.request(
            "ConsultaAsientos", IdPeticion=request, De_Interesado=person
        )
        headers = self._service.headers("ConsultaAsientos")
        answer = await call.post(self._endpoint, envelope_bytes(envelope), headers)
        payload = self._service.answer("ConsultaAsientos", answer)
        stated, rows = str(payload["Numero_Asientos"]).strip(), payload["Asiento"]
        if not isinstance(rows, list) or not re.fullmatch(r"[0-9]{1,6}", stated):
            raise SourceMalformed(SPEC.name, "schema", "Numero_Asientos is no number")
        if int(stated) != len(rows):
            raise SourceMalformed(SPEC.name, "schema", "Numero_Asientos is not that of Asiento")
        asked = {"request": (request,), "kind": (KINDS[document.type],)}
        return call.record(payload, holds=bool(rows), asked=asked)

    async def ping(self) -> None:
        """Ask for the service's own description: a request about nobody."""
        answer = await self._client.technical_call(PING).get(f"{self._endpoint}?wsdl")
        check_status(answer)
        refuse_html(answer)
        parse_xml(SPEC.name, answer.body)


def open_connector(client: SourceClient, settings: Settings) -> Connector:
    """The registry behind *client*; reads the WSDL on file."""
    credentials = BasicCredentials(settings.user, settings.password)
    return Registro(client.with_credentials(credentials), settings.endpoint)
