"""Abuse: bounded per official and purpose, on record once, and stopped where the purpose says so."""

from __future__ import annotations

import datetime as dt
import json

import msgspec
import pytest

from hub.core.document import check_letter, parse_document
from hub.core.errors import LedgerError
from hub.core.model import BLOCKS
from hub.core.policy import Caller, PurposeTable
from hub.ledger.store import Entry
from hub.position.abuse import Abuse, Stopped
from hub.position.desk import Desk
from hub.position.sources import Sources
from tests.support.builders import NOW, an_official_access
from tests.support.hubs import AnIssuer, a_hub
from tests.support.ledgers import FaultyDisk, a_ledger, verified


def a_row(code, limits):
    """A purpose with bounds."""
    text = {"es": "x", "en": "x"}
    row = {
        "code": code,
        "title": text,
        "explanation": text,
        "audience": ["official"],
        "legal_basis": "x",
        "retention": "citizen",
        "default_blocks": [],
        "blocks": {},
    }
    return {**row, "limits": limits} if limits else row


TABLE = msgspec.convert(
    {
        "needs_procedure": [],
        "retention": {},
        "purposes": [
            a_row("stops", {"inquiries_per_hour": 5, "subjects_per_hour": 3, "stops": True}),
            a_row("tells", {"inquiries_per_hour": 5, "subjects_per_hour": 3}),
            a_row("free", None),
        ],
    },
    PurposeTable,
)


def person(number):
    """The number of a synthetic person."""
    return f"{99000000 + number}{check_letter(99000000 + number)}"


class Watch:
    """Counters over a ledger, with a clock."""

    def __init__(self, ledger):
        self.ledger, self.now = ledger, NOW
        self.abuse = Abuse(ledger, TABLE, lambda: self.now)

    def access(self, number=1, purpose="stops", official="o1"):
        """An access of *official* about a person."""
        caller = Caller(issuer="https://i.example", subject_id=official, audience="official")
        return an_official_access(person(number), purpose=purpose, caller=caller)

    async def declared(self, number, purpose="stops", official="o1"):
        """Whether an access about that person may be declared."""
        try:
            await self.abuse.declared(self.access(number, purpose, official), None)
        except Stopped:
            return False
        return True

    async def inquired(self, purpose="stops", official="o1"):
        """Whether a position may be read."""
        try:
            await self.abuse.inquired(self.access(1, purpose, official), None)
        except Stopped:
            return False
        return True

    async def events(self):
        """Reason, purpose and whether it stopped, of each security event."""
        records = [r for r in await self.ledger.records(0, 1000) if r.kind == "security"]
        headers = [json.loads(record.leaf) for record in records]
        return [(h["reason"], h["purpose"], h["stopped"]) for h in headers]


@pytest.fixture
async def watch(tmp_path):
    """Counters over an open ledger."""
    async with a_ledger(tmp_path) as ledger:
        yield Watch(ledger)
    assert verified(tmp_path).ok


async def test_one_person_too_many_is_a_security_event_and_stops(watch):
    """The bound is of distinct people: those who were asked about may be asked about again."""
    assert [await watch.declared(n) for n in (1, 2, 3, 1, 2, 3, 4, 5, 1)] == [
        *(True,) * 6,
        False,
        False,
        True,
    ]
    assert await watch.events() == [("abuse_subjects", "stops", True)]


async def test_one_inquiry_too_many_is_a_security_event_and_stops(watch):
    """Whomever they are about."""
    assert [await watch.inquired() for _ in range(8)] == [*(True,) * 5, *(False,) * 3]
    assert await watch.events() == [("abuse_inquiries", "stops", True)]


async def test_where_the_purpose_does_not_stop_it_is_only_told(watch):
    """Once in an hour, however far beyond the bound it goes."""
    assert all([await watch.declared(n, "tells") for n in range(20)])
    assert all([await watch.inquired("tells") for _ in range(20)])
    assert await watch.events() == [
        ("abuse_subjects", "tells", False),
        ("abuse_inquiries", "tells", False),
    ]
    watch.now += dt.timedelta(minutes=61)
    assert all([await watch.declared(n, "tells") for n in range(20)])
    assert len(await watch.events()) == 3


async def test_a_purpose_without_bounds_counts_nothing(watch):
    """And an official's counters are theirs alone."""
    assert all([await watch.declared(n, "free") for n in range(20)])
    assert all([await watch.declared(n, official=f"o{n}") for n in range(20)])
    assert all([await watch.declared(1, "gone") for n in range(20)])
    assert await watch.events() == []


async def test_the_hour_slides(watch):
    """What is an hour old no longer counts; and a stop says when that will be."""
    for number in (1, 2, 3):
        assert await watch.declared(number)
        watch.now += dt.timedelta(minutes=10)
    with pytest.raises(Stopped) as caught:
        await watch.abuse.declared(watch.access(4), None)
    assert caught.value.retry_after == 30 * 60
    watch.now += dt.timedelta(minutes=30)
    assert await watch.declared(4)
    assert not await watch.declared(5)


async def test_a_refused_inquiry_does_not_prolong_the_stop(watch):
    """Whoever hammers is let in as soon as anybody else would be."""
    for _ in range(5):
        await watch.inquired()
    for _ in range(59):
        watch.now += dt.timedelta(minutes=1)
        assert not await watch.inquired()
    watch.now += dt.timedelta(minutes=1)
    assert await watch.inquired()


async def test_without_its_record_nobody_goes_on(tmp_path):
    """An event that cannot be written refuses, and is written when that is possible again."""
    disk = FaultyDisk()
    async with a_ledger(tmp_path, disk) as ledger:
        watch = Watch(ledger)
        for number in (1, 2, 3):
            await watch.declared(number, "tells")
        disk.mode = "fails"
        with pytest.raises(LedgerError):
            await watch.declared(4, "tells")
        disk.mode = "works"
        assert await watch.declared(4, "tells")
        assert await watch.events() == [("abuse_subjects", "tells", False)]


async def test_a_new_process_counts_on(watch):
    """From what the ledger says of the last hour: a restart wipes nothing out."""
    desk = Desk(Sources({}), watch.ledger, TABLE, BLOCKS, lambda: watch.now)
    watch.now -= dt.timedelta(minutes=90)
    await desk.open_access(watch.access(9), None, "api")
    watch.now += dt.timedelta(minutes=61)
    for number in (1, 2, 3):
        access = watch.access(number)
        await desk.open_access(access, None, "api")
        header = {"access": access.id, "blocks": {}}
        entry = Entry(
            kind="answer", id=f"a{number}", at=watch.now, header=header, subject=access.subject
        )
        await watch.ledger.append([entry])
    assert await watch.abuse.restore() == 6
    assert await watch.declared(1)
    assert not await watch.declared(4)
    assert [await watch.inquired() for _ in range(3)] == [True, True, False]


async def test_memory_holds_no_document(watch):
    """A core dump names nobody who was asked about."""
    await watch.declared(7)
    counters = list(watch.abuse._counters.values())
    marks = [mark for counter in counters for mark in counter._marks]
    assert len(marks) == 1
    assert parse_document(person(7)).number not in repr(marks)
    assert isinstance(marks[0], bytes)


async def test_marks_are_bounded_by_the_bound(watch):
    """However often somebody asks where nothing stops them."""
    for number in range(50):
        await watch.declared(number, "tells")
    assert all(len(counter._marks) <= 4 for counter in watch.abuse._counters.values())


async def test_over_the_socket_a_stop_is_a_429_with_its_time(tmp_path):
    """The hundred and twenty-first citizen of an hour at a counter is not asked about."""
    issuer = AnIssuer()
    async with a_hub(tmp_path, issuer.configured(tmp_path)) as served:
        token = issuer.official()
        statuses = [(await served.declare(token, person(n))).status_code for n in range(120)]
        assert set(statuses) == {201}
        answer = await served.declare(token, person(120))
        other = await served.declare(issuer.official("another"), person(120))
        kinds = [r.kind for r in await served.hub.ledger.records(0, 1000)]
    assert (answer.status_code, answer.json()["type"]) == (429, "/problems/too-many-inquiries")
    assert 3500 < int(answer.headers["retry-after"]) <= 3600
    assert other.status_code == 201
    assert (kinds.count("access"), kinds.count("security")) == (121, 1)
