"""The parts that a bulk request needs, wired: ledger, policy, one source; one run at a time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from hub.api.callers import Callers, open_callers
from hub.core.errors import LedgerError, SettingsError
from hub.core.moment import Clock, utc_now
from hub.ledger.bulk_keys import BulkKeys, BulkRecorder
from hub.ledger.jobs import Jobs
from hub.ledger.open import open_ledger
from hub.ledger.recorder import LedgerRecorder
from hub.ledger.sqlite import SqliteLedger
from hub.position.bulk import BulkDesk
from hub.position.desk import Desk
from hub.position.outside import model_of
from hub.position.purposes import load_purposes
from hub.position.sources import load_sources, read_spec
from hub.settings import Settings, shipped
from hub.tables import convert_table
from hub.wire.bulk import BulkConnector


class Bench(Struct, frozen=True, kw_only=True):
    """Everything open, for one source."""

    source: str
    desk: Desk
    ledger: SqliteLedger
    jobs: Jobs
    connector: BulkConnector
    runner: BulkDesk
    callers: Callers


@asynccontextmanager
async def open_bench(
    settings: Settings, source: str, clock: Clock = utc_now
) -> AsyncIterator[Bench]:
    """The bench for the length of a `with` block.

    Raises SettingsError for what cannot be opened, and LedgerError while another process
    works on bulk requests of the same ledger.
    """
    file = settings.path(settings.ledger.file)
    if not file.exists():
        raise SettingsError([f"there is no ledger at {settings.ledger.file}: start the hub first"])
    with _alone(file):
        ledger = open_ledger(
            file, settings.path(settings.keys), origin=settings.ledger.origin, clock=clock
        )
        try:
            bench = _wired(settings, source, ledger, clock)
            try:
                yield bench
            finally:
                await bench.callers.aclose()
                await bench.desk.sources.aclose()
        finally:
            await ledger.close()


def _wired(settings: Settings, source: str, ledger: SqliteLedger, clock: Clock) -> Bench:
    table = settings.sources[source]
    module, _ = read_spec(source, table)
    jobs = Jobs(ledger)
    keys = BulkKeys(jobs, ledger.keys)
    recorder = BulkRecorder(LedgerRecorder(ledger), keys)
    only = _only(settings, source)
    model = model_of(settings)
    sources = load_sources(only, recorder, model.blocks, converters=model.converters)
    contracts = settings.path(settings.contracts) if settings.contracts else shipped("contracts")
    purposes = load_purposes(contracts / "hub" / "purposes.toml", model.blocks)
    desk = Desk(sources, ledger, purposes, model.blocks, clock)
    where = f"sources.{source}.settings"
    options = convert_table(table.settings, module.Settings, settings.root, where)
    connector = _opener(module, source)(sources.by_name[source].client, options)
    return Bench(
        source=source,
        desk=desk,
        ledger=ledger,
        jobs=jobs,
        connector=connector,
        runner=BulkDesk(desk, connector, ledger, jobs, keys),
        callers=open_callers(settings, ledger, recorder, lambda _: None, clock),
    )


def _opener(module: Any, source: str) -> Any:
    opener = getattr(module, "open_bulk", None)
    if opener is None:
        raise SettingsError([f"sources.{source}: its module offers no bulk requests"])
    return opener


def _only(settings: Settings, source: str) -> Settings:
    """The settings with no other source: what is not used needs no secret and no connection."""
    return msgspec.structs.replace(settings, sources={source: settings.sources[source]})


@contextmanager
def _alone(ledger: Path) -> Iterator[None]:
    """Nobody else works on bulk requests meanwhile; a killed process leaves nothing behind."""
    handle = os.open(ledger.with_name(f"{ledger.name}.bulk-lock"), os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise LedgerError("another process works on bulk requests of this ledger") from None
    try:
        yield
    finally:
        os.close(handle)
