"""What the connector asks SAP-TRM, and what it makes of a well-behaved answer."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jsonschema
import pytest
from lxml import etree

from connectors.sap_trm import SPEC
from connectors.sap_trm.settings import Properties, Sets
from hub.core.errors import SourceRefused
from hub.sandbox import magic
from tests.contract.sap_trm.playing import CONTRACT, SERVICE, playing

OPERATIONS = tuple(operation.name for operation in SPEC.operations)


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_a_payload_is_what_its_schema_says(operation: str) -> None:
    """Each operation's decoded payload is valid against its schema, for many people."""
    schema = json.loads((CONTRACT / "payloads" / f"{operation}.schema.json").read_text())
    validator = jsonschema.Draft202012Validator(schema)
    held = 0
    async with playing() as play:
        for index in (magic.DEFAULT_CITIZEN, magic.MANY_BILLS, magic.TWO_PARTNERS, *range(40, 60)):
            record = await play.fetch(operation, play.number(index))
            validator.validate(record.payload)
            held += record.holds
    assert held > len(OPERATIONS)


@pytest.mark.parametrize(
    ("index", "operation", "holds", "partners"),
    [
        pytest.param(magic.DEFAULT_CITIZEN, "items", True, 1, id="default-items"),
        pytest.param(magic.DEFAULT_CITIZEN, "accounts", True, 1, id="default-accounts"),
        pytest.param(magic.UNKNOWN_TO_TAX, "items", False, 0, id="no-partner"),
        pytest.param(magic.UNKNOWN_TO_TAX, "accounts", False, 0, id="no-partner-accounts"),
        pytest.param(magic.NOTHING_ANYWHERE, "items", False, 1, id="partner-without-items"),
        pytest.param(magic.NO_DEBTS, "items", True, 1, id="all-paid"),
        pytest.param(magic.TWO_PARTNERS, "items", True, 2, id="two-partners"),
    ],
)
async def test_what_is_held_follows_from_rows(
    index: int, operation: str, holds: bool, partners: int
) -> None:
    """A person holds something when a partner of theirs has a row, and only then."""
    async with playing() as play:
        record = await play.fetch(operation, play.number(index))
    assert record.holds is holds
    assert len(record.asked["partner"]) == partners
    assert bool(record.payload[operation]) is holds
    assert len(record.exchanges) == 1 + partners


async def test_both_partners_of_a_person_are_read() -> None:
    """One document number may have several business partners, and each has rows."""
    async with playing() as play:
        record = await play.fetch("items", play.number(magic.TWO_PARTNERS))
    owners = {row["GPART"] for row in record.payload["items"]}
    assert owners == set(record.asked["partner"])


async def test_all_pages_are_read() -> None:
    """312 bills come in four pages, each bill once and in the source's order."""
    async with playing() as play:
        record = await play.fetch("items", play.number(magic.MANY_BILLS))
    numbers = [row["OPBEL"] for row in record.payload["items"]]
    assert len(numbers) == len(set(numbers)) == magic.MANY_BILLS_COUNT
    assert numbers == sorted(numbers)
    assert len(record.exchanges) == 5


async def test_requests_are_valid_against_the_contract() -> None:
    """Every set, property and option in a request exists, written as servers read them."""
    async with playing() as play:
        await play.fetch("items", play.number(magic.MANY_BILLS))
        await play.fetch("accounts")
        await play.connector.ping()
    root = etree.parse(CONTRACT / "metadata.xml").getroot()
    for sent in play.recorder.sent:
        _check_request(root, sent.url)
        assert sent.method == "GET"
        assert "%24" not in sent.url
        assert "+" not in sent.url
        assert not urlsplit(sent.url).query.endswith("&")
        assert ("accept", "application/json") in sent.message.headers


def _check_request(root: Any, url: str) -> None:
    parts = urlsplit(url)
    resource = parts.path.removeprefix(f"/{SERVICE}/")
    options = dict(parse_qsl(parts.query, strict_parsing=True))
    assert options.pop("$format") == "json"
    assert options.pop("sap-client") == "100"
    assert options.pop("sap-language") == "ES"
    known = _properties(root, resource.partition("(")[0])
    for name in options.get("$select", "").split(","):
        inner = name.rpartition("/")
        assert not name or inner[2] in (_properties(root, inner[0]) if inner[0] else known)
    if "$filter" in options:
        assert options["$filter"].split(" eq ")[0] in known
    assert options.keys() <= {"$select", "$filter", "$expand", "$inlinecount", "$skiptoken"}
    assert not parts.path.endswith(f"{resource}/") or not resource


def _properties(root: Any, entity_set: str) -> set[str]:
    """The properties of a set's type in the EDMX; none for the service document."""
    if not entity_set:
        return set()
    (node,) = root.iterfind(f".//{{*}}EntitySet[@Name='{entity_set}']")
    name = node.get("EntityType").rpartition(".")[2]
    (kind,) = root.iterfind(f".//{{*}}EntityType[@Name='{name}']")
    return {one.get("Name") for one in kind.iterfind("{*}Property")}


async def test_one_session_serves_the_technical_user() -> None:
    """The session cookie of one answer goes with the next request, so that SAP opens no other."""
    async with playing() as play:
        await play.fetch("items")
        await play.fetch("accounts")
    cookies = [dict(sent.message.headers).get("cookie") for sent in play.recorder.sent]
    assert cookies[0] is None
    assert all(cookies[1:])


async def test_the_password_is_not_on_record() -> None:
    """Credentials and session ids are recorded as present, never with their value."""
    async with playing() as play:
        await play.fetch("items")
    for entry in play.recorder.seen:
        for name, value in entry.message.headers if entry.message else ():
            if name.lower() in ("authorization", "cookie", "set-cookie"):
                assert value == "[credential]"


async def test_ping_is_about_nobody() -> None:
    """A ping reads the service document, without a subject and without anybody's number."""
    async with playing() as play:
        await play.connector.ping()
    (sent,) = play.recorder.sent
    assert sent.origin.subject is None
    assert "9900" not in sent.url


async def test_each_message_has_a_connection_of_its_own() -> None:
    """No connection is kept, so that a left-over answer has nobody to be given to."""
    async with playing() as play:
        await play.fetch("items")
    for sent in play.recorder.sent:
        assert ("connection", "close") in sent.message.headers


@pytest.mark.parametrize(
    ("changed", "other"),
    [
        pytest.param({"sets": Sets(items="ZItemSet")}, "ZItemSet", id="set"),
        pytest.param({"properties": Properties(item={"BETRW": "Betrw"})}, "Betrw", id="property"),
    ],
)
async def test_names_are_configuration(changed: dict[str, Any], other: str) -> None:
    """A service with other names is asked by these: the simulator knows none of them."""
    async with playing(keeps_cookies=True, **changed) as play:
        with pytest.raises(SourceRefused):
            await play.fetch("items")
    assert other in play.recorder.sent[-1].url


async def test_what_a_service_has_not_is_missing_not_wrong() -> None:
    """A payload name without a property is null, and the property is not asked for."""
    async with playing(properties=Properties(item={"ZZ_SURCHARGE": ""})) as play:
        record = await play.fetch("items")
    assert {row["ZZ_SURCHARGE"] for row in record.payload["items"]} == {None}
    assert "SurchargeAmount" not in play.recorder.sent[-1].url
