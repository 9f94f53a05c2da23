"""SAP Tax and Revenue Management through SAP Gateway (OData v2): bills, fines, direct debits.

Who is asked about is a document number; what SAP knows is business partners. So each
operation begins with the taxpayer's entity, which gives the number back beside its
partners, and goes on with one collection per partner. The Gateway may ignore `$filter`:
each row must name the partner that was asked for.
"""

from __future__ import annotations

from connectors.sap_trm.rows import (
    KEYS,
    PlainRow,
    plain,
    selected,
    without_repetition,
)
from connectors.sap_trm.settings import Names, Settings
from hub.core.binding import same_form
from hub.core.connector import Connector, Echo, Operation, Patience, Query, Spec
from hub.core.errors import SourceInsecure, SourceMalformed
from hub.core.exchange import SourceRecord
from hub.wire.basic import BasicCredentials
from hub.wire.client import Call, SourceClient
from hub.wire.odata import Limits, Reader, Row, expanded, keyed, literal

_PATIENCE = Patience(timeout_s=6.0)
_WHO = (
    Echo(path="taxpayer/TAXNUM"),
    Echo(path="partners/TAXNUM", rows=True),
)
_MOST_PARTNERS = 20
"""More business partners than this under one document number are a broken filter."""

SPEC = Spec(
    name="sap_trm",
    title="SAP-TRM, municipal tax and collection",
    owner="Agencia Tributaria Madrid",
    operations=(
        Operation(
            name="items",
            echoes=(*_WHO, Echo(path="items/GPART", of="partner", rows=True)),
            patience=_PATIENCE,
        ),
        Operation(
            name="accounts",
            echoes=(*_WHO, Echo(path="accounts/GPART", of="partner", rows=True)),
            patience=_PATIENCE,
        ),
    ),
    blocks={"taxBills": ("items",), "fines": ("items",), "directDebits": ("accounts",)},
)
"""Needs `cookies = true` in `hub.toml`: one session per technical user."""

_PING = Operation(name="ping", echoes=(), patience=Patience(timeout_s=2.0, attempts=1))


class SapTrm:
    """The connector; see the module for how it asks."""

    spec = SPEC

    def __init__(self, client: SourceClient, settings: Settings) -> None:
        credentials = BasicCredentials(settings.user, settings.password)
        self._client = client.with_credentials(credentials)
        self._settings = settings

    async def fetch(self, operation: str, query: Query) -> SourceRecord:
        """The items or contract accounts of every partner of the subject."""
        settings = self._settings
        call = self._client.call(SPEC, operation, query)
        reader = self._reader(call)
        taxpayer, partners = await self._partners(reader, query.subject.document.number)
        asked = tuple(dict.fromkeys(str(partner["GPART"]) for partner in partners))
        entity_set, names = settings.sets.accounts, settings.account
        if operation == "items":
            entity_set, names = settings.sets.items, settings.item
        rows: list[PlainRow] = []
        for partner in asked:
            rows += await self._of_partner(reader, entity_set, names, partner)
        rows = without_repetition(self._client.source, rows, KEYS[operation])
        payload = {"taxpayer": taxpayer, "partners": partners, operation: rows}
        return call.record(payload, holds=bool(rows), asked={"partner": asked})

    async def ping(self) -> None:
        """Ask for the service document, which is about nobody."""
        await self._reader(self._client.technical_call(_PING)).entity("", {})

    def _reader(self, call: Call) -> Reader:
        settings = self._settings
        limits = Limits(rows=settings.max_rows, pages=settings.max_pages)
        client, language = settings.sap_client, settings.sap_language
        return Reader(call, client=client, language=language, limits=limits)

    async def _partners(self, reader: Reader, number: str) -> tuple[PlainRow, list[PlainRow]]:
        """The taxpayer, who gives the document number back, and their business partners."""
        source, sets, names = self._client.source, self._settings.sets, self._settings.partner
        inner = ",".join(f"{sets.partners}/{name}" for name in names.values())
        options = {"$expand": sets.partners, "$select": f"{names['TAXNUM']},{inner}"}
        entity = await reader.entity(keyed(sets.taxpayers, number), options)
        taxpayer = plain(source, entity, {"TAXNUM": names["TAXNUM"]})
        if same_form(taxpayer["TAXNUM"]) != same_form(number):
            # Said here already, so that nothing is asked with a stranger's partner number.
            raise SourceInsecure(source, "identity_mismatch", "another taxpayer than was asked")
        found = expanded(source, entity, sets.partners)
        if len(found) > _MOST_PARTNERS:
            raise SourceMalformed(source, "too_large", f"more than {_MOST_PARTNERS} partners")
        partners = [plain(source, row, names) for row in found]
        if any(same_form(partner["TAXNUM"]) != same_form(number) for partner in partners):
            raise SourceInsecure(source, "identity_mismatch", "a partner of somebody else")
        if any(not (partner["GPART"] or "").strip() for partner in partners):
            raise SourceMalformed(source, "schema", "a partner without a number")
        return taxpayer, without_repetition(source, partners, ("GPART",))

    async def _of_partner(
        self, reader: Reader, entity_set: str, names: Names, partner: str
    ) -> list[PlainRow]:
        """Every row of *partner*; the first foreign one ends the operation."""
        source = self._client.source

        def accept(row: Row) -> PlainRow:
            accepted = plain(source, row, names)
            if accepted["GPART"] != partner:
                raise SourceInsecure(source, "identity_mismatch", "a row of another partner")
            return accepted

        options = {
            "$filter": f"{names['GPART']} eq {literal(partner)}",
            "$select": selected(names),
        }
        return await reader.rows(entity_set, options, accept)


def open_connector(client: SourceClient, settings: Settings) -> Connector:
    """The connector of SAP-TRM, signing on as the technical user of *settings*."""
    return SapTrm(client, settings)
