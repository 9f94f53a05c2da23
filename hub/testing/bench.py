"""One connector on the workbench: opened as the hub opens it, with a recorder for a ledger.

Its simulator, where it has one, plays on a loopback socket; nothing else is ever called.
"""

from __future__ import annotations

import importlib.util
import inspect
import re
import shutil
import ssl
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import msgspec
from msgspec import Struct

from hub.core.connector import Connector, Query, Spec
from hub.core.errors import SettingsError
from hub.core.exchange import SourceRecord
from hub.core.limits import SourceLimits
from hub.mapping import Mapping, load_mapping
from hub.position.outside import Model, model_with
from hub.position.sources import contract_folder, mappings_folder, read_spec
from hub.sandbox.prepare import prepare_sandbox
from hub.sandbox.runner import open_sandbox
from hub.sandbox.sandbox import Sandbox
from hub.sandbox.sources import SimulatedSource
from hub.settings import Sandbox as SandboxSettings
from hub.settings import Settings, SourceSettings, load_settings
from hub.tables import convert_table, with_secrets
from hub.testing.builders import CITIZEN, MemoryRecorder, a_query, an_official_access
from hub.testing.transport import Answering, Nowhere, Played, Watched
from hub.wire.client import open_client

OTHER = "99000012P"
"""Somebody else: who must never see what was answered about CITIZEN."""
NAMES = {"given_name": "Canario", "first_surname": "Muñoz"}
PATIENT_S = 5.0
_FETCH = r"def fetch\("
_NEVER_SPARED = SourceLimits(min_calls=1_000_000)
"""A breaker that stays closed: each case is asked, whatever the ones before it did."""


class Opened(Struct, frozen=True, kw_only=True):
    """A connector that can be asked, and what it did."""

    connector: Connector
    recorder: MemoryRecorder
    watched: Watched


class Bench(Struct, frozen=True, kw_only=True):
    """A connector, its folders, its configuration, and its simulator where it has one."""

    name: str
    module: ModuleType
    spec: Spec
    table: SourceSettings
    settings: Settings
    model: Model
    sandbox: Sandbox | None

    @property
    def folder(self) -> Path:
        """The connector's own folder."""
        return Path(str(self.module.__file__)).parent

    @property
    def mappings(self) -> Path:
        """The folder of its mappings."""
        return mappings_folder(self.module, self.spec)

    @property
    def contract(self) -> Path:
        """The folder of its contract."""
        return contract_folder(self.mappings)

    @property
    def operations(self) -> tuple[str, ...]:
        """The names of its operations."""
        return tuple(operation.name for operation in self.spec.operations)

    @property
    def own_faults(self) -> frozenset[str]:
        """The fault modes that its simulator declares."""
        return self.sandbox.own_faults(self.name) if self.sandbox else frozenset()

    def mapping(self, block: str) -> Mapping:
        """The mapping of *block*; MappingError for one with mistakes."""
        type_, converters = self.model.blocks[block].type, self.model.converters
        return load_mapping(self.mappings, block, type_, converters=converters)

    def query(self, number: str = CITIZEN, *, like: Query | None = None, **how: Any) -> Query:
        """An official's query with procedure and names; *like* gives it that one's ids."""
        access = an_official_access(number)
        if like is not None:
            access = msgspec.structs.replace(access, id=like.access.id)
        made = a_query(number, access=access, names=NAMES, **{"seconds": PATIENT_S, **how})
        return made if like is None else msgspec.structs.replace(made, request=like.request)

    @asynccontextmanager
    async def opened(
        self,
        asked: Answering | None = None,
        *,
        recorder: MemoryRecorder | None = None,
    ) -> AsyncIterator[Opened]:
        """The connector in front of its simulator; *asked* answers for it about people."""
        kept = recorder or MemoryRecorder()
        inner = _loopback() if self.sandbox else Nowhere()
        watched = Watched(kept, inner, asked)
        client = open_client(
            self.name,
            self._url(),
            kept,
            egress=self.table.egress,
            keeps_cookies=self.table.cookies,
            transport=watched,
            limits=_NEVER_SPARED,
        )
        options = convert_table(
            self.table.settings, self.module.Settings, self.settings.root, self.name
        )
        try:
            connector = self.module.open_connector(client, options)
            yield Opened(connector=connector, recorder=kept, watched=watched)
        finally:
            await client.aclose()

    async def genuine(
        self, world: Opened, operation: str, query: Query
    ) -> tuple[SourceRecord, list[Played]]:
        """What the simulator answers to *query*, and its answers one by one."""
        world.watched.afresh(None)
        world.watched.keeps = True
        try:
            record = await world.connector.fetch(operation, query)
        finally:
            world.watched.keeps = False
        return record, list(world.watched.answers)

    def line(self, pattern: str) -> str:
        """`file:line` of the first line of the connector that *pattern* matches; else of its `fetch`."""
        for path in self.sources():
            for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
                if re.search(pattern, line):
                    return f"{self.shown(path)}:{number}"
        return self.shown(self.folder / "connector.py") if pattern == _FETCH else self.fetch_line()

    def fetch_line(self) -> str:
        """Where the connector's `fetch` begins."""
        return self.line(_FETCH)

    def sources(self) -> list[Path]:
        """The connector's Python files without its simulator, and what it shares with others."""
        own = [
            path
            for path in sorted(self.folder.rglob("*.py"))
            if "simulator" not in path.relative_to(self.folder).parts[0]
        ]
        return [*own, *self._shared(own)]

    def _shared(self, own: list[Path]) -> list[Path]:
        """The modules beside the connector's folder that *own* files import."""
        package = self.module.__name__.rpartition(".")[0]
        if not package:
            return []
        imports = re.compile(rf"^\s*(?:from|import) {re.escape(package)}\.([\w.]+)", re.MULTILINE)
        names = {name for path in own for name in imports.findall(path.read_text("utf-8"))}
        found = (self.folder.parent / f"{name.replace('.', '/')}.py" for name in sorted(names))
        return [path for path in found if path.is_file() and self.folder not in path.parents]

    def shown(self, path: Path) -> str:
        """*path* from the folder that the connector's package stands in."""
        for above in (self.folder.parent.parent, self.folder.parent):
            if path.is_relative_to(above):
                return path.relative_to(above).as_posix()
        return path.name

    def raised_at(self, error: BaseException) -> str:
        """The deepest line of the connector that *error* passed through."""
        found, trace = "", error.__traceback__
        while trace is not None:
            path = Path(inspect.getfile(trace.tb_frame))
            if path.is_relative_to(self.folder):
                found = f"{self.shown(path)}:{trace.tb_lineno}"
            trace = trace.tb_next
        return found or self.fetch_line()

    def _url(self) -> str:
        given = httpx.URL(self.table.url)
        if self.sandbox is None:
            return str(given)
        return f"{self.sandbox.url(self.name)}{given.raw_path.decode()}"


@asynccontextmanager
async def open_bench(config: Path, wanted: str) -> AsyncIterator[Bench]:
    """The source that *config* calls *wanted*, or whose module is *wanted*, on the bench.

    Keys and secrets are made anew in a folder of their own: the real ones are not touched.
    Raises SettingsError for a source that is not there or cannot be loaded.
    """
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hub-bench-")))
        settings = _beside(config, folder)
        name = _named(settings, wanted)
        table = settings.sources[name]
        settings = msgspec.structs.replace(settings, sources={name: table})
        module, spec = read_spec(name, table)
        prepare_sandbox(settings)
        sandbox = None
        if _has_simulator(table.module):
            played = SimulatedSource(
                name=name, module=table.module, settings=with_secrets(table.settings, folder)
            )
            keys = settings.path(settings.keys)
            running = await stack.enter_async_context(open_sandbox([played], keys=keys))
            sandbox = running.sandbox
        yield Bench(
            name=name,
            module=module,
            spec=spec,
            table=table,
            settings=settings,
            model=model_with([(name, module)]),
            sandbox=sandbox,
        )


def _loopback() -> httpx.AsyncHTTPTransport:
    """Without the machine's certificates, which take longer to load than a case to run."""
    return httpx.AsyncHTTPTransport(verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), trust_env=False)


def _beside(config: Path, folder: Path) -> Settings:
    shutil.copy(config, folder / "hub.toml")
    settings = load_settings(folder / "hub.toml", {})
    return msgspec.structs.replace(settings, sandbox=settings.sandbox or SandboxSettings())


def _named(settings: Settings, wanted: str) -> str:
    for name, table in settings.sources.items():
        if wanted in (name, table.module):
            return name
    known = ", ".join(settings.sources)
    raise SettingsError([f"no source is called {wanted} or has that module; there are: {known}"])


def _has_simulator(module: str) -> bool:
    return importlib.util.find_spec(f"{module}.simulator") is not None
