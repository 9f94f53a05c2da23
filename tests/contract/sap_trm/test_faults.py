"""Every fault mode of the simulator ends as it should: in an error of the tree, or in the data."""

from __future__ import annotations

import time
from typing import Any

import pytest

from connectors.sap_trm.simulator import FAULTS
from hub.core.errors import SourceError, SourceInsecure, SourceMalformed, SourceRefused
from hub.core.errors import SourceUnavailable as Unavailable
from hub.core.exchange import SourceRecord
from hub.sandbox import magic
from tests.contract.sap_trm.playing import Play, playing

REFUSED: dict[str, tuple[type[SourceError], str]] = {
    "atom": (SourceMalformed, "malformed"),
    "business-error": (SourceRefused, "backend_fault"),
    "conflicting-rows": (SourceMalformed, "schema"),
    "count-too-high": (SourceMalformed, "schema"),
    "csrf-text": (SourceRefused, "hub_credentials"),
    "error-with-200": (SourceRefused, "backend_fault"),
    "filter-ignored": (SourceInsecure, "identity_mismatch"),
    "firewall-html": (Unavailable, "maintenance"),
    "guid-error": (SourceRefused, "backend_fault"),
    "login-html": (Unavailable, "maintenance"),
    "message-error": (SourceRefused, "backend_fault"),
    "missing-property": (SourceMalformed, "schema"),
    "next-elsewhere": (SourceMalformed, "malformed"),
    "next-loop": (SourceMalformed, "malformed"),
    "next-same-rows": (SourceMalformed, "malformed"),
    "not-registered": (SourceRefused, "backend_fault"),
    "number-amounts": (SourceMalformed, "schema"),
    "other-partner": (SourceInsecure, "identity_mismatch"),
    "other-partner-listed": (SourceInsecure, "identity_mismatch"),
    "other-taxpayer": (SourceInsecure, "identity_mismatch"),
    "string-error": (SourceRefused, "backend_fault"),
    "xml-error": (SourceRefused, "backend_fault"),
}
SURVIVED = frozenset(
    {
        "bare-array",
        "card-fields",
        "count-missing",
        "count-number",
        "duplicate-rows",
        "long-decimals",
        "message-warning",
        "next-internal-host",
        "next-object",
        "no-paging",
        "null-initials",
        "session-expiry",
        "unpadded",
        "zero-date",
    }
)
TIMED = frozenset({"slow-html"})


def test_every_mode_has_its_test() -> None:
    """A fault mode that no test names would be decoration."""
    assert SURVIVED | TIMED | REFUSED.keys() == FAULTS


async def fetched(play: Play, index: int = magic.MANY_BILLS) -> SourceRecord:
    """The items of a citizen with several pages."""
    return await play.fetch("items", play.number(index))


@pytest.mark.parametrize("mode", sorted(REFUSED))
async def test_what_cannot_be_believed_is_refused(mode: str) -> None:
    """A hopeless answer becomes the right error, whose text holds no number of anybody."""
    kind, reason = REFUSED[mode]
    async with playing() as play:
        number = play.number(magic.MANY_BILLS)
        play.fail(mode)
        with pytest.raises(kind) as caught:
            await fetched(play)
    assert type(caught.value) is kind
    assert caught.value.reason == reason
    assert number not in str(caught.value)
    assert "00040" not in str(caught.value)


@pytest.mark.parametrize("mode", sorted(SURVIVED - {"bare-array", "zero-date", "null-initials"}))
async def test_what_only_looks_odd_is_read_all_the_same(mode: str) -> None:
    """Each deviation of form gives the rows that a well-behaved service gives."""
    async with playing() as play:
        expected = (await fetched(play)).payload
        play.fail(mode)
        found = (await fetched(play)).payload
    if mode == "long-decimals":
        assert found["items"][0]["BETRW"] == f"{expected['items'][0]['BETRW']}000000000000"
        found["items"] = [_shortened(row) for row in found["items"]]
    assert found == expected


def _shortened(row: dict[str, Any]) -> dict[str, Any]:
    amounts = ("BETRW", "ZZ_OPEN", "ZZ_SURCHARGE", "ZZ_REDUCED")
    return {k: v[:-12] if k in amounts and v else v for k, v in row.items()}


async def test_a_bare_array_is_one_page() -> None:
    """The form of OData version 1, which some stacks still send, has no links."""
    async with playing() as play:
        expected = (await fetched(play, magic.DEFAULT_CITIZEN)).payload
        play.fail("bare-array")
        assert (await fetched(play, magic.DEFAULT_CITIZEN)).payload == expected


async def test_dates_of_zeros_and_nulls_stay_as_they_came() -> None:
    """The payload is what the source sent; what is missing is the mapping's to say."""
    async with playing() as play:
        play.fail("zero-date")
        zeros = (await fetched(play, magic.DEFAULT_CITIZEN)).payload["items"]
        play.fail("null-initials")
        nulls = (await fetched(play, magic.DEFAULT_CITIZEN)).payload["items"]
    assert "0000-00-00T00:00:00" in {row["AUGDT"] for row in zeros}
    assert None in {row["AUGST"] for row in nulls}
    assert "" in {row["AUGDT"] for row in nulls}


async def test_card_fields_reach_no_payload() -> None:
    """What a service sends beyond the contract, cards above all, is not taken over."""
    async with playing() as play:
        play.fail("card-fields")
        record = await fetched(play)
        (answer, *_) = [o for o in play.recorder.outcomes[1:] if o.message]
    assert answer.message is not None
    assert b"CardNumber" in answer.message.body
    assert "Card" not in str(record.payload)


async def test_foreign_rows_end_the_questions() -> None:
    """After the first row of somebody else, no further page and no further partner is asked."""
    async with playing() as play:
        play.fail("other-partner")
        with pytest.raises(SourceInsecure):
            await fetched(play, magic.TWO_PARTNERS)
    assert len(play.recorder.sent) == 2


async def test_a_stranger_is_not_asked_about() -> None:
    """When the lookup answers for another taxpayer, that one's partners are not used."""
    async with playing() as play:
        play.fail("other-taxpayer")
        with pytest.raises(SourceInsecure):
            await fetched(play)
    assert len(play.recorder.sent) == 1


async def test_a_flood_of_rows_is_refused() -> None:
    """One huge page of the right partner is refused at the configured number of rows."""
    async with playing(max_rows=300) as play:
        play.fail("no-paging")
        with pytest.raises(SourceMalformed) as caught:
            await fetched(play)
    assert caught.value.reason == "too_large"


async def test_endless_pages_are_refused() -> None:
    """More pages than configured are refused, however few rows they have."""
    async with playing(max_pages=3) as play:
        with pytest.raises(SourceMalformed) as caught:
            await fetched(play)
    assert caught.value.reason == "too_large"


async def test_an_internal_host_is_never_contacted() -> None:
    """A link to the back end's own host is followed at the configured address alone."""
    async with playing() as play:
        play.fail("next-internal-host")
        await fetched(play)
    assert {sent.url.partition("/sap/")[0] + "/" for sent in play.recorder.sent} == {play.url}


@pytest.mark.parametrize("keeps_cookies", [True, False], ids=["cookies", "no-cookies"])
async def test_an_expired_session_is_signed_on_again(keeps_cookies: bool) -> None:
    """A login form between two pages costs one message more, and nothing of the data."""
    async with playing(keeps_cookies=keeps_cookies) as play:
        play.fail("session-expiry")
        record = await fetched(play)
    assert len(record.payload["items"]) == magic.MANY_BILLS_COUNT
    assert len(record.exchanges) == 5 + keeps_cookies


async def test_a_session_that_stays_lost_is_not_fought_for() -> None:
    """A second login form ends the operation: no half of a list is ever shown."""
    async with playing() as play:
        play.fail("session-expiry", sticky=True)
        with pytest.raises(Unavailable):
            await fetched(play)
    assert len(play.recorder.sent) == 4


@pytest.mark.parametrize(("status", "reason"), [(500, "backend_fault"), (503, "maintenance")])
async def test_a_time_out_page_may_pass_later(status: int, reason: str) -> None:
    """HTML with 500 or 503 after a while says that the source is busy."""
    async with playing() as play:
        play.fail("slow-html", seconds=0.05, status=status)
        with pytest.raises(Unavailable) as caught:
            await fetched(play)
    assert caught.value.reason == reason


async def test_the_deadline_is_kept() -> None:
    """A source that takes a minute is left at the caller's deadline, with an outcome on record."""
    async with playing() as play:
        play.fail("slow-html", seconds=2)
        began = time.monotonic()
        with pytest.raises(Unavailable) as caught:
            await play.fetch("items", seconds=0.3)
    assert caught.value.reason == "timeout"
    assert time.monotonic() - began < 2.9
    assert [outcome.error for outcome in play.recorder.outcomes] == ["timeout"]


async def test_wrong_credentials_are_tried_once() -> None:
    """A wrong password is sent once only: SAP locks the technical user after a few."""
    from hub.core.secret import Secret

    async with playing(password=Secret("wrong")) as play:
        with pytest.raises(SourceRefused) as caught:
            await play.fetch("items")
    assert caught.value.reason == "hub_credentials"
    assert "wrong" not in str(caught.value)
    assert len(play.recorder.sent) == 1


async def test_a_wrong_client_is_refused() -> None:
    """The technical user exists in one SAP client only."""
    async with playing(sap_client="200") as play:
        with pytest.raises(SourceRefused) as caught:
            await play.fetch("items")
    assert caught.value.reason == "hub_credentials"
