"""Queries, recorders and clients for a connector's tests, each with one call."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Mapping

import httpx

from hub.core.connector import Query, Subject
from hub.core.document import Document, parse_document
from hub.core.errors import LedgerError
from hub.core.exchange import Outcome, Sent, SourceRecord
from hub.core.moment import new_id
from hub.core.people import people_named
from hub.core.policy import Access, Caller, Official
from hub.wire.client import SourceClient, open_client

NOW = dt.datetime(2026, 11, 22, 12, 0, tzinfo=dt.UTC)
CITIZEN = "99000002K"


class MemoryRecorder:
    """Keeps exchanges in a list; can refuse to write."""

    def __init__(self, *, fails: bool = False) -> None:
        self.seen: list[Sent | Outcome] = []
        self.fails = fails

    async def record(self, entry: Sent | Outcome) -> None:
        """Keep *entry*, or raise LedgerError."""
        await asyncio.sleep(0)
        if self.fails:
            raise LedgerError("the test's ledger refuses")
        self.seen.append(entry)

    @property
    def sent(self) -> list[Sent]:
        """The requests on record."""
        return [entry for entry in self.seen if isinstance(entry, Sent)]

    @property
    def outcomes(self) -> list[Outcome]:
        """The outcomes on record."""
        return [entry for entry in self.seen if isinstance(entry, Outcome)]


class MemoryWitness:
    """Keeps the people whom answers name; can refuse to write, and erase what is on record."""

    def __init__(self, *, fails: bool = False) -> None:
        self.seen: list[tuple[str, frozenset[Document]]] = []
        self.erased: set[str] = set()
        self.fails = fails

    async def note(self, query: Query, record: SourceRecord) -> None:  # noqa: ARG002 - the port's
        """Keep whom *record* names, or raise LedgerError."""
        await asyncio.sleep(0)
        if self.fails:
            raise LedgerError("the test's ledger refuses")
        self.seen.append((record.operation, people_named(record.payload)))

    async def is_open(self, record: SourceRecord) -> bool:
        """Whether none of its exchanges is among the `erased`."""
        return self.erased.isdisjoint(record.exchanges)


def an_access(number: str = CITIZEN, **changes: object) -> Access:
    """An access of a citizen to their own data, or as *changes* say."""
    document = parse_document(number)
    values: dict[str, object] = {
        "id": new_id(),
        "caller": Caller(
            issuer="https://issuer.test",
            subject_id="opaque",
            audience="citizen",
            scopes=frozenset({"special_categories"}),
            assurance="substantial",
            document=document,
        ),
        "subject": document,
        "subject_names": {},
        "purpose": "self_service",
        "legal_basis": "GDPR art. 6.1.e",
        "retention": "citizen",
        "began_at": NOW,
        "expires_at": NOW + dt.timedelta(hours=1),
    }
    return Access(**{**values, **changes})  # type: ignore[arg-type]


def an_official_access(number: str = CITIZEN, **changes: object) -> Access:
    """An official's access for the nursery admission of a child of the subject."""
    values: dict[str, object] = {
        "purpose": "nursery_admission",
        "legal_basis": "Ley 39/2015 art. 28",
        "procedure": "MAD_ESC_INF",
        "procedure_name": "Admisión en escuelas infantiles",
        "case_file": "EI/2026/000001",
        "consent": "given",
        "official": Official(
            full_name="FUNCIONARIA DE PRUEBA",
            document=parse_document("99000100G"),
            processing_unit="Departamento de Escuelas Infantiles",
        ),
    }
    return an_access(number, **{**values, **changes})


def a_query(
    number: str = CITIZEN,
    *,
    seconds: float = 5.0,
    access: Access | None = None,
    names: Mapping[str, str] | None = None,
    wanted: Mapping[str, frozenset[str]] | None = None,
) -> Query:
    """A query about *number* that ends in *seconds*; call it inside a running loop."""
    given = names or {}
    return Query(
        subject=Subject(
            document=parse_document(number),
            given_name=given.get("given_name"),
            first_surname=given.get("first_surname"),
            second_surname=given.get("second_surname"),
        ),
        access=access or an_access(number),
        as_of=NOW,
        wanted=wanted or {},
        deadline=asyncio.get_running_loop().time() + seconds,
        request=new_id(),
    )


def a_client(
    source: str,
    url: str,
    recorder: MemoryRecorder | None = None,
    *,
    transport: httpx.AsyncBaseTransport | None = None,
    keeps_cookies: bool = False,
) -> SourceClient:
    """A real client of *url*; with *transport* it stops at that seam instead of a socket."""
    return open_client(
        source,
        url,
        recorder or MemoryRecorder(),
        transport=transport,
        keeps_cookies=keeps_cookies,
    )
