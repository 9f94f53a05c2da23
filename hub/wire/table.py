"""A table as a source: the innermost transport answers in process, from a database or a delivery.

A connector asks a table as it asks any system, by a message; here the message is answered by a
read of one view, or of the newest acceptable file of a folder. Everything above stays what it is:
the question is durable before the table is touched, the answer before anybody sees it, and
deadline, caps, breaker and kill switch count for it (ADR 76). The addresses:

* `table+sqlite:///srv/x.db` and `table+postgresql://user@host/db`: a view, read with SQL;
* `table+file:///srv/deliveries/`: dated deliveries, CSV or Excel (`hub.wire.table_delivery`).

Blocking reads run in threads of their own, few, so that a hung database holds up nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

import httpx
import msgspec
from msgspec import Struct

SCHEME = "table+"
MOST_ROWS = 500
"""More rows of one person are not given; the answer says that there are more."""
THREADS = 4

T = TypeVar("T")


class Delivery(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """How a delivery is written, and what it must keep to be believed."""

    delimiter: str = ";"
    encoding: str = "utf-8"
    unique: tuple[str, ...] = ()
    """The columns that no two rows may share; empty: no two rows are the same."""
    keep_share: float = 0.9
    """The least part of the rows before it that a delivery must have."""


class TableQuestion(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """The rows of *table* in which *key* is *value*; without a value, whether it can be read."""

    table: str
    columns: tuple[str, ...]
    key: str
    value: str | None = None
    reference: str = ""
    as_of: str | None = None
    """The column with the day whose state the table shows; None: the day of reading, or that of
    the delivery."""
    delivery: Delivery = Delivery()


class TableRows(Struct, frozen=True, kw_only=True):
    """What was found. Each cell is text or None."""

    as_of: str
    """The day whose state the rows show."""
    rows: list[dict[str, str | None]]
    truncated: bool = False
    delivery: str | None = None
    """The delivery that was read, by its file's name."""
    refused: Mapping[str, str] = {}
    """Newer deliveries that were not believed, by name, and why."""


class TableTrouble(Exception):
    """The table cannot be read; *status* is what an HTTP source would say. Holds no value."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status, self.why = status, why


class Unreachable(Exception):
    """There is no connection to the database."""


class Table(Protocol):
    """Something with rows; its calls block."""

    def read(self, question: TableQuestion) -> TableRows:
        """The rows; raises TableTrouble or Unreachable."""
        ...

    def close(self) -> None:
        """Let go of every connection and of what is kept in memory."""
        ...


class TableTransport(httpx.AsyncBaseTransport):
    """Answers `POST …/rows` and `POST …/status` from a Table."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self._threads = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="table")

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            question = msgspec.json.decode(await request.aread(), type=TableQuestion)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return _said(400, {"error": "not a question about a table"})
        try:
            found = await self._apart(lambda: self._table.read(question))
        except TableTrouble as trouble:
            return _said(trouble.status, {"error": trouble.why})
        except Unreachable as error:
            raise httpx.ConnectError("no connection to the database") from error
        return _said(200, _answer(question, found))

    async def _apart(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    async def aclose(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._table.close()


def open_table(url: str) -> TableTransport | None:
    """The transport of the table at *url*; None for an address that is no table's."""
    if not url.startswith(SCHEME):
        return None
    from hub.wire.table_delivery import DeliveredTable
    from hub.wire.table_sql import SqlTable

    address = url.removeprefix(SCHEME)
    if address.startswith("file://"):
        return TableTransport(DeliveredTable(address.removeprefix("file://")))
    return TableTransport(SqlTable(address))


def _answer(question: TableQuestion, found: TableRows) -> dict[str, Any]:
    return {
        "asked": {"value": question.value, "reference": question.reference},
        "asOf": found.as_of,
        "delivery": found.delivery,
        "refused": dict(found.refused),
        "truncated": found.truncated,
        "count": len(found.rows),
        "rows": found.rows,
    }


def _said(status: int, value: object) -> httpx.Response:
    """An answer whose body is read as raw bytes, like that of a socket."""
    body = msgspec.json.encode(value)
    headers = {"content-type": "application/json", "content-length": str(len(body))}
    return httpx.Response(status, headers=headers, stream=httpx.ByteStream(body))
