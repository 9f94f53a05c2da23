"""A table is asked like any system: recorded, bounded, read only, and never by its own words."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from contextlib import asynccontextmanager, closing

import msgspec
import pytest

from hub.core.connector import Echo, Operation, Patience, Spec
from hub.core.errors import LedgerError, SourceError, SourceMalformed, SourceUnavailable
from hub.core.exchange import Outcome, Sent
from hub.wire import table as module
from hub.wire import table_sql
from hub.wire.client import open_client
from hub.wire.decode import check_status, json_object
from hub.wire.table import TableRows, TableTransport, TableTrouble, Unreachable, open_table
from tests.support.builders import MemoryRecorder, a_query
from tests.unit.wire.tables import (
    COLUMNS,
    ROWS,
    a_database,
    a_question,
    as_csv,
    as_workbook,
    deliver,
)

SPEC = Spec(
    name="t",
    title="",
    owner="",
    operations=(
        Operation(
            name="rows", echoes=(Echo(path="asked/value"),), patience=Patience(timeout_s=2.0)
        ),
    ),
    blocks={},
)


def an_address(kind, folder):
    """The same table as a view, as CSV and as a workbook."""
    if kind == "view":
        return a_database(folder / "x.db")
    content = as_csv() if kind == "csv" else as_workbook()
    deliver(folder, f"members_20260801.{kind}", content)
    return f"table+file://{folder}"


@asynccontextmanager
async def a_client_of(address, recorder=None):
    client = open_client("t", address, recorder or MemoryRecorder())
    try:
        yield client
    finally:
        await client.aclose()


async def asked(client, question=None, **changes):
    call = client.call(SPEC, "rows", a_query())
    body = msgspec.json.encode(question or a_question(**changes))
    answer = await call.post("rows", body)
    check_status(answer)
    return json_object(answer)


@pytest.mark.parametrize("kind", ["view", "csv", "xlsx"])
async def test_every_form_gives_the_same_rows(kind, tmp_path):
    """A view, a CSV file and a workbook with the same rows are the same table."""
    async with a_client_of(an_address(kind, tmp_path)) as client:
        found = await asked(client)
        nobody = await asked(client, value="99000099A")
    wanted = [dict(zip(COLUMNS, row, strict=True)) for row in ROWS if row[0] == "99000002K"]
    assert sorted(found["rows"], key=str) == sorted(wanted, key=str)
    assert (found["count"], found["truncated"], nobody["rows"]) == (2, False, [])
    assert "sealed" not in str(found)
    if kind != "view":
        assert (found["asOf"], found["delivery"]) == ("2026-08-01", f"members_20260801.{kind}")


@pytest.mark.parametrize("kind", ["view", "csv"])
async def test_a_read_is_on_record_before_and_after(kind, tmp_path):
    """The question and the rows, as they were: the same two halves as of any source."""
    recorder = MemoryRecorder()
    async with a_client_of(an_address(kind, tmp_path), recorder) as client:
        await asked(client)
    sent, outcome = recorder.seen
    assert isinstance(sent, Sent)
    assert isinstance(outcome, Outcome)
    assert msgspec.json.decode(sent.message.body)["value"] == "99000002K"
    assert outcome.message is not None
    assert b"Mu\xc3\xb1oz" in outcome.message.body
    assert "99000002K" not in sent.url


@pytest.mark.parametrize("kind", ["view", "csv"])
async def test_a_person_is_found_in_any_spelling(kind, tmp_path):
    """A false "none" is what a citizen would be told, so blanks and small letters hide nobody."""
    rows: list[list[str | None]] = [["99000002k", "a", None], [" 99000013D ", "b", None]]
    deliver(tmp_path, "members_20260801.csv", as_csv(rows), 2)
    address = a_database(tmp_path / "x.db", rows)
    async with a_client_of(address if kind == "view" else f"table+file://{tmp_path}") as client:
        assert [(await asked(client, value=value))["count"] for value in ROWS_OF_BOTH] == [1, 1]


ROWS_OF_BOTH = ("99000002K", "99000013D")


class Counting:
    """A table that counts its reads, and answers as it is told."""

    def __init__(self, answer=None):
        self.reads, self.closed = 0, False
        self._answer = answer or (lambda: TableRows(as_of="2026-01-01", rows=[]))

    def read(self, question):
        self.reads += 1
        return self._answer()

    def close(self):
        self.closed = True


@asynccontextmanager
async def a_client_before(table, recorder=None):
    transport = TableTransport(table)
    client = open_client(
        "t", "table+file:///nowhere", recorder or MemoryRecorder(), transport=transport
    )
    try:
        yield client
    finally:
        await client.aclose()


async def test_what_cannot_be_recorded_is_not_read():
    """No record, no question: the table is not touched."""
    table = Counting()
    async with a_client_before(table, MemoryRecorder(fails=True)) as client:
        with pytest.raises(LedgerError):
            await asked(client)
    assert table.reads == 0
    assert table.closed


async def test_a_table_that_hangs_is_cut_and_stays_on_record():
    """The deadline is kept though the thread is not done, and the outcome says so."""
    release, recorder = threading.Event(), MemoryRecorder()

    def hang():
        release.wait(10)
        return TableRows(as_of="2026-01-01", rows=[])

    async with a_client_before(Counting(hang), recorder) as client:
        call = client.call(SPEC, "rows", a_query(seconds=0.2))
        with pytest.raises(SourceUnavailable) as caught:
            await call.post("rows", msgspec.json.encode(a_question()))
        release.set()
    assert caught.value.reason == "timeout"
    assert [type(entry) for entry in recorder.seen] == [Sent, Outcome]


async def test_a_cancelled_read_leaves_both_halves():
    """The client hung up; the table was asked all the same."""
    begun, release, recorder = threading.Event(), threading.Event(), MemoryRecorder()

    def hang():
        begun.set()
        release.wait(10)
        return TableRows(as_of="2026-01-01", rows=[])

    async with a_client_before(Counting(hang), recorder) as client:
        task = asyncio.create_task(asked(client))
        await asyncio.to_thread(begun.wait, 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        release.set()
    assert [entry.error for entry in recorder.outcomes] == ["cancelled"]


def refusing(error):
    def fail():
        raise error

    return fail


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (Unreachable("OperationalError"), "connect_failed"),
        (TableTrouble(503, "no delivery"), "maintenance"),
        (TableTrouble(500, "no such view or column"), "backend_fault"),
    ],
)
async def test_trouble_is_said_as_of_any_source(error, reason):
    """The breaker and the retries learn what they learn from a socket."""
    async with a_client_before(Counting(refusing(error))) as client:
        with pytest.raises(SourceError) as caught:
            await asked(client)
    assert caught.value.reason == reason


@pytest.mark.parametrize("body", [b"", b"{}", b"[" * 5000, b"\xff", b'{"table":"x","sql":"drop"}'])
async def test_what_is_no_question_is_refused(body):
    """The transport takes questions about tables and nothing else."""
    table = Counting()
    async with a_client_before(table) as client:
        answer = await client.call(SPEC, "rows", a_query()).post("rows", body)
    assert (answer.status, table.reads) == (400, 0)


async def test_too_many_bytes_are_too_many_here_too():
    """The cap of the operation holds below the table as below a socket."""
    wide = TableRows(as_of="2026-01-01", rows=[{"x": "y" * 5_000_000}])
    async with a_client_before(Counting(lambda: wide)) as client:
        with pytest.raises(SourceMalformed) as caught:
            await asked(client)
    assert caught.value.reason == "too_large"


HOSTILE = ("'; drop table kept; --", "99000002K' or '1'='1", "\x00", "%", "99000002K\n;")


@pytest.mark.parametrize("value", HOSTILE)
async def test_a_value_is_a_value(value, tmp_path):
    """It is bound, never written into a statement; the view stays as it was."""
    address = a_database(tmp_path / "x.db")
    async with a_client_of(address) as client:
        assert (await asked(client, value=value))["rows"] == []
        assert (await asked(client))["count"] == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"table": 'members"; drop table kept; --'},
        {"columns": ("document", 'name" from kept; --')},
        {"key": "document = document or 1"},
        {"columns": ("document", "not_there")},
        {"table": "not_there"},
        {"as_of": "not_there"},
    ],
)
async def test_a_name_that_is_not_there_is_the_sources_fault(changes, tmp_path):
    """Names are quoted: nothing but a column of that name is one."""
    address = a_database(tmp_path / "x.db")
    async with a_client_of(address) as client:
        with pytest.raises(SourceUnavailable) as caught:
            await asked(client, **changes)
        assert caught.value.reason == "backend_fault"
        assert (await asked(client))["count"] == 2


async def test_a_view_is_read_only_and_says_its_day(tmp_path):
    """As of the newest day in the declared column; the file is opened for reading."""
    address = a_database(tmp_path / "x.db")
    async with a_client_of(address) as client:
        assert (await asked(client, as_of="since"))["asOf"] == "2020-01-31"
        probe = await asked(client, value=None)
    assert probe["rows"] == []
    from hub.wire.table_sql import SqlTable

    table = SqlTable(address.removeprefix("table+"))
    with table._engine.connect() as connection:
        raw = connection.connection.dbapi_connection
        assert isinstance(raw, sqlite3.Connection)
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            raw.execute("delete from kept")


ENDLESS = """create view endless as with recursive n(i) as (select 1 union all select i + 1 from n)
select '99000002K' as document, 'x' as name, 'y' as since from n where i < 0"""


async def test_a_view_that_never_ends_is_ended(tmp_path, monkeypatch):
    """The read has a time limit of its own: its thread is free again, and says why."""
    monkeypatch.setattr(table_sql, "STATEMENT_MS", 1)
    address = a_database(tmp_path / "x.db")
    with closing(sqlite3.connect(tmp_path / "x.db")) as connection:
        connection.execute(ENDLESS)
    async with a_client_of(address) as client:
        for _ in range(module.THREADS + 1):
            answer = await client.call(SPEC, "rows", a_query()).post(
                "rows", msgspec.json.encode(a_question(table="endless"))
            )
            assert answer.status == 500
            assert b"the query took too long" in answer.body
        monkeypatch.undo()
        assert (await asked(client))["count"] == 2


async def test_a_database_that_is_not_there_refuses_the_connection(tmp_path):
    """No file is made where there is none."""
    async with a_client_of(f"table+sqlite://{tmp_path}/none.db") as client:
        with pytest.raises(SourceUnavailable) as caught:
            await asked(client)
    assert caught.value.reason == "connect_failed"
    assert list(tmp_path.iterdir()) == []


async def test_more_rows_than_are_given_are_said(tmp_path, monkeypatch):
    """The answer says that it is cut, from a view as from a delivery."""
    rows = [["99000002K", str(n), None] for n in range(module.MOST_ROWS + 1)]
    (tmp_path / "d").mkdir()
    deliver(tmp_path / "d", "members_20260801.csv", as_csv(rows), len(rows))
    for address in (a_database(tmp_path / "x.db", rows), f"table+file://{tmp_path}/d"):
        async with a_client_of(address) as client:
            found = await asked(client)
        assert (found["truncated"], found["count"]) == (True, module.MOST_ROWS)


@pytest.mark.parametrize("url", ["http://a.test/", "https://a.test/table+file:///x"])
def test_other_addresses_are_no_tables(url):
    """A table is asked for by its scheme alone."""
    assert open_table(url) is None


def test_an_empty_view_has_no_day(tmp_path):
    """A view without rows says nothing about a day, and nothing is guessed."""
    from hub.wire.table_sql import SqlTable

    table = SqlTable(a_database(tmp_path / "x.db", []).removeprefix("table+"))
    with pytest.raises(TableTrouble):
        table.read(a_question(as_of="since"))
