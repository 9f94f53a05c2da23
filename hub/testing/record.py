"""Record a test system's answers as samples: asked once, scrubbed before anything is written."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from hub.core.connector import Query
from hub.core.errors import SettingsError, SourceError
from hub.mapping import load_schemas
from hub.position.sources import contract_folder, mappings_folder, read_spec
from hub.sandbox.played import NUMBER, REFERENCE
from hub.settings import Settings
from hub.tables import convert_table
from hub.testing.builders import MemoryRecorder, a_query, an_official_access
from hub.testing.scrub import Scrubber, allowed_words, declared_names
from hub.wire.client import open_client

PATIENT_S = 30.0


class Whom(Struct, frozen=True, kw_only=True):
    """A person of the test system; names where the source asks for them."""

    number: str
    names: Mapping[str, str] = {}


async def recorded(settings: Settings, name: str, operation: str, whom: Whom) -> dict[str, bytes]:
    """The answers of *name* to *operation*, scrubbed, by the names of their files.

    What a source refuses is recorded too. Raises SettingsError where nothing came back, or
    where an answer cannot be scrubbed; the error quotes nothing of it.
    """
    table = settings.sources[name]
    module, spec = read_spec(name, table)
    recorder, url = MemoryRecorder(), table.url
    client = open_client(name, url, recorder, egress=table.egress, keeps_cookies=table.cookies)
    options = convert_table(table.settings, module.Settings, settings.root, name)
    access = an_official_access(whom.number)
    query = a_query(whom.number, seconds=PATIENT_S, access=access, names=whom.names)
    try:
        async with asyncio.timeout(PATIENT_S):
            await module.open_connector(client, options).fetch(operation, query)
    except SourceError:
        pass  # the answers are what is wanted, a refusal among them
    finally:
        await client.aclose()
    contract = contract_folder(mappings_folder(module, spec))
    return _scrubbed(recorder, operation, _scrubber(contract, operation, query))


def _scrubber(contract: Path, operation: str, query: Query) -> Scrubber:
    allowed = allowed_words(load_schemas(contract).get(operation, {}))
    asked = f"{query.access.id}.{query.request}"
    known = {query.subject.document.number: NUMBER, asked: REFERENCE}
    return Scrubber(secrets.token_bytes(32), allowed, known, declared_names(contract))


def _scrubbed(recorder: MemoryRecorder, operation: str, scrubber: Scrubber) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for outcome in recorder.outcomes:
        if outcome.origin.subject is None or outcome.message is None or not outcome.message.body:
            continue
        try:
            body = scrubber.scrubbed(outcome.message.body)
        except ValueError as error:
            raise SettingsError([f"answer {len(found) + 1}: {error}: nothing is written"]) from None
        suffix = "xml" if body.lstrip().startswith(b"<") else "json"
        found[f"recorded-{len(found) + 1}.{operation}.{suffix}"] = body
    if not found:
        raise SettingsError(["nothing came back that could be a sample"])
    return found
