"""Two implementations of OData v2 that know nothing of us agree with ours.

pyslet plays the server for the connector, pyodata is the client of the simulator. Their
own warnings, not ours, are silenced.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import warnings
from decimal import Decimal
from typing import Any

import pytest
import requests

from connectors.sap_trm import SPEC, open_connector
from connectors.sap_trm.settings import ACCOUNT, ITEM
from connectors.sap_trm.simulator.items import items_of
from connectors.sap_trm.simulator.taxpayers import Taxpayers
from hub.core.binding import check_binding
from hub.mapping.converters_time import date_odata
from hub.sandbox import magic
from tests.contract.sap_trm.playing import (
    CONTRACT,
    PASSWORD,
    SERVICE,
    TODAY,
    USER,
    playing,
    the_settings,
    the_stage,
)
from tests.contract.sap_trm.pyslet_server import pyslet_serving
from tests.support.builders import MemoryRecorder, a_client, a_query

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:pyslet")


@pytest.mark.parametrize("operation", ["items", "accounts"])
async def test_pyslet_is_read_like_the_simulator(operation: str) -> None:
    """The same entities, served by pyslet in pages of three, give the same payload."""
    taxpayers = Taxpayers(the_stage().population)
    number = taxpayers.population.number(magic.TWO_PARTNERS)
    partners = taxpayers.partners(number)
    accounts = [{"AccountID": one.number, "TaxNumber": number} for one in partners]
    rows = {
        "DocumentItems": [row for one in partners for row in items_of(taxpayers, one, TODAY)],
        "ContractAccounts": [row for one in partners for row in taxpayers.accounts(one)],
    }
    recorder = MemoryRecorder()
    with pyslet_serving(CONTRACT / "metadata.xml", {number: accounts}, rows, page=3) as url:
        client = a_client("sap_trm", url, recorder, keeps_cookies=True)
        connector = open_connector(client, the_settings())
        await connector.ping()
        query = a_query(number)
        record = await connector.fetch(operation, query)
        await client.aclose()
    check_binding(SPEC.operation(operation), query, record)
    async with playing() as play:
        assert record.payload == (await play.fetch(operation, number)).payload
    if operation == "items":
        assert len(record.exchanges) > len(partners) + 3
        assert len(record.payload["items"]) > 6


async def test_pyslet_knows_nobody_without_a_lookup() -> None:
    """An unknown taxpayer is 404 at pyslet: no echo, so not taken for holding nothing."""
    with pyslet_serving(CONTRACT / "metadata.xml", {}, {}, page=3) as url:
        client = a_client("sap_trm", url)
        connector = open_connector(client, the_settings())
        with pytest.raises(Exception, match="backend_fault: HTTP 404"):
            await connector.fetch("items", a_query())
        await client.aclose()


def read_by_pyodata(url: str, entity_set: str, partner: str) -> list[dict[str, Any]]:
    """Every row of *partner* as pyodata reads it, page by page."""
    import pyodata
    from pyodata.v2.model import Config

    names = (ITEM if entity_set == "DocumentItems" else ACCOUNT).values()
    with requests.Session() as session:
        session.auth = (USER, PASSWORD)
        client = pyodata.Client(f"{url}{SERVICE}", session, config=Config(retain_null=True))
        found: list[dict[str, Any]] = []
        request = getattr(client.entity_sets, entity_set).get_entities()
        request = request.filter(f"AccountID eq '{partner}'").count(inline=True)
        answer = request.execute()
        total = answer.total_count
        while True:
            found += [{name: getattr(row, name) for name in names} for row in answer]
            if answer.next_url is None:
                break
            request = getattr(client.entity_sets, entity_set).get_entities()
            answer = request.next_url(answer.next_url).execute()
    assert total == len(found)
    return found


def comparable(value: object) -> object:
    """Days as dates, amounts as numbers, whichever client read them."""
    if isinstance(value, dt.datetime):
        return value.date()
    if isinstance(value, str) and value.startswith("/Date("):
        return date_odata(value)
    return value


@pytest.mark.parametrize(
    ("operation", "entity_set", "names"),
    [("items", "DocumentItems", ITEM), ("accounts", "ContractAccounts", ACCOUNT)],
    ids=["items", "accounts"],
)
async def test_pyodata_reads_the_simulator_as_the_connector_does(
    operation: str, entity_set: str, names: dict[str, str]
) -> None:
    """Pyodata understands the simulator's metadata, and each value agrees with ours."""
    async with playing() as play:
        for index in (magic.MANY_BILLS, magic.DEFAULT_CITIZEN):
            record = await play.fetch(operation, play.number(index))
            (partner,) = record.asked["partner"]
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                rows = await asyncio.to_thread(read_by_pyodata, play.url, entity_set, partner)
            ours = [
                {wire: row[name] for name, wire in names.items()}
                for row in record.payload[operation]
            ]
            assert [_compared(row) for row in rows] == [_compared(row) for row in ours]
            assert rows


def _compared(row: dict[str, Any]) -> dict[str, object]:
    plain = {name: comparable(value) for name, value in row.items()}
    amounts = [name for name in plain if name.endswith("Amount") or name == "AmountRemaining"]
    return plain | {name: Decimal(str(plain[name] or 0)) for name in amounts}
