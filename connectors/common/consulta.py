"""A question about one person in the form of the city's own REST services.

`POST` of `documento` (`tipo`, `numero`) and `referencia` as JSON, behind Basic credentials; the
answer repeats both under `consulta`, and each of its rows says whose it is. The same form
for several systems: their contracts are in `contracts/`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from hub.core.connector import Echo, Operation, Patience, Query
from hub.core.document import DocumentType
from hub.core.secret import Secret
from hub.wire.basic import BasicCredentials
from hub.wire.client import Call, SourceClient
from hub.wire.decode import check_status, json_value

DOCUMENT_TYPES: dict[DocumentType, str] = {
    "nif": "NIF",
    "nie": "NIE",
    "cif": "CIF",
    "passport": "PASAPORTE",
}
HEADERS = {"content-type": "application/json", "accept": "application/json"}
PING = Operation(name="ping", echoes=(), patience=Patience(timeout_s=2.0, max_bytes=16 * 1024))

T = TypeVar("T")


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[sources.<name>.settings]`."""

    user: str
    password: Secret


def echoes(owner: str) -> tuple[Echo, ...]:
    """What every answer must repeat; *owner* is the path that names the person of each row."""
    return (
        Echo(path="consulta/documento/numero"),
        Echo(path="consulta/documento/tipo", of="document_type"),
        Echo(path="consulta/referencia", of="reference"),
        Echo(path=owner, rows=True),
    )


class Asked(Struct, frozen=True):
    """A question's body, and what its answer must repeat beside the person's number."""

    body: bytes
    references: Mapping[str, tuple[str, ...]]


def asked(query: Query) -> Asked:
    """The question for *query*; the person is named in the body alone."""
    document, reference = query.subject.document, f"{query.access.id}.{query.request}"
    kind = DOCUMENT_TYPES[document.type]
    question = {"documento": {"tipo": kind, "numero": document.number}, "referencia": reference}
    references = {"reference": (reference,), "document_type": (kind,)}
    return Asked(msgspec.json.encode(question), references)


async def consult(call: Call, path: str, question: Asked, shape: type[T]) -> T:
    """The answer to *question* as *shape*. Raises SourceError."""
    answer = await call.post(path, question.body, HEADERS)
    check_status(answer)
    return json_value(answer, shape)


async def consult_state(client: SourceClient) -> None:
    """Ask how the service is, about nobody. Raises SourceError."""
    answer = await client.technical_call(PING).get("v1/estado")
    check_status(answer)
    json_value(answer, dict[str, Any])


def with_user(client: SourceClient, settings: Settings) -> SourceClient:
    """*client* with the credentials of *settings*."""
    return client.with_credentials(BasicCredentials(settings.user, settings.password))
