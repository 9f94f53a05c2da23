"""An OData v2 service by pyslet, which knows nothing of us, with entities that a test gives it.

pyslet was last released in 2017: it wants the abstract classes where Python 3.9 had them,
and its sources raise warnings about escapes when they are compiled.
"""

from __future__ import annotations

import collections
import collections.abc
import datetime as dt
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

_GONE = [
    "Mapping",
    "MutableMapping",
    "Sequence",
    "Iterable",
    "Callable",
    "Set",
    "MutableSet",
    "Hashable",
    "Sized",
]
_CONTAINER = "ZTRM_CARPETA_SRV.ZTRM_CARPETA_SRV_Entities"

Entities = Sequence[Mapping[str, Any]]


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Say nothing: request lines hold identifiers."""


@contextmanager
def pyslet_serving(
    metadata: Path, taxpayers: Mapping[str, Entities], sets: Mapping[str, Entities], page: int
) -> Iterator[str]:
    """The service's address; *taxpayers* gives the accounts of each, *sets* the other rows.

    Pages have *page* rows.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        server = WSGIServer(("127.0.0.1", 0), _Quiet)
        root = f"http://127.0.0.1:{server.server_port}/sap/opu/odata/sap/ZTRM_CARPETA_SRV/"
        server.set_app(_application(metadata, root, taxpayers, sets, page))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield root
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


def _application(
    metadata: Path,
    root: str,
    taxpayers: Mapping[str, Entities],
    sets: Mapping[str, Entities],
    page: int,
) -> Any:
    for name in _GONE:
        setattr(collections, name, getattr(collections.abc, name))
    from pyslet.odata2.metadata import Document
    from pyslet.odata2.server import Server
    from pyslet.odata2.sqlds import SQLiteEntityContainer

    document = Document()
    with metadata.open("rb") as file:
        document.read(file)
    services = document.root.DataServices
    store = SQLiteEntityContainer(file_path=":memory:", container=services[_CONTAINER])
    store.create_all_tables()
    for number, accounts in taxpayers.items():
        _insert_taxpayer(services, number, accounts)
    for name, rows in sets.items():
        with services[f"{_CONTAINER}.{name}"].open() as collection:
            for row in rows:
                collection.insert_entity(_filled(collection.new_entity(), row))
    server = Server(serviceRoot=root)
    server.set_model(document)
    server.topmax = page
    return _behind_gateway(server)


def _insert_taxpayer(services: Any, number: str, accounts: Entities) -> None:
    with services[f"{_CONTAINER}.Taxpayers"].open() as collection:
        taxpayer = _filled(collection.new_entity(), {"TaxNumber": number})
        collection.insert_entity(taxpayer)
    with taxpayer["Accounts"].open() as collection:
        for account in accounts:
            collection.insert_entity(_filled(collection.new_entity(), account))


def _filled(entity: Any, row: Mapping[str, Any]) -> Any:
    from pyslet.iso8601 import TimePoint

    for name, value in row.items():
        given = TimePoint.from_str(f"{value}T00:00:00") if isinstance(value, dt.date) else value
        if given is not None:
            entity[name].set_from_value(given)
    return entity


def _behind_gateway(server: Any) -> Any:
    """Pyslet asks nobody who they are: a Gateway does, so its absence would prove nothing."""

    def application(environ: dict[str, Any], start_response: Any) -> Any:
        if not environ.get("HTTP_AUTHORIZATION", "").startswith("Basic "):
            start_response("401 Unauthorized", [("Content-Type", "text/html")])
            return [b"<html></html>"]
        return server(environ, start_response)

    return application
