"""A connector whose answer names the access and request that it asked under, as sources echo them."""

from __future__ import annotations

from msgspec import Struct

from hub.core.connector import Echo, Operation, Query, Spec
from hub.core.exchange import SourceRecord
from hub.wire.client import SourceClient

SPEC = Spec(
    name="asking",
    title="asking",
    owner="test",
    operations=(Operation(name="read", echoes=(Echo(path="document"),)),),
    blocks={"residence": ("read",)},
)


class Settings(Struct, frozen=True):
    """Nothing to configure."""


class Asking:
    """Asks one message, and decodes what it asked under into its payload."""

    spec = SPEC

    def __init__(self, client: SourceClient) -> None:
        self._client = client

    async def fetch(self, operation: str, query: Query) -> SourceRecord:
        """What was asked: of whom, under which access and request."""
        call = self._client.call(self.spec, operation, query)
        await call.get(operation)
        under = f"{query.access.id}.{query.request}"
        return call.record({"document": query.subject.document.number, "under": under})

    async def ping(self) -> None:
        """Nothing to ask."""


def open_connector(client: SourceClient, options: Settings) -> Asking:
    """The connector over *client*."""
    return Asking(client)
