"""The composition root: settings become a wired application; knows every other module."""

from __future__ import annotations

from pathlib import Path

import httpx
import structlog
from litestar.types import ASGIApp
from msgspec import Struct

from hub.api.admission import traffic_of
from hub.api.build import build_api
from hub.api.callers import Callers, open_callers
from hub.api.context import Context
from hub.core.errors import SettingsError
from hub.core.exchange import Recorder
from hub.core.moment import Clock, utc_now
from hub.core.policy import PurposeTable
from hub.ledger.delivery import Authority, Delivery, Folder, Mailbox, Place, Post, load_roots
from hub.ledger.open import open_ledger
from hub.ledger.recorder import LedgerRecorder
from hub.ledger.sqlite import SqliteLedger
from hub.ledger.store import Ledger
from hub.position.abuse import Abuse
from hub.position.access_log import AccessLog
from hub.position.closing import Closings, WhileOpen
from hub.position.desk import Desk
from hub.position.outside import model_of
from hub.position.purposes import load_purposes
from hub.position.sources import Inner, Sources, load_sources
from hub.position.units import load_units
from hub.settings import Settings, shipped
from hub.wire.post import PostEndpoint, open_post_endpoint

log = structlog.get_logger()


class Hub(Struct, frozen=True, kw_only=True):
    """The wired parts. `asgi` opens and closes the rest by its lifespan."""

    context: Context
    callers: Callers
    endpoints: tuple[PostEndpoint, ...]
    asgi: ASGIApp

    @property
    def settings(self) -> Settings:
        """What the hub was built from."""
        return self.context.settings

    @property
    def desk(self) -> Desk:
        """Where inquiries are answered."""
        return self.context.desk

    @property
    def sources(self) -> Sources:
        """The systems that it asks."""
        return self.desk.sources

    @property
    def ledger(self) -> Ledger:
        """Where everything is on record."""
        return self.desk.ledger

    async def open(self) -> None:
        """Close what a crash left open, before anything is sent."""
        orphans = await self.ledger.close_orphans()
        await self.context.abuse.restore()
        self.callers.start()
        await self.context.delivery.start()
        log.info("hub_open", orphans_closed=orphans, sources=sorted(self.sources.by_name))

    async def close(self) -> None:
        """Finish what is owed: connections first, then the ledger's last checkpoint."""
        await self.context.delivery.aclose()
        for endpoint in self.endpoints:
            await endpoint.aclose()
        await self.callers.aclose()
        await self.desk.obtainer.aclose()
        await self.sources.aclose()
        await self.ledger.close()
        log.info("hub_closed")


def no_inner(_: str) -> httpx.AsyncBaseTransport | None:
    """The real network."""
    return None


def build_hub(
    settings: Settings,
    *,
    inner: Inner = no_inner,
    clock: Clock = utc_now,
) -> Hub:
    """The hub that *settings* describe; SettingsError lists what cannot be started with."""
    model = model_of(settings)
    blocks = model.blocks
    purposes = load_purposes(contracts_of(settings) / "hub" / "purposes.toml", blocks)
    file, keys = settings.path(settings.ledger.file), settings.path(settings.keys)
    ledger = open_ledger(file, keys, origin=settings.ledger.origin, clock=clock, index_every_s=2.0)
    recorder = LedgerRecorder(ledger)
    callers = open_callers(settings, ledger, recorder, inner, clock)
    closings = Closings(ledger, clock)
    sources = load_sources(settings, WhileOpen(recorder, closings), blocks, inner, model.converters)
    desk = Desk(sources, ledger, purposes, blocks, clock, closings, settings.cache)
    delivery, endpoints = open_delivery(settings, ledger, recorder, inner, clock)
    context = Context(
        desk=desk,
        identifier=callers.identifier,
        access_log=open_access_log(settings, ledger, purposes, clock),
        abuse=Abuse(ledger, purposes, clock),
        settings=settings,
        delivery=delivery,
        traffic=traffic_of(settings.admission),
    )
    parts: list[Hub] = []

    async def opened() -> None:
        await parts[0].open()

    async def closed() -> None:
        await parts[0].close()

    hub = Hub(
        context=context,
        callers=callers,
        endpoints=tuple(endpoints),
        asgi=build_api(context, on_startup=(opened,), on_shutdown=(closed,)),
    )
    parts.append(hub)
    return hub


def open_access_log(
    settings: Settings, ledger: Ledger, purposes: PurposeTable, clock: Clock
) -> AccessLog:
    """The citizens' log, with the names of units and bodies; SettingsError for faulty ones."""
    units = load_units(contracts_of(settings) / "hub" / "units.toml")
    bodies = {issuer.issuer: issuer.body for issuer in settings.issuers}
    return AccessLog(ledger, purposes, units, bodies, clock)


def open_delivery(
    settings: Settings, ledger: SqliteLedger, recorder: Recorder, inner: Inner, clock: Clock
) -> tuple[Delivery, list[PostEndpoint]]:
    """The delivery of checkpoints that the settings describe, and what it posts to."""
    wanted, places, endpoints = settings.ledger.delivery, list[Place](), list[PostEndpoint]()

    def post(name: str, url: str) -> Post:
        way = open_post_endpoint(name, url, recorder, transport=inner(name), clock=clock)
        endpoints.append(way)
        return way.post

    if wanted.directory is not None:
        places.append(Folder(settings.path(wanted.directory)))
    if wanted.post is not None:
        places.append(Mailbox(post("checkpoint-post", wanted.post)))
    if wanted.timestamp is not None:
        if wanted.timestamp_roots is None:
            raise SettingsError(["ledger.delivery.timestamp_roots: missing"])
        roots = load_roots(settings.path(wanted.timestamp_roots))
        places.append(Authority(post("timestamp-authority", wanted.timestamp), roots))
    return Delivery(ledger, places, wanted.every_s), endpoints


def contracts_of(settings: Settings) -> Path:
    """The folder of contracts in force."""
    own = settings.contracts
    return settings.path(own) if own else shipped("contracts")
