"""Asks the city's copy of the electoral roll for one elector's own entry."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from connectors.common.consulta import Settings, asked, consult, consult_state, echoes, with_user
from hub.core.connector import Connector, Operation, Patience, Query, Spec
from hub.core.errors import SourceMalformed
from hub.core.exchange import SourceRecord
from hub.wire.client import SourceClient

SPEC = Spec(
    name="censo",
    title="Censo electoral",
    owner="Subdirección General de Estadística",
    operations=(
        Operation(
            name="roll",
            echoes=echoes("inscripcion/documentoElector"),
            patience=Patience(max_bytes=64 * 1024),
        ),
    ),
    blocks={"electoralRoll": ("roll",)},
)


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
        call, question = self._client.call(SPEC, operation, query), asked(query)
        found = await consult(call, "v1/censo/consulta", question, Answer)
        if found.inscrito != (found.inscripcion is not None):
            raise SourceMalformed(SPEC.name, "schema", "$.inscripcion contradicts $.inscrito")
        payload: dict[str, Any] = msgspec.structs.asdict(found)
        return call.record(payload, holds=found.inscrito, asked=question.references)

    async def ping(self) -> None:
        await consult_state(self._client)


def open_connector(client: SourceClient, settings: Settings) -> Connector:
    """The roll behind *client*."""
    return Censo(with_user(client, settings))
