"""The citizen's log: what the ledger says, nothing else, and nothing that endangers."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec
import pytest

from hub.core.document import parse_document
from hub.core.errors import LedgerError, SettingsError
from hub.core.model import BLOCKS
from hub.core.policy import Caller, Official, PlainText, PurposeTable
from hub.ledger.store import Entry
from hub.position.access_log import (
    GENERIC_PURPOSE,
    SCANNED,
    AccessLog,
    LookFilter,
)
from hub.position.desk import Desk
from hub.position.sources import Sources
from hub.position.units import FALLBACK, Unit, UnitTable, load_units
from tests.support.builders import NOW, an_access
from tests.support.ledgers import SUBJECT, a_ledger

TEXT = PlainText("es", "en")
UNITS = UnitTable(
    units=(
        Unit(code="L1", es="Unidad uno", en="Unit one"),
        Unit(code="L2", es="Unidad que pone en peligro", en="Endangering unit", discreet=True),
        Unit(code="system-1", es="Un sistema", en="A system"),
    )
)
STAFF = Caller(issuer="https://i.example", subject_id="o", audience="official")
OTHER = parse_document("99000003E")
EVERYTHING = LookFilter()


def a_purpose(code, **changes):
    """A row of the table of purposes."""
    row = {
        "code": code,
        "title": {"es": f"Título {code}", "en": f"Title {code}"},
        "explanation": {"es": "Por qué", "en": "Why"},
        "audience": ["official"],
        "legal_basis": "Ley 1/2000",
        "retention": "citizen",
        "default_blocks": [],
        "blocks": {},
    }
    return {**row, **changes}


PURPOSES = msgspec.convert(
    {
        "needs_procedure": [],
        "retention": {},
        "purposes": [
            a_purpose("self_service", audience=["citizen"]),
            a_purpose("counter", opposition_text={"es": "Pregunte", "en": "Ask"}),
            a_purpose("shelter", discreet=True),
            a_purpose("inspection", sealed_days=30),
        ],
    },
    PurposeTable,
)


class Book:
    """A ledger with accesses in it, and a clock."""

    def __init__(self, ledger):
        self.ledger, self.now = ledger, NOW
        bodies = {"https://i.example": "Ayuntamiento de Madrid"}
        self.desk = Desk(Sources({}), ledger, PURPOSES, BLOCKS, self.clock)
        self.log = AccessLog(ledger, PURPOSES, UNITS, bodies, self.clock)

    def clock(self):
        """The present moment."""
        return self.now

    async def look(self, purpose="counter", *, subject=SUBJECT, unit="L1", told=(), **changes):
        """An access, a minute after the last one, and an answer with the blocks *told*."""
        self.now += dt.timedelta(minutes=1)
        official = Official(
            full_name="X", document=parse_document("99000100G"), processing_unit=unit
        )
        values: dict[str, Any] = {"caller": STAFF, "official": official, "purpose": purpose}
        row = PURPOSES.get(purpose)
        if row is not None and row.sealed_days:
            values["sealed_until"] = self.now + dt.timedelta(days=row.sealed_days)
        access = an_access(subject.number, **{**values, **changes})
        await self.desk.open_access(access, None, "api")
        if told:
            await self.answer(access, **dict.fromkeys(told, "fresh"))
        return access.id

    async def answer(self, access, **states):
        """An answer under *access*, with a state per block."""
        header = {
            "access": access.id,
            "purpose": access.purpose,
            "blocks": {name: {"state": state} for name, state in states.items()},
        }
        number = await self.ledger.size()
        entry = Entry(
            kind="answer", id=f"a{number}", at=self.now, header=header, subject=access.subject
        )
        await self.ledger.append([entry])

    async def ids(self, wanted=EVERYTHING, limit=50, cursor=None):
        """The ids of one page."""
        page = await self.log.page(SUBJECT, wanted, limit, cursor)
        return [look.id for look in page.items]


@pytest.fixture
async def book(tmp_path):
    """An open ledger."""
    async with a_ledger(tmp_path) as ledger:
        yield Book(ledger)


async def test_the_log_says_who_when_why_and_what(book):
    """As the ledger's own leaves have it."""
    id_ = await book.look(told=("residence", "identity"))
    [look] = (await book.log.page(SUBJECT, EVERYTHING, 20, None)).items
    assert look.id == id_
    assert look.at == look.last_at == book.now
    assert look.actor == "official"
    assert look.body == "Ayuntamiento de Madrid"
    assert look.unit == PlainText("Unidad uno", "Unit one")
    assert look.purpose.title == PlainText("Título counter", "Title counter")
    assert look.purpose.legal_basis == "GDPR art. 6.1.e"
    assert look.purpose.ask_or_object == PlainText("Pregunte", "Ask")
    assert (look.channel, look.blocks, look.answers) == ("api", ("identity", "residence"), 1)


async def test_it_is_about_the_citizen_alone(book):
    """Nobody reads in it of accesses to anybody else."""
    mine = await book.look()
    await book.look(subject=OTHER)
    assert await book.ids() == [mine]


async def test_newest_first_and_an_unused_access_tells_no_block(book):
    """A declared access that asked nothing is in the log all the same."""
    first, second = await book.look(), await book.look(told=("fines",))
    page = await book.log.page(SUBJECT, EVERYTHING, 20, None)
    assert [(look.id, look.blocks, look.answers) for look in page.items] == [
        (second, ("fines",), 1),
        (first, (), 0),
    ]


async def test_only_what_was_told_counts_as_a_block(book):
    """That a source holds nothing was told; what was denied or did not answer was not."""
    access = an_access(caller=STAFF, purpose="counter")
    await book.desk.open_access(access, None, "api")
    await book.answer(
        access,
        identity="fresh",
        fines="empty",
        residence="unavailable",
        taxBills="stale",
        jobSeeker="denied",
        directDebits="pending",
    )
    await book.answer(access, residence="unavailable")
    [look] = (await book.log.page(SUBJECT, EVERYTHING, 20, None)).items
    assert look.blocks == ("fines", "identity", "taxBills")
    assert look.answers == 2


async def test_a_sealed_entry_is_absent_without_a_trace_until_it_opens(book):
    """Pages, their length and their cursors are the same as if it were not there."""
    seen = [await book.look() for _ in range(3)]
    sealed = await book.look("inspection")
    seen += [await book.look() for _ in range(3)]
    assert await book.ids() == seen[::-1]
    paged, cursor = [], None
    while True:
        page = await book.log.page(SUBJECT, EVERYTHING, 2, cursor)
        paged.append([look.id for look in page.items])
        cursor = page.next
        if cursor is None:
            break
    assert paged == [seen[:3:-1], [seen[3], seen[2]], [seen[1], seen[0]]]
    book.now += dt.timedelta(days=31)
    assert await book.ids() == [*seen[:2:-1], sealed, *seen[2::-1]]


async def test_nothing_but_sealed_entries_is_an_empty_log(book):
    """And an empty page without a cursor, as for somebody at whom nobody looked."""
    for _ in range(5):
        await book.look("inspection")
    page = await book.log.page(SUBJECT, EVERYTHING, 2, None)
    nobody = await book.log.page(OTHER, EVERYTHING, 2, None)
    assert page == nobody
    assert page.next is None


@pytest.mark.parametrize(
    ("purpose", "unit"), [("counter", "L2"), ("counter", "unlisted"), ("shelter", "L1")]
)
async def test_a_unit_whose_name_endangers_appears_generically(book, purpose, unit):
    """And so does one that nobody listed: the two cannot be told apart."""
    await book.look(purpose, unit=unit)
    page = await book.log.page(SUBJECT, EVERYTHING, 20, None)
    assert page.items[0].unit == FALLBACK
    assert "peligro" not in msgspec.json.encode(page).decode()
    assert unit not in msgspec.json.encode(page).decode()


@pytest.mark.parametrize("purpose", ["shelter", "gone_from_the_table"])
async def test_a_purpose_that_endangers_or_is_unknown_appears_generically(book, purpose):
    """Neither its name nor its legal basis or procedure is shown."""
    await book.look(purpose, legal_basis="LO 1/2004", procedure="MAD_VG")
    page = await book.log.page(SUBJECT, EVERYTHING, 20, None)
    assert page.items[0].purpose.title == GENERIC_PURPOSE
    text = msgspec.json.encode(page).decode()
    assert not any(word in text for word in (purpose, "1/2004", "MAD_VG"))


async def test_ones_own_looks_and_those_of_systems_say_so(book):
    """The citizen has no unit; a system is named by its client."""
    await book.look(
        "self_service",
        official=None,
        caller=Caller(issuer="https://i.example", subject_id="c", audience="citizen"),
    )
    await book.look(
        official=None,
        caller=Caller(
            issuer="https://i.example", subject_id="s", audience="system", client="system-1"
        ),
    )
    page = await book.log.page(SUBJECT, EVERYTHING, 20, None)
    assert [(look.actor, look.unit) for look in page.items] == [
        ("system", PlainText("Un sistema", "A system")),
        ("yourself", None),
    ]


async def test_the_period_and_the_block_narrow_it(book):
    """From a moment on, before a moment, and only where a block was told."""
    first = await book.look(told=("fines",))
    moment = book.now + dt.timedelta(seconds=30)
    second = await book.look(told=("residence",))
    assert await book.ids(LookFilter(since=moment)) == [second]
    assert await book.ids(LookFilter(until=moment)) == [first]
    assert await book.ids(LookFilter(block="fines")) == [first]
    assert await book.ids(LookFilter(block="residence")) == [second]
    assert await book.ids(LookFilter(until=NOW)) == []


async def test_a_closed_access_says_when(book):
    """The closing is in the ledger too."""
    access = an_access(caller=STAFF, purpose="counter")
    await book.desk.open_access(access, None, "api")
    closed = await book.desk.closings.close(access, None)
    [look] = (await book.log.page(SUBJECT, EVERYTHING, 20, None)).items
    assert look.closed_at == closed


async def test_reading_the_log_is_on_record(book):
    """As every reading of the ledger that is about a person."""
    await book.log.note(SUBJECT, "request-1")
    [record] = await book.ledger.records(0)
    assert (record.kind, record.header["action"]) == ("search", "access_log")
    assert record.header["subject"] is not None


async def test_a_page_looks_at_a_bounded_number_of_accesses(tmp_path, monkeypatch):
    """A filter that nothing fits ends early with a cursor, and the next page goes on."""
    monkeypatch.setattr("hub.position.access_log.SCANNED", 3)
    async with a_ledger(tmp_path) as ledger:
        book = Book(ledger)
        wanted = await book.look(told=("fines",))
        for _ in range(4):
            await book.look()
        page = await book.log.page(SUBJECT, LookFilter(block="fines"), 20, None)
        assert (page.items, page.next is not None) == ((), True)
        assert await book.ids(LookFilter(block="fines"), cursor=page.next) == [wanted]
    assert SCANNED >= 1000


async def test_a_cursor_that_no_page_gave_is_refused(book):
    """It is never guessed at."""
    await book.look()
    with pytest.raises(LedgerError):
        await book.ids(cursor="AAAA")


@pytest.mark.parametrize(
    "text",
    ["[", "units = 7", '[[units]]\ncode = "a"', "[generic]\nes = 'x'\nen = 'y'\nfr = 'z'", "\x00"],
)
def test_a_faulty_table_of_units_stops_the_start(tmp_path, text):
    """Before anybody can be shown a wrong name."""
    (tmp_path / "units.toml").write_text(text, "utf-8")
    with pytest.raises(SettingsError, match=r"units\.toml"):
        load_units(tmp_path / "units.toml")


def test_a_unit_stands_once(tmp_path):
    """Else one of its rows could say that it is discreet and the other not."""
    row = '[[units]]\ncode = "a"\nes = "x"\nen = "y"\n'
    (tmp_path / "units.toml").write_text(row + row, "utf-8")
    with pytest.raises(SettingsError, match="twice"):
        load_units(tmp_path / "units.toml")
