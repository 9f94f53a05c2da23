"""Auditors are on record too, and nobody audits who operates."""

from __future__ import annotations

import asyncio
import datetime as dt

import pytest
from msgspec.structs import replace

from hub.audit.act import (
    Auditor,
    ConflictingDuties,
    NoReason,
    note_act,
    note_switch,
    read_act,
    take_duty,
)
from hub.core.document import parse_document
from hub.core.errors import LedgerError
from hub.core.policy import Caller
from hub.ledger.store import JSON, Search
from tests.support.builders import NOW
from tests.support.ledgers import SUBJECT, FaultyDisk, a_ledger

WHO = Auditor(holder="opaque", channel="api", document=parse_document("99000027T"))
PERSON = Caller(issuer="https://issuer.test", subject_id="one", audience="auditor")
OTHER = replace(PERSON, subject_id="two")


def moment(at):
    """A clock that stands still."""
    return lambda: at


async def test_an_act_is_found_by_its_subject_and_its_auditor_and_its_reason_is_sealed(tmp_path):
    """The reason can name somebody, so it never stands on a leaf."""
    async with a_ledger(tmp_path) as ledger:
        id_ = await note_act(
            ledger,
            lambda: NOW,
            WHO,
            "explain",
            "complaint of a citizen",
            reveals=True,
            subject=SUBJECT,
        )
        for search in (Search(subject=SUBJECT), Search(official=WHO.document)):
            [record] = (await ledger.search(search)).items
            assert (record.kind, record.id) == ("reveal", id_)
        assert b"complaint" not in record.leaf
        payload = await ledger.payload("reveal", id_)
    assert payload is not None
    assert read_act(payload).reason == "complaint of a citizen"


@pytest.mark.parametrize("reason", ["", "   ", "why", "       x       "])
async def test_an_act_without_a_reason_is_refused_and_leaves_no_record(tmp_path, reason):
    """Blanks are no reason."""
    async with a_ledger(tmp_path) as ledger:
        with pytest.raises(NoReason):
            await note_act(ledger, lambda: NOW, WHO, "search", reason, reveals=False)
        assert await ledger.size() == 0


async def test_an_act_that_cannot_be_recorded_does_not_happen(tmp_path):
    """The error comes before anything is opened."""
    disk = FaultyDisk()
    async with a_ledger(tmp_path, disk) as ledger:
        disk.mode = "fails"
        with pytest.raises(LedgerError):
            await note_act(ledger, lambda: NOW, WHO, "search", "a good reason", reveals=False)
    with pytest.raises(LedgerError):
        read_act(b"\xc1")


@pytest.mark.parametrize(("first", "then"), [("auditor", "operator"), ("operator", "auditor")])
async def test_the_same_person_cannot_operate_and_audit(tmp_path, first, then):
    """Not in the year of the other role, nor in the next; afterwards, and others, may."""
    async with a_ledger(tmp_path) as ledger:
        await take_duty(ledger, lambda: NOW, PERSON, first)
        for years in (0, 1):
            later = NOW.replace(year=NOW.year + years)
            with pytest.raises(ConflictingDuties):
                await take_duty(ledger, moment(later), PERSON, then)
        await take_duty(ledger, lambda: NOW, OTHER, then)
        await take_duty(ledger, lambda: NOW, PERSON, first)
        assert await ledger.size() == 2
        much_later = dt.datetime(NOW.year + 2, 1, 1, tzinfo=dt.UTC)
        await take_duty(ledger, lambda: much_later, PERSON, then)


async def test_two_first_acts_at_once_are_one_duty(tmp_path):
    """The unique id decides; neither caller is refused."""
    async with a_ledger(tmp_path) as ledger:
        await asyncio.gather(*(take_duty(ledger, lambda: NOW, PERSON, "auditor") for _ in range(8)))
        assert await ledger.size() == 1


async def test_a_duty_that_cannot_be_recorded_is_not_taken(tmp_path):
    """Fail closed."""
    disk = FaultyDisk()
    async with a_ledger(tmp_path, disk) as ledger:
        disk.mode = "fails"
        with pytest.raises(LedgerError):
            await take_duty(ledger, lambda: NOW, PERSON, "auditor")


async def test_a_switch_names_its_operator_sealed(tmp_path):
    """What was turned stands in clear; who did it opens to whoever may read the payload."""
    order: dict[str, JSON] = {"source": "padron", "operation": "*", "off": True}
    async with a_ledger(tmp_path) as ledger:
        await note_switch(ledger, lambda: NOW, PERSON, order, "REQUEST")
        [record] = await ledger.recent()
        assert PERSON.subject_id not in record.leaf.decode()
        payload = await ledger.payload("switch", record.id)
        assert payload is not None
        assert read_act(payload).holder == f"{PERSON.issuer} {PERSON.subject_id}"
    assert {**record.header, **order, "request": "REQUEST"} == record.header
