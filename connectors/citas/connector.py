"""Asks the appointment system for one person's appointments."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from connectors.common.consulta import Settings, asked, consult, consult_state, echoes, with_user
from hub.core.connector import Connector, Operation, Query, Spec
from hub.core.errors import SourceMalformed
from hub.core.exchange import SourceRecord
from hub.wire.client import SourceClient

SPEC = Spec(
    name="citas",
    title="Cita previa",
    owner="Dirección General de Atención a la Ciudadanía (Línea Madrid)",
    operations=(Operation(name="appointments", echoes=echoes("citas/documentoTitular")),),
    blocks={"appointments": ("appointments",)},
)


class Answer(Struct):
    """The envelope; what its rows mean is the mapping's business."""

    consulta: dict[str, Any]
    total: int
    citas: list[dict[str, Any]]


class Citas:
    """One question and one answer; the person is named in the body alone."""

    spec = SPEC

    def __init__(self, client: SourceClient) -> None:
        self._client = client

    async def fetch(self, operation: str, query: Query) -> SourceRecord:
        call, question = self._client.call(SPEC, operation, query), asked(query)
        found = await consult(call, "v1/citas/consulta", question, Answer)
        if found.total != len(found.citas):
            raise SourceMalformed(SPEC.name, "schema", "another number of rows than $.total")
        payload: dict[str, Any] = msgspec.structs.asdict(found)
        return call.record(payload, holds=found.total > 0, asked=question.references)

    async def ping(self) -> None:
        await consult_state(self._client)


def open_connector(client: SourceClient, settings: Settings) -> Connector:
    """The appointment system behind *client*."""
    return Citas(with_user(client, settings))
