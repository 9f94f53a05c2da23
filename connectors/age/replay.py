"""Open the connector so that it asks what it asked then: request ids come from the record."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from connectors.age.connector import Age
from connectors.age.outcomes import SOURCE
from connectors.age.settings import Settings
from hub.core.connector import Connector
from hub.core.errors import SourceRefused
from hub.wire.client import SourceClient
from hub.wire.xml import parse_xml


def open_replay(client: SourceClient, settings: Settings, requests: Sequence[bytes]) -> Connector:
    """The connector, whose next request ids are those of the recorded *requests*."""
    recorded = list(_ids(requests))

    def next_id(_prefix: str) -> str:
        if not recorded:
            raise SourceRefused(SOURCE, "schema", "the recorded request has no IdPeticion")
        return recorded.pop(0)

    return Age(client, settings, next_id)


def _ids(requests: Sequence[bytes]) -> Iterator[str]:
    for request in requests:
        for element in parse_xml(SOURCE, request).iter("{*}IdPeticion"):
            if element.text:
                yield element.text.strip()
                break
