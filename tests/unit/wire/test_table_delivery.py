"""A delivery that breaks a promise is refused, and the one before it goes on serving."""

from __future__ import annotations

import datetime as dt
import gc
import io
import os
import sys
import threading
import zipfile
from contextlib import suppress

import pytest

from hub.wire import table_file
from hub.wire.table import Delivery, TableTrouble
from hub.wire.table_delivery import DeliveredTable
from hub.wire.table_file import Index
from tests.support.builders import NOW
from tests.unit.wire.tables import (
    COLUMNS,
    ROWS,
    a_question,
    a_workbook_of,
    as_csv,
    as_workbook,
    deliver,
)

OLD, NEW = "members_20261001.csv", "members_20261101.csv"


RULES = a_question(None, reference="")


def a_table(folder):
    """The deliveries of *folder*, on a fixed day."""
    return DeliveredTable(str(folder), lambda: NOW)


def test_the_newest_delivery_serves_with_its_day(tmp_path):
    """As-of is the day of the delivery, not of the reading."""
    deliver(tmp_path, OLD, as_csv(ROWS[:2]), 2)
    deliver(tmp_path, NEW, as_csv())
    found = a_table(tmp_path).read(a_question())
    assert (found.delivery, found.as_of, dict(found.refused)) == (NEW, "2026-11-01", {})
    assert len(found.rows) == 2


def test_a_key_is_found_in_any_spelling(tmp_path):
    """Blanks and small letters of a hand-made file do not hide a person."""
    deliver(tmp_path, NEW, as_csv([[" 99000002k ", "x", None]]), 1)
    assert len(a_table(tmp_path).read(a_question()).rows) == 1


def other_bytes(folder):
    deliver(folder, NEW, as_csv()).write_bytes(as_csv(ROWS[:2]))


def a_bomb(folder):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("xl/worksheets/sheet1.xml", b" " * 2_000_000)
    deliver(folder, "members_20261101.xlsx", content.getvalue())


def opposite_corners(folder):
    """Two cells of two kilobytes, and a rectangle of half a terabyte between them."""
    cells = (f'<row r="{row}"><c r="{col}{row}"><v>1</v></c></row>' for col, row in CORNERS)
    deliver(folder, "members_20261101.xlsx", a_workbook_of("".join(cells)))


def wider():
    """Two rows, with a column that nobody declared."""
    return as_csv([[*row, "x"] for row in ROWS[:2]], (*COLUMNS, "undeclared"))


def packed_otherwise(folder):
    """Each part says that it is compressed in a way that nobody knows."""
    content = bytearray(as_workbook())
    for mark, place in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        start = -1
        while (start := content.find(mark, start + 1)) >= 0:
            content[start + place] = 99
    deliver(folder, "members_20261101.xlsx", bytes(content))


CORNERS = (("A", 1), ("XFD", 1_048_576))
TWICE = [ROWS[0], ROWS[0], ROWS[2]]
BROKEN = {
    "a column is missing": (
        lambda f: deliver(f, NEW, as_csv(ROWS, ("document", "name", "other"))),
        "other columns than were declared",
    ),
    "a column stands twice": (
        lambda f: deliver(f, NEW, as_csv(ROWS, ("document", "document", "since"))),
        "other columns than were declared",
    ),
    "no header": (
        lambda f: deliver(f, NEW, as_csv(ROWS, ("1", "2", "3"))),
        "other columns than were declared",
    ),
    "an empty file": (lambda f: deliver(f, NEW, b""), "other columns than were declared"),
    "fewer rows than stated": (
        lambda f: deliver(f, NEW, as_csv(ROWS[:2]), 3),
        "another number of rows than its manifest says",
    ),
    "more rows than stated": (
        lambda f: deliver(f, NEW, as_csv([*ROWS, ["99000014X", "a", None]]), 3),
        "another number of rows than its manifest says",
    ),
    "a row twice": (lambda f: deliver(f, NEW, as_csv(TWICE)), "a row stands twice"),
    "a row of nobody": (
        lambda f: deliver(f, NEW, as_csv([*ROWS[:2], ["  ", "x", None]])),
        "a row of nobody",
    ),
    "a short row": (
        lambda f: deliver(f, NEW, as_csv()[:-20] + b"\r\n"),
        "a row that is too short",
    ),
    "a row that lacks what was not declared": (
        lambda f: deliver(f, NEW, wider() + b"99000014X;x;2020-01-31\r\n"),
        "a row that is too short",
    ),
    "a long row": (
        lambda f: deliver(f, NEW, as_csv([*ROWS[:2], ["99000014X", "a", " b", None]])),
        "a row that is too long",
    ),
    "a cell beside the table": (
        lambda f: deliver(
            f, "members_20261101.xlsx", as_workbook([*ROWS[:2], ["99000014X", "a", None, "b"]])
        ),
        "a row that is too long",
    ),
    "a row twice, in another spelling": (
        lambda f: deliver(f, NEW, as_csv([*ROWS[:2], ["99000002k ", *ROWS[0][1:]]])),
        "a row stands twice",
    ),
    "it shrank": (lambda f: deliver(f, NEW, as_csv(ROWS[:1]), 1), "it shrank"),
    "other bytes": (other_bytes, "not the bytes that its manifest names"),
    "another encoding": (
        lambda f: deliver(f, NEW, as_csv().decode().encode("latin-1", "replace")),
        "not in the encoding that was declared",
    ),
    "an open quote": (
        lambda f: deliver(f, NEW, as_csv() + b'"99000014X;x;y'),
        "not CSV as it was declared",
    ),
    "a manifest of nonsense": (
        lambda f: deliver(f, NEW, as_csv(), -1),
        "its manifest cannot be read",
    ),
    "no workbook": (
        lambda f: deliver(f, "members_20261101.xlsx", as_csv()),
        "not a workbook",
    ),
    "half a workbook": (
        lambda f: deliver(f, "members_20261101.xlsx", as_workbook()[:-400]),
        "not a workbook",
    ),
    "a workbook in no known packing": (packed_otherwise, "not a workbook"),
    "a workbook that unpacks to too much": (a_bomb, "too large"),
    "a workbook that is wide and long": (opposite_corners, "too large"),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_a_delivery_that_breaks_a_promise_is_refused(broken, tmp_path, monkeypatch):
    """With its reason; the older one serves, with its own day. Alone, nothing is answered."""
    monkeypatch.setattr(table_file, "LARGEST_BYTES", 1_000_000)
    breaks, why = BROKEN[broken]
    deliver(tmp_path, OLD, as_csv())
    breaks(tmp_path)
    found = a_table(tmp_path).read(a_question())
    assert (found.delivery, found.as_of) == (OLD, "2026-10-01")
    assert list(found.refused.values()) == [why]
    assert len(found.rows) == 2
    for file in tmp_path.glob("members_20261001*"):
        file.unlink()
    if broken != "it shrank":
        with pytest.raises(TableTrouble, match=why) as caught:
            a_table(tmp_path).read(a_question())
        assert caught.value.status == 503
        assert "9900" not in str(caught.value)


def test_a_file_that_is_still_being_copied_is_not_looked_at(tmp_path):
    """Without a manifest there is no delivery: not even a refused one."""
    deliver(tmp_path, OLD, as_csv())
    deliver(tmp_path, NEW, as_csv()[:30], None)
    found = a_table(tmp_path).read(a_question())
    assert (found.delivery, dict(found.refused)) == (OLD, {})


@pytest.mark.parametrize(
    "name",
    [
        "members_20261231.csv",
        "members_20260231.csv",
        "members_2026.csv",
        "other_20261101.csv",
        "members_20261101.csv.part",
        "members_20261101.xls",
    ],
)
def test_what_is_no_delivery_of_today_is_not_looked_at(name, tmp_path):
    """Other names, days that do not exist, and days to come."""
    deliver(tmp_path, OLD, as_csv())
    deliver(tmp_path, name, as_csv())
    assert a_table(tmp_path).read(a_question()).delivery == OLD


def settled(table):
    """What is being read has been read."""
    for choice in table._choosing.values():
        choice.exception()


def test_a_delivery_is_read_once_and_again_when_it_changes(tmp_path):
    """What is in memory holds for these bytes; a corrected delivery takes its place."""
    deliver(tmp_path, OLD, as_csv())
    deliver(tmp_path, NEW, as_csv(TWICE))
    table = a_table(tmp_path)
    assert table.read(a_question()).delivery == OLD
    assert table.read(a_question()).delivery == OLD
    assert len(table._broken) == 1
    file = deliver(tmp_path, NEW, as_csv())
    os.utime(file, ns=(1, 1))
    table.read(a_question())
    settled(table)
    assert table.read(a_question()).delivery == NEW
    assert table._broken == {}


def test_nobody_waits_for_a_new_delivery(tmp_path):
    """The one before serves while the new one is read, and then no more."""
    deliver(tmp_path, OLD, as_csv())
    table, gate = a_table(tmp_path), threading.Event()
    table.read(a_question())
    table._reader.submit(gate.wait)
    deliver(tmp_path, NEW, as_csv())
    assert [table.read(a_question()).delivery for _ in range(3)] == [OLD] * 3
    gate.set()
    settled(table)
    assert table.read(a_question()).delivery == NEW


def test_a_delivery_that_is_gone_does_not_serve_on(tmp_path):
    """What was taken away, or written anew, answers no more, whatever has to be waited for."""
    deliver(tmp_path, OLD, as_csv())
    deliver(tmp_path, NEW, as_csv())
    table = a_table(tmp_path)
    assert table.read(a_question()).delivery == NEW
    deliver(tmp_path, NEW, as_csv([["99000002K", "new", None], *ROWS[1:]]))
    assert "new" in str(table.read(a_question()).rows)
    (tmp_path / NEW).unlink()
    assert table.read(a_question()).delivery == OLD


def test_one_delivery_is_in_memory(tmp_path):
    """However many there are: the one that serves, of which the others are measured by numbers."""
    table = a_table(tmp_path)
    for month in range(1, 12):
        deliver(tmp_path, f"members_2026{month:02d}01.csv", as_csv())
        table.read(a_question())
        settled(table)
    assert table.read(a_question()).delivery == NEW
    gc.collect()
    kept = [found for found in gc.get_objects() if isinstance(found, Index)]
    assert [index for index in kept if index is not table._serving[RULES].index] == []


MANY = [[f"9900{n:04d}X", "x", None] for n in range(20)]
SEQUENCES = {
    "cut short twice": ([(20, 20), (3, 3), (3, 3)], 0),
    "cut short, then whole": ([(20, 20), (3, 3), (20, 20)], 2),
    "said to be more than it is, then whole": ([(20, 20), (20, 900), (20, 20)], 2),
    "cut short after one said to be more": ([(20, 20), (20, 900), (3, 3)], 0),
    "cut short after one said to be less": ([(20, 20), (18, 19), (17, 17)], 0),
    "less and less, but little by little": ([(20, 20), (18, 18), (17, 17)], 2),
    "none before is believed": ([(20, 900), (20, 901), (3, 3)], 2),
    "cut short after two that were": ([(20, 20), (3, 3), (3, 3), (18, 18)], 3),
}


@pytest.mark.parametrize("is_read_each_time", [True, False], ids=["as it comes", "at once"])
@pytest.mark.parametrize("name", SEQUENCES)
def test_a_delivery_is_measured_by_the_last_that_was_believed(name, is_read_each_time, tmp_path):
    """A half one is no measure for the next, nor is a false number; a restart changes nothing."""
    sequence, serves = SEQUENCES[name]
    table = a_table(tmp_path)
    for month, (rows, stated) in enumerate(sequence, 1):
        deliver(tmp_path, f"members_20260{month}01.csv", as_csv(MANY[:rows]), stated)
        if is_read_each_time:
            with suppress(TableTrouble):
                table.read(a_question())
            settled(table)
    assert table.read(a_question()).delivery == f"members_20260{serves + 1}01.csv"


def test_empty_cells_beside_a_sheet_are_none(tmp_path):
    """A sheet is as wide as its widest row: what is empty there, and at a row's end, is no fault."""
    rows: list[list[str | None]] = [["99000002K", "x", None], ["99000013D", None, None, " ", None]]
    deliver(tmp_path, "members_20261101.xlsx", as_workbook(rows), 2)
    table = a_table(tmp_path)
    assert table.read(a_question()).rows == [{"document": "99000002K", "name": "x", "since": None}]
    assert len(table.read(a_question("99000013D")).rows) == 1


def test_no_process_to_read_with_is_no_fault_of_a_delivery(tmp_path, monkeypatch):
    """Where the machine has none to give, the table is away for now, and nothing is remembered."""
    deliver(tmp_path, "members_20261101.xlsx", as_workbook())
    table = a_table(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(sys, "executable", str(tmp_path / "none"))
        with pytest.raises(TableTrouble) as caught:
            table.read(a_question())
    assert caught.value.status == 503
    assert len(table.read(a_question()).rows) == 2


def test_a_duration_is_a_value_like_a_date(tmp_path):
    """A cell that nobody thought of hides no delivery; it reads as ISO 8601 writes it."""
    header, row = (
        "".join(f'<c t="inlineStr"><is><t>{text}</t></is></c>' for text in line)
        for line in ((*COLUMNS, "stay"), ("99000002K", "Muñoz"))
    )
    long = '<c s="1"><v>1.5</v></c>'
    content = a_workbook_of(f"<row>{header}</row><row>{row}{long}{long}</row>")
    deliver(tmp_path, "members_20261101.xlsx", content, 1)
    [found] = a_table(tmp_path).read(a_question()).rows
    assert found["since"] == "P1DT43200S"


def test_a_folder_that_is_gone_is_no_delivery(tmp_path):
    """A mount that fell off is said, and nobody is answered "nothing"."""
    with pytest.raises(TableTrouble) as caught:
        a_table(tmp_path / "gone").read(a_question())
    assert caught.value.status == 503


def test_what_was_not_declared_is_not_kept(tmp_path):
    """Other columns of a delivery never reach the memory."""
    rows: list[list[str | None]] = [["99000002K", "x", None, "secret"]]
    deliver(tmp_path, NEW, as_csv(rows, (*COLUMNS, "diagnosis")), 1)
    table = a_table(tmp_path)
    assert table.read(a_question()).rows[0].keys() == set(COLUMNS)
    assert "secret" not in repr(table._serving)


def test_the_rules_of_a_question_are_its_own(tmp_path):
    """Another delimiter and another key of uniqueness are another reading of the same file."""
    deliver(tmp_path, NEW, as_csv())
    table = a_table(tmp_path)
    assert table.read(a_question()).delivery == NEW
    strict = a_question(delivery=Delivery(unique=("document",)))
    with pytest.raises(TableTrouble, match="a row stands twice"):
        table.read(strict)
    with pytest.raises(TableTrouble, match="other columns"):
        table.read(a_question(delivery=Delivery(delimiter=",")))


def test_a_share_of_less_lets_a_list_shrink(tmp_path):
    """Who declares that a list may halve, gets the half."""
    deliver(tmp_path, OLD, as_csv())
    deliver(tmp_path, NEW, as_csv(ROWS[:1]), 1)
    found = a_table(tmp_path).read(a_question(delivery=Delivery(keep_share=0.3)))
    assert found.delivery == NEW
    assert dt.date.fromisoformat(found.as_of) == dt.date(2026, 11, 1)
