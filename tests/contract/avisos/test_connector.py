"""The connector in front of its simulator, in every profile."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import jsonschema
import pytest

from connectors.avisos.connector import SPEC
from hub.core.errors import (
    SourceError,
    SourceMalformed,
    SourceRefused,
    SourceUnavailable,
)
from hub.core.secret import Secret
from hub.sandbox.magic import NOTHING_ANYWHERE
from hub.sandbox.population import Population
from hub.sandbox.stage import Fault
from tests.contract.avisos.scene import (
    OPERATION,
    PROFILES,
    SCHEMA,
    answering,
    every_profile,
    numbers_of,
    scene,
    the_block,
)
from tests.support.builders import a_query


@every_profile
async def test_a_citizen_gets_their_own_requests_and_all_of_them(profile: str):
    """Every report of the person is there, in the source's order, and bound to the question."""
    async with scene(profile) as s:
        record = await s.ask(a_query())
    jsonschema.validate(record.payload, SCHEMA)
    items = the_block(record).items
    assert [item.id for item in items] == numbers_of()
    assert {item.status for item in items} == {"open", "closed"}
    assert record.holds
    assert all(item.requested_at and item.address and item.latitude for item in items)


async def test_both_profiles_say_the_same_of_what_both_know():
    """One mapping serves both: number, kind of thing, state, time and place agree."""
    told = []
    for profile in PROFILES:
        async with scene(profile) as s:
            items = the_block(await s.ask(a_query())).items
        told.append(
            [
                (
                    i.id,
                    i.service_name,
                    i.status,
                    i.requested_at,
                    i.address,
                    i.latitude,
                    i.description,
                )
                for i in items
            ]
        )
    assert told[0] == told[1]
    assert [row[:6] for row in told[1]] == [row[:6] for row in told[2]]


@every_profile
async def test_a_citizen_without_requests_holds_nothing(profile: str):
    """An empty list, bound to its question, is the source's word that there is none."""
    async with scene(profile) as s:
        record = await s.ask(a_query(Population().number(NOTHING_ANYWHERE)))
    assert not record.holds
    assert the_block(record).items == ()
    assert record.payload["answers"][0]["rows"] == 0


@every_profile
@pytest.mark.parametrize(
    "change", [{"client_id": "other"}, {"app_key": Secret("wrong")}], ids=["client", "key"]
)
async def test_wrong_credentials_are_the_hubs_own_fault(profile: str, change: dict[str, Any]):
    """Neither reading nor ping goes on, and the key stands in no record."""
    async with scene(profile, **change) as s:
        for doing in (s.ask(a_query()), s.connector.ping()):
            with pytest.raises(SourceRefused) as caught:
                await doing
            assert caught.value.reason == "hub_credentials"
    assert "wrong" not in repr(s.recorder.seen)
    assert "right" not in repr(s.recorder.seen)


@every_profile
async def test_a_person_whom_the_source_does_not_know_is_no_empty_list(profile: str):
    """404 is a refusal: only an empty list says that there is nothing."""
    async with scene(profile) as s:
        with pytest.raises(SourceRefused) as caught:
            await s.ask(a_query("X9900000H"))
    assert caught.value.reason == "backend_fault"


@every_profile
async def test_what_is_believed_is_on_record_first(profile: str):
    """The record names the exchanges, and each is complete in the ledger."""
    async with scene(profile, Fault(mode="many_rows", values={"rows": 230})) as s:
        record = await s.ask(a_query())
    assert record.exchanges == tuple(sent.id for sent in s.recorder.sent)
    assert record.exchanges == tuple(outcome.id for outcome in s.recorder.outcomes)
    assert len(record.exchanges) >= 3


def test_the_operation_has_no_legal_effect_and_declares_its_echoes():
    """Reading a list changes nothing for the citizen; rows and answers are both bound."""
    assert not OPERATION.legal_effect
    assert OPERATION.repeatable
    assert {echo.of for echo in OPERATION.echoes} == {"request", "owner"}
    assert SPEC.blocks == {"serviceRequests": ("requests",)}


@every_profile
async def test_a_source_that_hangs_ends_with_the_deadline(profile: str):
    """The connector never outlasts its query."""

    async def silent(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(3)

    loop = asyncio.get_running_loop()
    async with scene(profile, app=silent) as s:
        began = loop.time()
        with pytest.raises(SourceUnavailable) as caught:
            await s.ask(a_query(seconds=0.3))
        assert loop.time() - began < 1.5
    assert caught.value.reason == "timeout"


JSON = "application/json"
HOSTILE = [
    pytest.param(b"", JSON, "malformed", id="empty"),
    pytest.param(b"not json", JSON, "malformed", id="garbage"),
    pytest.param(b'[{"token":"a"', JSON, "malformed", id="cut_off"),
    pytest.param(b'[{"token":"a","token":"b"}]', JSON, "malformed", id="member_twice"),
    pytest.param('[{"token":"ñ"}]'.encode("latin-1"), JSON, "charset", id="latin1"),
    pytest.param(b"[" * 9999, JSON, "malformed", id="deep"),
    pytest.param(b"[" + b" " * 5_000_000 + b"]", JSON, "too_large", id="huge"),
    pytest.param(b'"text"', JSON, "schema", id="string"),
    pytest.param(b"[1]", JSON, "schema", id="rows_of_numbers"),
    pytest.param(b"[[]]", JSON, "schema", id="rows_of_lists"),
    pytest.param(b'[{"message":"hello"}]', JSON, "schema", id="rows_of_something_else"),
    pytest.param(b'{"message":"hello"}', JSON, "schema", id="object_of_something_else"),
    pytest.param(b'[{"token":["a"]}]', JSON, "schema", id="token_of_another_type"),
    pytest.param(b'[{"service_request_id":1.5}]', JSON, "schema", id="id_of_another_type"),
    pytest.param(b"<html>closed</html>", "text/html", "maintenance", id="html"),
    pytest.param(b"<!DOCTYPE html><p>Log in</p>", JSON, "maintenance", id="html_as_json"),
]
HOSTILE_XML = [
    pytest.param(b"", "malformed", id="empty"),
    pytest.param(b"[]", "malformed", id="json"),
    pytest.param(b"<service_requests>", "malformed", id="cut_off"),
    pytest.param(b"<a/>", "schema", id="another_root"),
    pytest.param(b"<service_requests>text</service_requests>", "schema", id="text_for_rows"),
    pytest.param(b"<service_requests><request/></service_requests>", "schema", id="empty_row"),
    pytest.param(
        b"<requests><request><token><a/></token></request></requests>", "schema", id="deep_token"
    ),
    pytest.param(b"<service_requests>\xf1</service_requests>", "charset", id="latin1"),
    pytest.param(b"<!DOCTYPE a><service_requests/>", "forbidden_xml", id="doctype"),
    pytest.param(b"<!DOCTYPE html><html></html>", "maintenance", id="html"),
    pytest.param(b"<a>" * 999, "forbidden_xml", id="deep"),
]


@pytest.mark.parametrize("profile", ["madrid", "georeport_json"])
@pytest.mark.parametrize(("body", "kind", "reason"), HOSTILE)
async def test_a_hostile_answer_is_refused_for_its_reason(
    profile: str, body: bytes, kind: str, reason: str
):
    """Nothing that is no list of requests passes, and nothing of it is quoted."""
    async with scene(profile, app=answering(body, kind)) as s:
        with pytest.raises(SourceError) as caught:
            await s.ask(a_query())
    assert caught.value.reason == reason
    assert "hello" not in str(caught.value)


@pytest.mark.parametrize(("body", "reason"), HOSTILE_XML)
async def test_a_hostile_xml_answer_is_refused_for_its_reason(body: bytes, reason: str):
    """The XML gate stands before the rows."""
    async with scene("georeport_xml", app=answering(body, "text/xml")) as s:
        with pytest.raises(SourceError) as caught:
            await s.ask(a_query())
    assert caught.value.reason == reason


@every_profile
async def test_nothing_personal_is_in_an_error(profile: str):
    """A row that misfits is refused without its owner, its words or its number."""
    row = {"token": {"n": "99000002K"}, "description": "Muñoz", "owner": "99000002K"}
    body = json.dumps([row]).encode()
    xml = b"<requests><request><token><n>99000002K</n></token></request></requests>"
    app = answering(xml if profile == "georeport_xml" else body)
    async with scene(profile, app=app) as s:
        with pytest.raises(SourceMalformed) as caught:
            await s.ask(a_query())
    assert "99000002K" not in str(caught.value)
    assert "Muñoz" not in str(caught.value)


@every_profile
@pytest.mark.parametrize(
    ("status", "kind", "reason"),
    [
        (404, SourceRefused, "backend_fault"),
        (429, SourceUnavailable, "throttled"),
        (500, SourceUnavailable, "backend_fault"),
        (503, SourceUnavailable, "maintenance"),
        (302, SourceMalformed, "redirect"),
    ],
)
async def test_a_status_is_judged_before_the_body(
    profile: str, status: int, kind: type[SourceError], reason: str
):
    """An empty list with a status that says no is no empty list."""
    body = b"<service_requests/>" if profile == "georeport_xml" else b"[]"
    async with scene(profile, app=answering(body, status=status)) as s:
        with pytest.raises(kind) as caught:
            await s.ask(a_query())
    assert caught.value.reason == reason
