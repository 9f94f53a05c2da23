"""What a configuration makes, beside what outlives it: a reload makes the next generation.

A request is answered by the generation in which it came. The ledger, the flights, what is
remembered, quotas and counters are not a generation's: they go on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from litestar.types import ASGIApp, Receive, Scope, Send
from msgspec import Struct

from hub.api.admission import Traffic
from hub.api.build import build_api
from hub.api.callers import Callers, open_callers
from hub.api.context import Context, Operating
from hub.core.errors import SettingsError
from hub.core.exchange import Recorder
from hub.core.moment import Clock
from hub.core.policy import PurposeTable
from hub.ledger.delivery import Delivery
from hub.ledger.sqlite import SqliteLedger
from hub.position.abuse import Abuse
from hub.position.access_log import AccessLog
from hub.position.closing import Closings, WhileOpen
from hub.position.desk import Desk
from hub.position.outside import Model, model_of, model_with
from hub.position.purposes import load_purposes
from hub.position.sources import Inner, Sources, load_sources
from hub.position.units import load_units
from hub.settings import Settings, shipped
from hub.telemetry import Telemetry, open_telemetry, telemetry_faults
from hub.wire.post import PostEndpoint

T = TypeVar("T")


class Lasting(Struct, frozen=True, kw_only=True):
    """What every generation of one process shares."""

    ledger: SqliteLedger
    recorder: Recorder
    closings: Closings
    delivery: Delivery
    posts: Mapping[str, PostEndpoint]
    """The places that checkpoints are posted to."""
    traffic: Traffic
    operating: Operating
    inner: Inner
    clock: Clock


class Generation:
    """The routes and parts that one configuration made, and how many requests it serves."""

    def __init__(self, context: Context, callers: Callers) -> None:
        self.context, self.callers = context, callers
        self._app: ASGIApp = build_api(context)
        self._requests = 0
        self._idle = asyncio.Event()

    @property
    def sources(self) -> Sources:
        """The systems that it asks."""
        return self.context.desk.sources

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._requests += 1
        self._idle.clear()
        try:
            await self._app(scope, receive, send)
        finally:
            self._requests -= 1
            if not self._requests:
                self._idle.set()

    def succeed(self, before: Generation) -> None:
        """Take over from *before*, in one step of the event loop."""
        context, desk = self.context, self.context.desk
        self.sources.succeed(before.sources)
        for source in before.sources.replaced_by(self.sources):
            desk.obtainer.cache.forget_source(source.spec.name)
        context.abuse.under(desk.purposes)
        context.traffic.retune(context.settings.admission)

    async def leave_to(self, after: Generation) -> None:
        """Finish what was begun here, and close what *after* does not use."""
        if self._requests:
            await self._idle.wait()
        gone = self.sources.replaced_by(after.sources)
        obtainer = after.context.desk.obtainer
        await obtainer.flights.landed(frozenset(source.spec.name for source in gone))
        for source in gone:
            obtainer.cache.forget_source(source.spec.name)  # what landed since
            await source.client.aclose()
        await self.callers.leave_to(after.callers)
        telemetry = self.context.telemetry
        if telemetry is not None and telemetry is not after.context.telemetry:
            await telemetry.aclose()


def make_generation(
    settings: Settings, lasting: Lasting, before: Generation | None = None
) -> Generation:
    """What *settings* describe; SettingsError lists everything that is wrong with them.

    Nothing of *before* is changed: that is `Generation.succeed`'s. It takes a while and no
    event loop, so that it can be made beside one.
    """
    folder, faults = contracts_of(settings) / "hub", list[str]()
    known = _of(faults, lambda: model_of(settings))
    model = known or model_with(())  # so that what it lacks hides nothing else
    table = _of(faults, lambda: load_purposes(folder / "purposes.toml", model.blocks))
    units = _of(faults, lambda: load_units(folder / "units.toml"))
    callers = _of(faults, lambda: _callers(settings, lasting, before))
    sources = _of(faults, lambda: _sources(settings, model, lasting, before))
    faults += telemetry_faults(settings.telemetry, settings.root)
    if (
        faults
        or known is None
        or table is None
        or units is None
        or callers is None
        or sources is None
    ):
        raise SettingsError(list(dict.fromkeys(faults)))
    old = before.context if before else None
    bodies = {issuer.issuer: issuer.body for issuer in settings.issuers}
    context = Context(
        desk=_desk(sources, table, settings, model, lasting, old.desk if old else None),
        identifier=callers.identifier,
        access_log=AccessLog(lasting.ledger, table, units, bodies, lasting.clock),
        abuse=old.abuse if old else Abuse(lasting.ledger, table, lasting.clock),
        settings=settings,
        delivery=lasting.delivery,
        traffic=lasting.traffic,
        operating=lasting.operating,
        telemetry=_telemetry(settings, lasting, old),
        peers={**lasting.posts, **callers.peers()},
    )
    return Generation(context, callers)


def _of(faults: list[str], make: Callable[[], T]) -> T | None:
    """What *make* gives; its faults join the others, so that one hides none."""
    try:
        return make()
    except SettingsError as error:
        faults += error.faults
        return None


def _callers(settings: Settings, lasting: Lasting, before: Generation | None) -> Callers:
    old = before.callers if before else None
    way = lasting.inner
    return open_callers(settings, lasting.ledger, lasting.recorder, way, lasting.clock, old)


def _sources(
    settings: Settings, model: Model, lasting: Lasting, before: Generation | None
) -> Sources:
    recorder = WhileOpen(lasting.recorder, lasting.closings)
    old = before.sources if before else None
    return load_sources(settings, recorder, model.blocks, lasting.inner, model.converters, old)


def _telemetry(settings: Settings, lasting: Lasting, old: Context | None) -> Telemetry | None:
    """That of before, where nothing of it changed: it has spans that wait."""
    if old is not None and old.settings.telemetry == settings.telemetry:
        return old.telemetry
    return open_telemetry(settings.telemetry, settings.root, lasting.operating.spans)


def _desk(
    sources: Sources,
    purposes: PurposeTable,
    settings: Settings,
    model: Model,
    lasting: Lasting,
    before: Desk | None,
) -> Desk:
    return Desk(
        sources,
        lasting.ledger,
        purposes,
        model.blocks,
        lasting.clock,
        lasting.closings,
        settings.cache,
        before,
    )


def contracts_of(settings: Settings) -> Path:
    """The folder of contracts in force."""
    own = settings.contracts
    return settings.path(own) if own else shipped("contracts")
