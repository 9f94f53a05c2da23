"""Lists one person's notifications through SedeWs.getEnvios2, and never opens one.

To read a notification is to be notified (comparecencia, Ley 39/2015 art. 43): deadlines begin.
The WSDL on file binds one list and nothing else, so that no other message can be made.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

from msgspec import Struct

from connectors.notifica.pages import MAX_PAGES, Pages
from hub.core.connector import Connector, Echo, Operation, Patience, Query, Spec
from hub.core.errors import SourceMalformed
from hub.core.exchange import SourceRecord
from hub.core.secret import Secret
from hub.wire.basic import BasicCredentials
from hub.wire.client import SourceClient
from hub.wire.decode import check_status, refuse_html
from hub.wire.soap import SoapService, envelope_bytes
from hub.wire.xml import parse_xml

WSDL = Path(__file__).parents[2] / "contracts" / "notifica" / "sede.wsdl"
MESSAGE = "getEnvios2"

SPEC = Spec(
    name="notifica",
    title="Notific@ (SedeWs)",
    owner="Secretaría General de Administración Digital",
    operations=(
        Operation(name="deliveries", echoes=(Echo(path="paginas/peticion", of="request"),)),
    ),
    blocks={"notifications": ("deliveries",)},
)
PING = Operation(name="ping", echoes=(), patience=Patience(timeout_s=2.0, attempts=1))


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[sources.notifica.settings]`: the council's gateway to Notific@, see ADR 75."""

    user: str
    password: Secret
    endpoint: str = "ws/soap/SedeWs"
    request_id_header: str = "X-Request-ID"


class Notifica:
    """Every page of one person's list; the whole list or a SourceError, never a part of it."""

    spec = SPEC

    def __init__(self, client: SourceClient, settings: Settings) -> None:
        self._client, self._settings = client, settings
        self._service = SoapService(WSDL, SPEC.name)

    async def fetch(self, operation: str, query: Query) -> SourceRecord:
        call = self._client.call(SPEC, operation, query)
        pages, until, asked = Pages(SPEC.name), None, list[str]()
        for page in range(MAX_PAGES):
            # Named by access, request and place, not by chance, so that a replay asks the same.
            asked.append(f"{query.access.id}.{query.request}.{page}")
            headers = self._service.headers(MESSAGE)
            headers[self._settings.request_id_header] = asked[-1]
            body = self._question(query.subject.document.number, until)
            answer = await call.post(self._settings.endpoint, body, headers)
            echo = answer.headers.get(self._settings.request_id_header.lower())
            until = pages.add(self._service.answer(MESSAGE, answer), echo)
            if until is None:
                rows = pages.payload()
                return call.record(
                    rows, holds=bool(rows["envios"]), asked={"request": tuple(asked)}
                )
        raise SourceMalformed(SPEC.name, "too_large", f"more than {MAX_PAGES} pages")

    def _question(self, number: str, until: dt.datetime | None) -> bytes:
        """Everything about *number* that was created up to *until*, in any state."""
        values: dict[str, Any] = dict.fromkeys(
            (
                "nif_representante",
                "estado",
                "organismo_remisor",
                "codigos_sia",
                "fecha_desde",
                "tipo_envio",
            )
        )
        values |= {"nif": number, "fecha_hasta": until, "rea": False}
        return envelope_bytes(self._service.request(MESSAGE, get_envios2=values))

    async def ping(self) -> None:
        """Ask for the service's own description: a request about nobody."""
        answer = await self._client.technical_call(PING).get(f"{self._settings.endpoint}?wsdl")
        check_status(answer)
        refuse_html(answer)
        parse_xml(SPEC.name, answer.body)


def open_connector(client: SourceClient, settings: Settings) -> Connector:
    """Notific@ behind *client*; reads the WSDL on file."""
    credentials = BasicCredentials(settings.user, settings.password)
    return Notifica(client.with_credentials(credentials), settings)
