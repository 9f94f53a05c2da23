"""The same view in PostgreSQL, in a server of the test's own; skips where none can be started."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from hub.wire.table import TableTrouble, Unreachable
from hub.wire.table_sql import SqlTable
from tests.support.running import free_port
from tests.unit.wire.tables import COLUMNS, ROWS, a_question

SETUP = """
create table kept (document text, name text, since date, amount numeric, secret text);
create view members as select * from kept;
create schema other; create view other."Socios" as select * from kept;
"""


def nobody():
    """PostgreSQL refuses to run as root: then as somebody without rights."""
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam("nobody")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


@pytest.fixture(scope="module")
def server():
    """The port of a server with the table, on loopback; trust, because it dies with the test."""
    if shutil.which("initdb") is None or shutil.which("postgres") is None:
        pytest.skip("PostgreSQL (initdb, postgres) is not installed here")
    folder = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))
    who = nobody()
    if who:
        os.chown(folder, who["user"], who["group"])
    data, port = folder / "data", free_port()
    made = subprocess.run(
        ["initdb", "-D", data, "-U", "hub", "--auth=trust", "--no-sync", "-E", "UTF8"],
        capture_output=True, text=True, check=False, cwd=folder, **who,
    )  # fmt: skip
    if made.returncode != 0:
        shutil.rmtree(folder)
        pytest.skip(f"no PostgreSQL cluster can be made here: {made.stderr[-200:]}")
    running = subprocess.Popen(
        ["postgres", "-D", data, "-p", str(port), "-h", "127.0.0.1", "-k", folder, "-F"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder, **who,
    )  # fmt: skip
    try:
        fill(port)
        yield port
    finally:
        running.terminate()
        running.wait(timeout=30)
        shutil.rmtree(folder)


def fill(port):
    """Wait until the server answers, and put the rows into it."""
    import psycopg

    for _ in range(200):
        try:
            connection = psycopg.connect(f"host=127.0.0.1 port={port} user=hub dbname=postgres")
            break
        except psycopg.OperationalError:
            subprocess.run(["sleep", "0.1"], check=True)
    with connection:
        connection.execute(SETUP)
        for row in ROWS:
            connection.execute("insert into kept values (%s, %s, %s, 12.50, 'sealed')", row)


@pytest.fixture
def table(server):
    """The table behind its address."""
    found = SqlTable(f"postgresql://hub@127.0.0.1:{server}/postgres")
    yield found
    found.close()


def test_the_view_gives_what_every_other_form_gives(table):
    """Dates and numbers become the text that a file would have."""
    found = table.read(a_question())
    wanted = [dict(zip(COLUMNS, row, strict=True)) for row in ROWS if row[0] == "99000002K"]
    assert sorted(found.rows, key=str) == sorted(wanted, key=str)
    [old] = table.read(a_question("99000013D", columns=("amount",))).rows
    assert old == {"amount": "12.50"}


def test_a_view_of_another_schema_has_its_name_as_it_is_written(table):
    """`other.Socios` is quoted, so that capitals count."""
    assert len(table.read(a_question(table="other.Socios")).rows) == 2
    with pytest.raises(TableTrouble):
        table.read(a_question(table="other.socios"))


def test_the_newest_day_is_the_day_of_the_table(table):
    """As of the column that was declared."""
    assert table.read(a_question(as_of="since")).as_of == "2020-01-31"


@pytest.mark.parametrize(
    "changes",
    [
        {"table": 'members"; drop table kept; --'},
        {"columns": ("document", 'name" from kept; --')},
        {"key": "document = document or 1"},
        {"table": "not_there"},
    ],
)
def test_a_name_that_is_not_there_is_the_sources_fault(table, changes):
    """Names are quoted: nothing but a column of that name is one."""
    with pytest.raises(TableTrouble):
        table.read(a_question(**changes))
    assert len(table.read(a_question()).rows) == 2


@pytest.mark.parametrize("value", ["'; drop table kept; --", "99000002K' or '1'='1", "%"])
def test_a_value_is_a_value(table, value):
    """It is bound by the driver."""
    assert table.read(a_question(value)).rows == []


def test_a_person_is_found_in_any_spelling(server, table):
    """Small letters and the blanks of a `char(12)` hide nobody, and an index can be used."""
    import psycopg

    with psycopg.connect(f"host=127.0.0.1 port={server} user=hub dbname=postgres") as connection:
        connection.execute("create table typed (document char(12), name text, since date)")
        connection.execute("create index on typed (upper(trim(document)))")
        connection.execute("insert into typed values ('99000014x', 'a', null)")
    assert len(table.read(a_question("99000014X", table="typed")).rows) == 1


def test_nothing_can_be_written(table):
    """Each transaction is read only, whatever the role may do."""
    import sqlalchemy

    with (
        table._engine.connect() as connection,
        pytest.raises(sqlalchemy.exc.InternalError, match="read-only"),
    ):
        connection.execute(sqlalchemy.text("delete from kept"))


def test_a_slow_view_is_cut_by_the_server(table):
    """The statement has a time limit of its own, and the reason says so."""
    import sqlalchemy

    with table._engine.connect() as connection:
        limit = connection.execute(sqlalchemy.text("show statement_timeout")).scalar()
    assert limit == "3s"


def test_a_server_that_is_gone_refuses_the_connection():
    """The breaker learns that nothing is there; no address is quoted."""
    with pytest.raises(Unreachable) as caught:
        SqlTable(f"postgresql://hub@127.0.0.1:{free_port()}/postgres").read(a_question())
    assert "hub@" not in str(caught.value)
