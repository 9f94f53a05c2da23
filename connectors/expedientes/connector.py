"""Asks the platform of processes for the cases in which one person is a party."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from connectors.common.consulta import Settings, asked, consult, consult_state, echoes, with_user
from hub.core.connector import Connector, Operation, Query, Spec
from hub.core.errors import SourceMalformed
from hub.core.exchange import SourceRecord
from hub.wire.client import SourceClient

MOST_ROWS = 999
"""The platform gives no more at once; `numeroRegistros` says how many it holds."""
SPEC = Spec(
    name="expedientes",
    title="Plataforma Inteligente de Procesos",
    owner="Organismo Autónomo Informática del Ayuntamiento de Madrid (IAM)",
    operations=(Operation(name="cases", echoes=echoes("expedientes/documentoInteresado")),),
    blocks={"cases": ("cases",)},
)


class Answer(Struct, rename={"held": "numeroRegistros"}):
    """The envelope; what its rows mean is the mapping's business."""

    consulta: dict[str, Any]
    held: int
    expedientes: list[dict[str, Any]]


class Expedientes:
    """One question and one answer; the person is named in the body alone."""

    spec = SPEC

    def __init__(self, client: SourceClient) -> None:
        self._client = client

    async def fetch(self, operation: str, query: Query) -> SourceRecord:
        call, question = self._client.call(SPEC, operation, query), asked(query)
        found = await consult(call, "v1/expedientes/consulta", question, Answer)
        if len(found.expedientes) != min(found.held, MOST_ROWS):
            raise SourceMalformed(SPEC.name, "schema", "rows that $.numeroRegistros contradicts")
        payload: dict[str, Any] = msgspec.to_builtins(found)
        return call.record(payload, holds=found.held > 0, asked=question.references)

    async def ping(self) -> None:
        await consult_state(self._client)


def open_connector(client: SourceClient, settings: Settings) -> Connector:
    """The platform behind *client*."""
    return Expedientes(with_user(client, settings))
