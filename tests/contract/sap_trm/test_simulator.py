"""The simulator refuses what a Gateway would refuse, and keeps nobody in memory."""

from __future__ import annotations

import datetime as dt
import tracemalloc
from base64 import b64encode
from collections.abc import AsyncIterator
from decimal import Decimal

import httpx
import pytest
from lxml import etree

from connectors.sap_trm.simulator.edmx import read_types
from connectors.sap_trm.simulator.items import items_of
from connectors.sap_trm.simulator.queries import Refusal, read_filter
from connectors.sap_trm.simulator.taxpayers import Entity, Taxpayers
from hub.sandbox import magic
from tests.contract.sap_trm.playing import (
    PASSWORD,
    SERVICE,
    TODAY,
    USER,
    playing,
    the_stage,
)

LOGON = {"authorization": "Basic " + b64encode(f"{USER}:{PASSWORD}".encode()).decode()}
FILTER = "$filter=AccountID%20eq%20'0004000002'"


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    """A plain HTTP client that is signed on, relative to the service."""
    async with (
        playing() as play,
        httpx.AsyncClient(
            base_url=f"{play.url}{SERVICE}", headers=LOGON, trust_env=False
        ) as client,
    ):
        yield client


REFUSALS = [
    pytest.param("DocumentItems", 400, "ZTRM/001", id="no-filter"),
    pytest.param("DocumentItems?$filter=AccountID", 400, "005056", id="half-a-filter"),
    pytest.param("DocumentItems?$filter=Nothing%20eq%20'1'", 400, "005056", id="unknown-property"),
    pytest.param("DocumentItems?$filter=Amount%20gt%20'1'", 400, "005056", id="wrong-literal"),
    pytest.param(f"DocumentItems?{FILTER}&$select=CVC", 400, "005056", id="unknown-selected"),
    pytest.param(f"DocumentItems?{FILTER}&$wish=1", 400, "005056", id="unknown-option"),
    pytest.param(f"DocumentItems?{FILTER}&$top=-1", 400, "005056", id="negative-top"),
    pytest.param(f"DocumentItems?{FILTER}&$skiptoken=x", 400, "005056", id="forged-token"),
    pytest.param("DocumentItems/", 400, "CX_OD_URI_SYNTAX_ERROR", id="slash-after-set"),
    pytest.param("PaymentCards", 404, "/IWFND/CM_MGW/004", id="unknown-set"),
    pytest.param("Taxpayers('')", 404, "/IWBEP/CM_MGW_RT/020", id="empty-key"),
    pytest.param("Taxpayers('99000002A')", 404, "/IWBEP/CM_MGW_RT/020", id="wrong-letter"),
    pytest.param("Taxpayers(99000002)", 400, "005056", id="key-without-quotes"),
    pytest.param("Accounts('0009999999')", 404, "/IWBEP/CM_MGW_RT/020", id="unknown-partner"),
    pytest.param("Taxpayers('99000002K')/Items", 404, "/IWFND/CM_MGW/004", id="unknown-navigation"),
]


@pytest.mark.parametrize(("address", "status", "code"), REFUSALS)
async def test_bad_requests_get_the_gateways_errors(
    http: httpx.AsyncClient, address: str, status: int, code: str
) -> None:
    """Each wrong request has the status and the code that a Gateway gives."""
    answer = await http.get(address, headers={"accept": "application/json"})
    assert answer.status_code == status
    if answer.headers["content-type"] == "application/json":
        assert code in answer.json()["error"]["code"]
    else:
        assert code in answer.text


LOGONS = [
    pytest.param({}, {}, 401, id="nobody"),
    pytest.param({"authorization": "Basic !!!"}, {}, 401, id="not-base64"),
    pytest.param({"authorization": "Bearer x"}, {}, 401, id="other-scheme"),
    pytest.param({"cookie": "SAP_SESSIONID_TRM_100=first-1.0000"}, {}, 401, id="forged-session"),
    pytest.param(LOGON, {"sap-client": "200"}, 401, id="other-client"),
    pytest.param(
        {**LOGON, "cookie": "sap-usercontext=sap-client=200"}, {}, 401, id="client-cookie"
    ),
    pytest.param(LOGON, {"sap-client": "100"}, 200, id="right"),
]


@pytest.mark.parametrize(("headers", "options", "status"), LOGONS)
async def test_only_the_technical_user_gets_in(
    headers: dict[str, str], options: dict[str, str], status: int
) -> None:
    """User, password and SAP client must be right; a session must be one that was given."""
    async with playing() as play, httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"{play.url}{SERVICE}/", headers=headers, params=options)
    assert answer.status_code == status
    assert ("set-cookie" in answer.headers) is (status == 200)


async def test_a_session_stands_for_the_password() -> None:
    """Who has the session's cookie need not sign on again."""
    async with playing() as play, httpx.AsyncClient(trust_env=False) as client:
        await client.get(f"{play.url}{SERVICE}/", headers=LOGON)
        assert (await client.get(f"{play.url}{SERVICE}/")).status_code == 200


@pytest.mark.parametrize(
    ("address", "label"),
    [
        (f"DocumentItems?{FILTER}", "DocumentItems"),
        ("Taxpayers('99000002K')?$expand=Accounts", "Taxpayers"),
        ("Taxpayers('99000002K')/Accounts", "Taxpayers"),
        ("$metadata", "other"),
        ("99000002K", "other"),
    ],
    ids=["collection", "entity", "navigation", "metadata", "unknown"],
)
async def test_calls_are_counted_by_set_alone(
    http: httpx.AsyncClient, address: str, label: str
) -> None:
    """The label for the sandbox's counters names the set and holds nobody's number."""
    assert (await http.get(address)).headers["x-sandbox-operation"] == label


async def test_writing_needs_a_token(http: httpx.AsyncClient) -> None:
    """Anything but GET is refused for want of a CSRF token, in plain text."""
    answer = await http.post("DocumentItems", json={})
    assert answer.status_code == 403
    assert answer.headers["x-csrf-token"] == "Required"
    assert answer.headers["content-type"] == "text/plain"


async def test_an_unknown_service_is_forbidden(http: httpx.AsyncClient) -> None:
    """A service that is not registered is 403 with a code, and JSON where it was wanted."""
    answer = await http.get(
        str(http.base_url).replace("ZTRM_CARPETA_SRV", "Z_OTHER") + "Set?$format=json"
    )
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "/IWFND/MED/170"


async def test_atom_is_what_nobody_asked_for(http: httpx.AsyncClient) -> None:
    """Without `$format` and Accept the Gateway writes Atom; either of them gives JSON."""
    atom = await http.get(f"DocumentItems?{FILTER}")
    assert "atom+xml" in atom.headers["content-type"]
    assert etree.QName(etree.fromstring(atom.content)).localname == "feed"
    for address, headers in (("&$format=json", {}), ("", {"accept": "application/json"})):
        answer = await http.get(f"DocumentItems?{FILTER}{address}", headers=headers)
        assert answer.headers["content-type"] == "application/json"


async def test_options_cut_a_collection(http: httpx.AsyncClient) -> None:
    """`$top`, `$skip`, `$count` and encoded options do what OData says."""
    address = f"DocumentItems?{FILTER}&$format=json"
    rows = (await http.get(address)).json()["d"]["results"]
    cut = (await http.get(address + "&%24top=2&%24skip=1")).json()["d"]["results"]
    assert cut == rows[1:3]
    assert (await http.get(f"DocumentItems/$count?{FILTER}")).text == str(len(rows))
    one = (await http.get(rows[0]["__metadata"]["uri"] + "?$format=json")).json()["d"]
    assert one == rows[0]


FILTERS = [
    pytest.param("AccountID eq 'A' and Currency eq 'EUR'", True, id="and"),
    pytest.param("AccountID eq 'B' or Currency eq 'EUR'", True, id="or"),
    pytest.param("AccountID eq 'B' and Currency eq 'EUR' or Amount gt 5", True, id="or-binds-less"),
    pytest.param("AccountID eq 'B' and (Currency eq 'EUR' or Amount gt 5)", False, id="brackets"),
    pytest.param("Amount le 10.01M", True, id="decimal"),
    pytest.param("DocumentDate ge datetime'2026-01-02T00:00:00'", False, id="date"),
    pytest.param("DueDate eq null", True, id="null"),
    pytest.param("DueDate lt datetime'2026-01-02T00:00:00'", False, id="null-is-no-date"),
    pytest.param("Description eq 'O''Donnell'", True, id="quote"),
]


@pytest.mark.parametrize(("text", "fits"), FILTERS)
def test_a_filter_means_what_odata_says(text: str, fits: bool) -> None:
    """Comparison, precedence, brackets and literals follow the OData v2 grammar."""
    entity: Entity = {
        "AccountID": "A",
        "Currency": "EUR",
        "Amount": Decimal("10.01"),
        "DocumentDate": dt.date(2026, 1, 1),
        "DueDate": None,
        "Description": "O'Donnell",
    }
    assert read_filter(text, read_types()["DocumentItems"]).fits(entity) is fits


@pytest.mark.parametrize(
    "text",
    [
        "",
        "(",
        "AccountID eq",
        "AccountID eq 'A' and",
        "AccountID eq 'A')",
        "AccountID has 'A'",
        "eq eq eq",
        "AccountID eq 'A",
        "DocumentDate eq datetime'x'",
        "(" * 50_000,
        "'",
    ],
    ids=range(11),
)
def test_what_is_no_filter_is_refused(text: str) -> None:
    """Anything outside the grammar is the Gateway's error, never a crash."""
    with pytest.raises(Refusal):
        read_filter(text, read_types()["DocumentItems"])


def test_the_magic_citizens_are_what_their_table_says() -> None:
    """Each citizen with a fixed meaning for taxes has the items that the table promises."""
    taxpayers = Taxpayers(the_stage().population)

    def items(index: int) -> list[dict[str, object]]:
        partners = taxpayers.partners(taxpayers.population.number(index))
        return [dict(row) for one in partners for row in items_of(taxpayers, one, TODAY)]

    assert {row["MainTransaction"] for row in items(magic.DEFAULT_CITIZEN)} >= {"0100", "0900"}
    assert {row["ClearingStatus"] for row in items(magic.NO_DEBTS)} == {"9"}
    assert len(items(magic.MANY_BILLS)) == magic.MANY_BILLS_COUNT
    assert {row["MainTransaction"] for row in items(magic.MANY_BILLS)} == {"0200"}
    assert items(magic.NOTHING_ANYWHERE) == []
    for index in (magic.UNKNOWN_TO_TAX, magic.MINOR):
        assert taxpayers.partners(taxpayers.population.number(index)) == ()


def test_items_are_the_same_every_time() -> None:
    """A person's items depend on the seed, the person and the day, and on nothing else."""
    first, second = (Taxpayers(the_stage().population) for _ in range(2))
    for index in range(30, 60):
        for partner in first.partners(first.population.number(index)):
            assert items_of(first, partner, TODAY) == items_of(second, partner, TODAY)
            assert first.partner(partner.number) == partner


def test_many_people_cost_no_memory() -> None:
    """Going through thousands of people keeps none of them."""
    taxpayers = Taxpayers(the_stage().population)
    numbers = [taxpayers.population.number(index) for index in range(0, 900_000, 300)]
    for number in numbers[:1500]:
        taxpayers.partners(number)
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for number in numbers[1500:]:
        taxpayers.partners(number)
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 8_000_000
