"""The tables: made once, for one ledger, with what they need to keep their word."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from hub.core.errors import LedgerError
from hub.ledger.schema import connect, create_file, open_reading, open_writing, prepare

IDENTITY = {"origin": "hub.test/ledger"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    create_file(tmp_path / "var" / "ledger.db")
    return tmp_path / "var" / "ledger.db"


def test_tables_are_made_once(path: Path) -> None:
    """Preparing again changes nothing."""
    with closing(open_writing(path, connect)) as db:
        prepare(db, IDENTITY)
        before = db.execute("SELECT * FROM sqlite_schema").fetchall()
        prepare(db, IDENTITY)
        assert db.execute("SELECT * FROM sqlite_schema").fetchall() == before


def test_every_table_checks_the_types_of_its_values(path: Path) -> None:
    """All tables are STRICT: a value of another kind is refused where it is written."""
    with closing(open_writing(path, connect)) as db:
        prepare(db, IDENTITY)
        tables = db.execute("SELECT name, strict FROM pragma_table_list WHERE schema = 'main'")
        assert {name for name, strict in tables if not strict} == {"sqlite_schema"}


@pytest.mark.parametrize("name", ["origin", "format"])
def test_another_ledgers_tables_are_refused(path: Path, name: str) -> None:
    """A ledger that says it is another one is not written to."""
    with closing(open_writing(path, connect)) as db:
        prepare(db, IDENTITY)
        db.execute("UPDATE meta SET value = 'other' WHERE name = ?", (name,))
        with pytest.raises(LedgerError, match=name):
            prepare(db, IDENTITY)


def test_a_reading_connection_cannot_write(path: Path) -> None:
    """Readers could not alter the ledger if they wanted to."""
    with closing(open_writing(path, connect)) as db, closing(open_reading(path)) as reader:
        prepare(db, IDENTITY)
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            reader.execute("DELETE FROM meta")


def test_a_connection_that_cannot_be_made_durable_is_closed(path: Path) -> None:
    """No half-opened connection stays behind when durability is refused."""
    opened: list[sqlite3.Connection] = []

    def in_memory(_path: Path) -> sqlite3.Connection:
        opened.append(sqlite3.connect(":memory:", isolation_level=None))
        return opened[-1]

    with pytest.raises(LedgerError, match="durable"):
        open_writing(path, in_memory)
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        opened[0].execute("SELECT 1")
