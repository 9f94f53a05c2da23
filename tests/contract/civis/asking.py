"""How the tests ask CIVIS: as the hub does, the binding check included."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx

from connectors.civis import SPEC, Settings, open_connector
from hub.core.binding import check_binding
from hub.core.connector import Connector, Query
from hub.core.errors import (
    SourceError,
    SourceInsecure,
    SourceMalformed,
    SourceRefused,
    SourceUnavailable,
)
from hub.core.exchange import SourceRecord
from hub.core.model.social import SocialBenefits, SocialServices
from hub.core.secret import Secret
from hub.mapping import Mapping, load_mapping
from hub.sandbox.stage import Fault, Stage
from hub.wire.client import SourceClient
from tests.support.builders import CITIZEN, MemoryRecorder, a_client, a_query

ROOT = Path(__file__).parents[3]
CONTRACT = ROOT / "contracts" / "civis"
MAPPINGS = ROOT / "mappings" / "civis"
OPERATIONS = ("services", "benefits")
ROWS = {"services": "servicios", "benefits": "prestaciones"}
BLOCKS = {"services": "socialServices", "benefits": "socialBenefits"}
TYPES: dict[str, type[SocialServices | SocialBenefits]] = {
    "services": SocialServices,
    "benefits": SocialBenefits,
}


MALFORMED, INSECURE = (SourceMalformed, "schema"), (SourceInsecure, "identity_mismatch")
OUT_OF_SCOPE, CREDENTIALS = (SourceInsecure, "out_of_scope"), (SourceRefused, "hub_credentials")
MAINTENANCE = (SourceUnavailable, "maintenance")
STRUCK: dict[str, tuple[type[SourceError], str]] = {
    "token_revoked": CREDENTIALS,
    "insufficient_scope": CREDENTIALS,
    "token_endpoint_down": MAINTENANCE,
    "token_html": MAINTENANCE,
    "not_available": MAINTENANCE,
    "answers_other_citizen": INSECURE,
    "rows_of_other_citizen": INSECURE,
    "answers_other_request": INSECURE,
    "no_echo": INSECURE,
    "out_of_scope_record": OUT_OF_SCOPE,
    "unknown_code": OUT_OF_SCOPE,
    "code_of_another_family": OUT_OF_SCOPE,
    "null_list": MALFORMED,
    "wrong_types": MALFORMED,
    "wrong_total": MALFORMED,
    "rows_of_nobody": MALFORMED,
}
SURVIVED = frozenset({"sentinel_dates", "expired_mid_flight", "closed"})


def settings(**changes: Any) -> Settings:
    values = {"client_id": "hub", "client_secret": Secret("the secret"), **changes}
    return Settings(**values)


class Civis:
    """The simulator, and the connector in front of it."""

    def __init__(self, *, stage: Stage, client: SourceClient, recorder: MemoryRecorder) -> None:
        self.stage, self.client, self.recorder = stage, client, recorder

    @cached_property
    def connector(self) -> Connector:
        return open_connector(self.client, settings())

    def break_with(self, mode: str) -> None:
        self.stage.faults.put("civis", Fault(mode=mode))

    async def ask(self, operation: str, index: int) -> SourceRecord:
        """The record about the person at *index*, bound to its question."""
        return await ask(self.connector, operation, a_query(self.stage.population.number(index)))


async def ask(connector: Connector, operation: str, query: Query) -> SourceRecord:
    record = await connector.fetch(operation, query)
    check_binding(SPEC.operation(operation), query, record)
    return record


def meaning(operation: str) -> Mapping:
    return load_mapping(MAPPINGS, BLOCKS[operation], TYPES[operation])


Answering = Callable[[httpx.Request], Awaitable[httpx.Response]]


def answering(answer: Answering, recorder: MemoryRecorder | None = None) -> Connector:
    """A connector whose token is good and whose questions *answer* answers, below the recorder."""

    async def handle(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/oauth/token":
            token = {"access_token": "t", "token_type": "Bearer", "expires_in": 600}
            return httpx.Response(200, json=token)
        return await answer(request)

    transport = httpx.MockTransport(handle)
    return open_connector(
        a_client("civis", "http://civis.test/", recorder, transport=transport), settings()
    )


def envelope(request: httpx.Request, operation: str, rows: Any = None) -> dict[str, Any]:
    """A right answer to *request*, with *rows*."""
    question = json.loads(request.content)
    found = rows if rows is not None else []
    return {
        "consulta": {
            "documento": question["documento"],
            "referencia": question["referencia"],
            "fecha": "2026-11-22T13:00:00",
        },
        "resultado": "CONSTA",
        "total": len(found),
        ROWS[operation]: found,
    }


def a_row(operation: str, **changes: Any) -> dict[str, Any]:
    """A right row of *operation* about the default citizen, changed."""
    row = {
        "numeroExpediente": "X-1",
        "documentoTitular": CITIZEN,
        "familia": "MAYORES" if operation == "services" else "PRESTACIONES_ECONOMICAS",
        "codigo": "TAD" if operation == "services" else "TF",
        "estado": "ACTIVO" if operation == "services" else "CONCEDIDA",
    }
    currency = {} if operation == "services" else {"moneda": "EUR"}
    return row | currency | changes
