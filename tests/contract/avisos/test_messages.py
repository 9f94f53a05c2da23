"""What goes over the wire: by contract, about nobody who can be read in a URL, repeatable."""

from __future__ import annotations

import datetime as dt
import json
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jsonschema
import pytest
from lxml import etree
from msgspec.structs import replace

from connectors.avisos.profiles import GeoReport
from tests.contract.avisos.scene import (
    CONTRACT,
    every_profile,
    numbers_of,
    scene,
    the_block,
    the_settings,
)
from tests.support.builders import CITIZEN, NOW, a_query, an_access


@every_profile
async def test_no_url_and_no_header_names_the_citizen(profile: str):
    """The document travels in a body, or as an account id that only its holders can read."""
    async with scene(profile) as s:
        await s.ask(a_query())
    for sent in s.recorder.sent:
        assert CITIZEN[:8] not in sent.url
        assert CITIZEN[:8] not in repr(sent.message.headers)
    in_body = CITIZEN.encode() in s.recorder.sent[0].message.body
    assert in_body is (profile == "madrid")


@every_profile
async def test_the_same_access_asks_the_same_bytes(profile: str):
    """A replay of the recorded exchanges finds its requests: nothing in them is drawn by lot."""
    access, seen = an_access(), []
    async with scene(profile) as s:
        for _ in range(2):
            await s.ask(replace(a_query(access=access), as_of=NOW))
            sent = s.recorder.sent[-1]
            seen.append((sent.url, sent.message))
    assert seen[0] == seen[1]


@every_profile
async def test_a_ping_asks_about_nobody(profile: str):
    """It reads the list of services and leaves no body behind."""
    async with scene(profile) as s:
        await s.connector.ping()
    assert [sent.origin.subject for sent in s.recorder.sent] == [None]
    assert [sent.method for sent in s.recorder.sent] == ["GET"]
    assert "services" in s.recorder.sent[0].url


async def test_a_long_history_is_asked_in_periods_of_the_standard():
    """No period is longer than 90 days; together they cover the history, each second once."""
    periods = GeoReport(the_settings("georeport_json", history_days=200)).periods(a_query())
    assert periods[0][1] == NOW
    assert all(dt.timedelta(0) < end - start <= dt.timedelta(days=90) for start, end in periods)
    for newer, older in pairwise(periods):
        assert older[1] == newer[0] - dt.timedelta(seconds=1)
    assert periods[-1][0] == NOW - dt.timedelta(days=200)


async def test_a_long_history_finds_each_request_once():
    """The rows of all periods are one list, the newest first."""
    async with scene("georeport_json", history_days=300) as s:
        record = await s.ask(a_query())
        assert len(s.recorder.sent) == 4
    assert [item.id for item in the_block(record).items] == numbers_of()


@pytest.mark.parametrize(
    ("omit", "first"), [(True, "2026-08-24T14:00:00"), (False, "2026-08-24T12:00:00Z")]
)
async def test_dates_go_out_in_the_form_that_the_server_takes(omit: bool, first: str):
    """With `Z`, or as Madrid's time without zone for servers that refuse one."""
    async with scene("georeport_json", omit_timezone=omit) as s:
        await s.ask(a_query())
    asked = parse_qs(urlsplit(s.recorder.sent[0].url).query)
    assert asked["start_date"] == [first]


@pytest.mark.parametrize(
    "changes",
    [
        {"account_key": None},
        {"request_id_header": "X Request"},
        {"account_parameter": "a&b"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_settings_that_cannot_work_are_refused_at_start(changes: dict[str, Any]):
    """A mistake is found before anybody is asked about."""
    with pytest.raises(ValueError, match=r"account_key|header|parameter"):
        the_settings("georeport_json", **changes)


def madrid_contract() -> tuple[dict[str, Any], dict[str, Any]]:
    document = json.loads((CONTRACT / "madrid.openapi.json").read_text())
    return document["components"]["schemas"], document


def under(schemas: dict[str, Any], name: str) -> dict[str, Any]:
    """The schema *name* with the document's other schemas in reach."""
    return {"$ref": f"#/components/schemas/{name}", "components": {"schemas": schemas}}


async def test_madrids_messages_are_those_of_its_contract():
    """What the connector sends and what the simulator answers validate against the OpenAPI."""
    schemas, _ = madrid_contract()
    async with scene("madrid") as s:
        await s.ask(a_query())
    sent, outcome = s.recorder.sent[0], s.recorder.outcomes[0]
    assert outcome.message
    assert (sent.method, urlsplit(sent.url).query) == ("POST", "")
    assert sent.url.endswith("/requests-list")
    jsonschema.validate(json.loads(sent.message.body), under(schemas, "Question"))
    rows = json.loads(outcome.message.body)
    jsonschema.validate(rows, under(schemas, "Requests"))
    assert len(rows) == len(numbers_of())


@pytest.mark.parametrize("profile", ["georeport_json", "georeport_xml"])
async def test_georeports_messages_are_those_of_its_contract(profile: str):
    """Every parameter is described and valid, none is missing, and so is every answer."""
    document = json.loads((CONTRACT / "georeport.openapi.json").read_text())
    async with scene(profile) as s:
        await s.ask(a_query())
    sent, outcome = s.recorder.sent[0], s.recorder.outcomes[0]
    assert outcome.message
    url = urlsplit(sent.url)
    described = document["paths"][f"/{url.path.rsplit('/')[-1]}"]["get"]["parameters"]
    asked = dict(parse_qs(url.query))
    for parameter in (p for p in described if p["in"] == "query"):
        text = asked.pop(parameter["name"])[0]
        number = parameter["schema"]["type"] == "integer"
        jsonschema.validate(int(text) if number else text, parameter["schema"])
    assert asked == {}
    if profile == "georeport_xml":
        schema = etree.XMLSchema(etree.parse(CONTRACT / "georeport.xsd"))
        schema.assertValid(etree.fromstring(outcome.message.body))
    else:
        rows = json.loads(outcome.message.body)
        jsonschema.validate(rows, under(document["components"]["schemas"], "Requests"))
