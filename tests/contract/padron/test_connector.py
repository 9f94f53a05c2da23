from __future__ import annotations

import asyncio
import base64
import datetime as dt
from typing import Any

import httpx
import pytest
from lxml import etree

from connectors.padron import SPEC, Settings, open_connector
from hub.core.binding import check_binding
from hub.core.connector import Query
from hub.core.errors import (
    LedgerError,
    SourceError,
    SourceInsecure,
    SourceMalformed,
    SourceRefused,
    SourceUnavailable,
)
from hub.core.exchange import SourceRecord
from hub.core.secret import Secret
from hub.sandbox import magic
from hub.sandbox.population import Population
from hub.sandbox.stage import Fault
from tests.contract.padron.conftest import PASSWORD, SAMPLES, Play, answering
from tests.support.builders import MemoryRecorder, a_client, a_query

OPERATIONS = ["inhabitant", "household"]
PEOPLE = Population()
NOT_REGISTERED = PEOPLE.number(magic.NOT_REGISTERED)


async def asked_and_bound(connector: Any, operation: str, query: Query) -> SourceRecord:
    """Fetch and check the binding, as the hub does."""
    record: SourceRecord = await connector.fetch(operation, query)
    check_binding(SPEC.operation(operation), query, record)
    return record


async def test_an_inhabitant_comes_with_identity_address_and_last_change(play: Play):
    """The answer holds what the register knows about the person who was asked about."""
    person = PEOPLE.person(magic.DEFAULT_CITIZEN)
    record = await play.ask("inhabitant", a_query())
    result = record.payload["Resultado"]
    assert record.holds
    assert result["Habitante"]["Nombre"] == person.given_name
    assert result["Habitante"]["FechaNacimiento"] == person.birth_date.isoformat()
    assert result["Domicilio"]["Direccion"]["CodPostal"]
    assert result["UltimaVariacion"]["Fecha"]
    assert record.exchanges == tuple(sent.id for sent in play.recorder.sent)


async def test_a_household_lists_everybody_and_says_how_many(play: Play):
    """The count is the source's own, and the people are all there."""
    household = PEOPLE.household_of(magic.DEFAULT_CITIZEN)
    result = (await play.ask("household", a_query())).payload["Resultado"]
    names = [person["Nombre"] for person in result["Personas"]["Persona"]]
    assert result["NumeroPersonas"] == str(len(household.members))
    assert names == [member.given_name for member in household.members]


async def test_one_person_is_still_a_list(play: Play):
    """A household of one gives a list with one row."""
    number = PEOPLE.number(magic.HOUSEHOLD_OF_ONE)
    result = (await play.ask("household", a_query(number))).payload["Resultado"]
    assert len(result["Personas"]["Persona"]) == 1


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_not_registered_is_an_answer(play: Play, operation: str):
    """Who is not in the register gives an empty record that still echoes the request."""
    record = await play.ask(operation, a_query(NOT_REGISTERED))
    assert not record.holds
    assert "Resultado" not in record.payload


async def test_a_company_is_not_asked_about(play: Play):
    """A CIF is no inhabitant's: nothing is sent."""
    with pytest.raises(SourceRefused, match="no inhabitant has a cif"):
        await play.ask("inhabitant", a_query("P2807900B"))
    assert not play.recorder.sent


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize(
    "settings", [{"password": Secret("wrong")}, {"username": "nobody"}], ids=["password", "user"]
)
async def test_wrong_credentials_are_the_hubs_own_fault(play: Play, operation, settings):
    """A refused token is `hub_credentials`, final, and asked once."""
    with pytest.raises(SourceRefused) as caught:
        await play.connector(**settings).fetch(operation, a_query())
    assert caught.value.reason == "hub_credentials"
    assert len(play.recorder.sent) == 1


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_an_answer_to_somebody_elses_question_is_refused(operation: str):
    """Bytes left over from another request (faults.md F3) are shown to nobody."""
    query = a_query("99000012P")
    body = (SAMPLES / f"family.{operation}.xml").read_bytes()
    with pytest.raises(SourceInsecure) as caught:
        await asked_and_bound(answering(body), operation, query)
    assert caught.value.reason == "identity_mismatch"


HOSTILE = {
    "empty": (b"", "text/xml", SourceMalformed, "malformed"),
    "html": (b"<!doctype html><html></html>", "text/html", SourceUnavailable, "maintenance"),
    "html-as-xml": (b"<html><body>x</body></html>", "text/xml", SourceUnavailable, "maintenance"),
    "garbage": (bytes(range(128, 256)) * 9, "text/xml", SourceMalformed, "charset"),
    "latin1": ("<?xml version='1.0'?><ñ/>".encode("latin-1"), "text/xml", SourceMalformed, "charset"),
    "json": (b'{"Estado": 1}', "application/json", SourceMalformed, "malformed"),
    "deep": (b"<a>" * 100_000, "text/xml", SourceMalformed, "too_large"),
    "nested": (b"<a>" * 5_000, "text/xml", SourceInsecure, "forbidden_xml"),
    "huge": (b" " * 300_000, "text/xml", SourceMalformed, "too_large"),
}  # fmt: skip


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("case", HOSTILE.values(), ids=HOSTILE)
async def test_what_is_no_answer_has_its_error(operation: str, case):
    """Pages, noise and floods are told apart and never read as `holds nothing`."""
    body, content_type, error, reason = case
    with pytest.raises(SourceError) as caught:
        await answering(body, content_type=content_type).fetch(operation, a_query())
    assert (type(caught.value), caught.value.reason) == (error, reason)


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_the_deadline_of_the_query_ends_the_call(operation: str):
    """A source that never answers is given up at the caller's deadline, on record as such."""

    async def hang(_request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(60)
        raise AssertionError("the deadline did not come")

    recorder = MemoryRecorder()
    client = a_client("padron", "http://p.test/", recorder, transport=httpx.MockTransport(hang))
    connector = open_connector(client, Settings(username="hub", password=Secret(PASSWORD)))
    async with asyncio.timeout(3.0):
        with pytest.raises(SourceUnavailable) as caught:
            await connector.fetch(operation, a_query(seconds=0.2))
    assert caught.value.reason == "timeout"
    assert [outcome.error for outcome in recorder.outcomes] == ["timeout"]


async def test_nothing_is_sent_that_cannot_be_recorded(play: Play):
    """When the ledger refuses, the register is not asked."""
    play.recorder.fails = True
    with pytest.raises(LedgerError):
        await play.ask("inhabitant", a_query())
    assert not play.recorder.seen


async def test_every_attempt_carries_a_token_of_its_own():
    """A message that is sent again after a lost connection has another nonce, not the old one."""
    bodies: list[bytes] = []

    def handle(request: httpx.Request) -> httpx.Response:
        bodies.append(request.content)
        raise httpx.ReadError("connection reset")

    client = a_client("padron", "http://padron.test/", transport=httpx.MockTransport(handle))
    connector = open_connector(client, Settings(username="hub", password=Secret(PASSWORD)))
    with pytest.raises(SourceUnavailable):
        await connector.fetch("inhabitant", a_query())
    nonces = {etree.fromstring(body).findtext(".//{*}Nonce") for body in bodies}
    assert len(bodies) == len(nonces) == 2
    assert all(len(base64.b64decode(nonce or "")) == 16 for nonce in nonces)


async def test_the_same_request_asks_under_the_same_identifier(play: Play):
    """IdPeticion follows from the API request, so that a replay of the answer still binds."""
    query = a_query()
    for _ in range(2):
        record = await play.ask("inhabitant", query)
        assert record.asked == {"request": (f"{query.request}-I",)}


async def test_ping_asks_about_nobody_and_fails_when_the_source_does(play: Play):
    """Ping reads the service's description; an outage is a SourceError."""
    connector = play.connector()
    await connector.ping()
    (sent,) = play.recorder.sent
    assert (sent.method, sent.message.body, sent.origin.subject) == ("GET", b"", None)
    with pytest.raises(SourceRefused):
        await play.connector(endpoint="elsewhere").ping()


async def test_the_clock_of_the_hub_dates_the_token(play: Play):
    """A hub whose clock is wrong is refused like a wrong password: the source cannot tell."""
    client = a_client("padron", play.url)
    client.clock = lambda: dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    connector = open_connector(client, Settings(username="hub", password=Secret(PASSWORD)))
    with pytest.raises(SourceRefused) as caught:
        await connector.fetch("inhabitant", a_query())
    await client.aclose()
    assert caught.value.reason == "hub_credentials"


async def test_no_document_number_is_in_an_address(play: Play):
    """URLs end in logs: the number travels in the body alone."""
    await play.ask("household", a_query())
    assert all("99000002K" not in sent.url for sent in play.recorder.sent)


async def test_the_password_is_never_on_record(play: Play):
    """What is recorded holds a digest, good for five minutes, and not the password."""
    play.stage.faults.put("padron", Fault(mode="technical_fault"))
    with pytest.raises(SourceUnavailable):
        await play.ask("inhabitant", a_query())
    assert play.recorder.sent
    assert all(PASSWORD.encode() not in sent.message.body for sent in play.recorder.sent)
