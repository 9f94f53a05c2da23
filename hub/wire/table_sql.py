"""Read one view of a database: SQLAlchemy Core, bound values, quoted names, read only."""

from __future__ import annotations

import sqlite3
import time
from functools import partial
from urllib.parse import quote, unquote

from sqlalchemy import (
    Connection,
    Engine,
    Select,
    TableClause,
    column,
    create_engine,
    func,
    select,
    table,
)
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import NullPool

from hub.core.moment import Clock, utc_now
from hub.wire.table import (
    MOST_ROWS,
    TableQuestion,
    TableRows,
    TableTrouble,
    Unreachable,
)
from hub.wire.table_cell import cell, normal

STATEMENT_MS = 3000
CONNECT_S = 2
STEPS = 10_000
"""Steps of SQLite's machine between two looks at the clock: a millisecond or less."""
_QUERY_CANCELED = "57014"
"""PostgreSQL's code of a statement that took longer than it may."""


class SqlTable:
    """A database behind an address; connections are opened when they are needed."""

    def __init__(self, address: str, clock: Clock = utc_now) -> None:
        self._engine, self._clock = _engine(address), clock

    def read(self, question: TableQuestion) -> TableRows:
        try:
            with self._engine.connect() as connection:
                return self._read(connection, question)
        except (OperationalError, InterfaceError, PoolTimeout) as error:
            if isinstance(error, DBAPIError) and (why := _why(error)):
                raise TableTrouble(500, why) from None
            raise Unreachable(type(error).__name__) from None
        except SQLAlchemyError as error:
            raise TableTrouble(500, type(error).__name__) from None
        except TypeError as error:
            raise TableTrouble(500, str(error)) from None

    def close(self) -> None:
        self._engine.dispose()

    def _read(self, connection: Connection, question: TableQuestion) -> TableRows:
        as_of = self._clock().date().isoformat()
        if question.as_of is not None:
            day = connection.execute(_latest(question, question.as_of)).scalar()
            if day is None:
                raise TableTrouble(503, "the view has no rows, and so no day")
            as_of = (cell(day) or "")[:10]
        found = [
            {name: cell(value) for name, value in zip(question.columns, row, strict=True)}
            for row in connection.execute(_rows(question))
        ]
        return TableRows(as_of=as_of, rows=found[:MOST_ROWS], truncated=len(found) > MOST_ROWS)


def _rows(question: TableQuestion) -> Select[tuple[object, ...]]:
    """Of the declared columns alone; one more than is given, to know that there are more.

    The key is found in any spelling, as in a delivery: "none" for another one would be false.
    """
    view = _view(question)
    chosen = select(*(view.c[name] for name in question.columns))
    if question.value is not None:
        key = func.upper(func.trim(view.c[question.key]))
        chosen = chosen.where(key == normal(question.value))
        return chosen.order_by(*view.c.values()).limit(MOST_ROWS + 1)
    return chosen.limit(0)


def _latest(question: TableQuestion, name: str) -> Select[tuple[object]]:
    return select(func.max(column(name))).select_from(_view(question))


def _view(question: TableQuestion) -> TableClause:
    schema, _, name = question.table.rpartition(".")
    names = dict.fromkeys((*question.columns, question.key))
    return table(name, *(column(each) for each in names), schema=schema or None)


def _why(error: DBAPIError) -> str | None:
    """What an operational error is about, where that is not the connection."""
    if isinstance(error.orig, sqlite3.OperationalError) and "no such" in str(error.orig):
        return "no such view or column"
    is_cut = getattr(error.orig, "sqlstate", None) == _QUERY_CANCELED
    is_cut |= getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT
    return "the query took too long" if is_cut else None


def _engine(address: str) -> Engine:
    if address.startswith("sqlite:"):
        path = unquote(address.removeprefix("sqlite://").partition("?")[0])
        connect = partial(_connect, f"file:{quote(path)}?mode=ro")
        return create_engine("sqlite://", creator=connect, poolclass=NullPool, hide_parameters=True)
    scheme, _, rest = address.partition("://")
    return create_engine(
        f"{scheme}+psycopg://{rest}",
        pool_size=4,
        max_overflow=0,
        pool_timeout=CONNECT_S,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={
            "connect_timeout": CONNECT_S,
            "options": f"-c statement_timeout={STATEMENT_MS} -c default_transaction_read_only=on",
        },
    )


def _connect(uri: str) -> sqlite3.Connection:
    """A connection for one read, which SQLite itself ends when its time is over."""
    connection = sqlite3.connect(uri, timeout=CONNECT_S, uri=True, check_same_thread=False)
    ends = time.monotonic() + STATEMENT_MS / 1000
    connection.set_progress_handler(lambda: time.monotonic() > ends, STEPS)
    return connection
