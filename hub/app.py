"""The composition root: settings become a wired application; knows every other module."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import httpx
import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send
from msgspec import Struct
from msgspec.structs import replace

from hub.api.admission import traffic_of
from hub.api.build import at_the_door
from hub.api.context import Context, Operating
from hub.api.lifespan import lifespan
from hub.api.traces import trace_of
from hub.core.errors import SettingsError
from hub.core.exchange import Recorder
from hub.core.moment import Clock, utc_now
from hub.generation import Generation, Lasting, make_generation
from hub.ledger.delivery import Authority, Delivery, Folder, Mailbox, Place, Post, load_roots
from hub.ledger.open import open_ledger
from hub.ledger.recorder import LedgerRecorder
from hub.ledger.sqlite import SqliteLedger
from hub.ledger.store import Ledger
from hub.position.closing import Closings
from hub.position.desk import Desk
from hub.position.sources import Inner, Sources
from hub.settings import Server, Settings
from hub.tracing import Traced
from hub.wire.post import PostEndpoint, open_post_endpoint

log = structlog.get_logger()


ON_RESTART = ("host", "port")
"""Keys of `[server]` that a running process cannot change; of the other tables it is all."""


class Reloaded(Struct, frozen=True, kw_only=True):
    """What a reload did: the tables that changed and were taken over, and those that wait."""

    changed: tuple[str, ...]
    needs_restart: tuple[str, ...]


class Hub:
    """The wired parts. `asgi` opens and closes them by its lifespan."""

    def __init__(self, lasting: Lasting, first: Generation) -> None:
        self._lasting, self._now = lasting, first
        self._leaving: set[asyncio.Task[None]] = set()
        self._reloading = asyncio.Lock()
        self.asgi: ASGIApp = at_the_door(
            self._route, lasting.traffic, lasting.operating, self._traced
        )

    @property
    def context(self) -> Context:
        """The parts that the routes use now."""
        return self._now.context

    @property
    def settings(self) -> Settings:
        """What the hub serves now."""
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
        return self._lasting.ledger

    def _traced(self, scope: HTTPScope) -> Traced | None:
        return trace_of(self.context, scope)

    async def _route(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP:
            await self._now(scope, receive, send)
        elif str(scope["type"]) == "lifespan":  # litestar's types leave it out here
            await lifespan(self.open, self.close, receive, send)

    async def open(self) -> None:
        """Close what a crash left open, before anything is sent."""
        orphans = await self.ledger.close_orphans()
        await self.context.abuse.restore()
        self._now.callers.start()
        self._lasting.operating.loop.start()
        await self._lasting.delivery.start()
        log.info("hub_open", orphans_closed=orphans, sources=sorted(self.sources.by_name))

    async def reload(self, load: Callable[[], Settings]) -> Reloaded:
        """Serve what *load* gives from the next request on; those under way end as they began.

        Raises SettingsError with every fault, and then everything is as it was. What only a
        restart changes stays as it is, and is named.
        """
        async with self._reloading:
            before = self._now
            try:
                wanted = await asyncio.to_thread(load)
                settings, waits = served_with(wanted, before.context.settings)
                after = await asyncio.to_thread(make_generation, settings, self._lasting, before)
            except Exception:
                self._lasting.operating.refused += 1
                self._lasting.operating.is_refused = True
                raise
            after.succeed(before)
            self._now = after
            self._lasting.operating.reloaded += 1
            self._lasting.operating.is_refused = False
            leaving = asyncio.create_task(before.leave_to(after))
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)
            gone = {f"sources.{s.spec.name}" for s in before.sources.replaced_by(after.sources)}
            moved = gone.union(changes(before.context.settings, settings))
            return Reloaded(changed=tuple(sorted(moved)), needs_restart=waits)

    @property
    def is_leaving(self) -> bool:
        """Whether it was told to stop."""
        return self._lasting.operating.is_leaving

    def leave(self) -> None:
        """Say at `/readyz` that nobody new should come."""
        self._lasting.operating.is_leaving = True

    async def close(self) -> None:
        """Finish what is owed: what is under way, what is counted, the last checkpoint."""
        await self.desk.obtainer.aclose(self.settings.server.finish_s)
        for leaving in tuple(self._leaving):
            leaving.cancel()
        await asyncio.gather(*self._leaving, return_exceptions=True)
        await self.sources.aclose()
        await self._now.callers.aclose()
        await self._lasting.delivery.aclose()
        for endpoint in self._lasting.posts.values():
            await endpoint.aclose()
        await self.ledger.close()
        self._lasting.operating.loop.stop()
        if self.context.telemetry is not None:
            await self.context.telemetry.aclose()
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
    ledger = open_ledger(
        settings.path(settings.ledger.file),
        settings.path(settings.keys),
        origin=settings.ledger.origin,
        clock=clock,
        index_every_s=2.0,
    )
    recorder = LedgerRecorder(ledger)
    delivery, posts = open_delivery(settings, ledger, recorder, inner, clock)
    lasting = Lasting(
        ledger=ledger,
        recorder=recorder,
        closings=Closings(ledger, clock),
        delivery=delivery,
        posts=posts,
        traffic=traffic_of(settings.admission),
        operating=Operating(),
        inner=inner,
        clock=clock,
    )
    return Hub(lasting, make_generation(settings, lasting))


def served_with(wanted: Settings, now: Settings) -> tuple[Settings, tuple[str, ...]]:
    """*wanted* as far as a process that runs under *now* can serve it, and what waits."""
    server = replace(wanted.server, **{name: getattr(now.server, name) for name in ON_RESTART})
    served = replace(
        wanted,
        root=now.root,
        keys=now.keys,
        ledger=now.ledger,
        sandbox=now.sandbox,
        server=server,
    )
    return served, changes(served, wanted)


def changes(before: Settings, after: Settings) -> tuple[str, ...]:
    """The tables and keys in which the two differ: `sources.padron`, `server.port`."""
    found: list[str] = []
    for name in Settings.__struct_fields__:
        old, new = getattr(before, name), getattr(after, name)
        if old == new:
            continue
        if name == "server":
            keys = Server.__struct_fields__
            found += [f"server.{key}" for key in keys if getattr(old, key) != getattr(new, key)]
        elif name == "sources":
            found += [f"sources.{s}" for s in sorted({*old, *new}) if old.get(s) != new.get(s)]
        else:
            found.append(name)
    return tuple(found)


def open_delivery(
    settings: Settings, ledger: SqliteLedger, recorder: Recorder, inner: Inner, clock: Clock
) -> tuple[Delivery, dict[str, PostEndpoint]]:
    """The delivery of checkpoints that the settings describe, and what it posts to."""
    wanted, places, endpoints = settings.ledger.delivery, list[Place](), dict[str, PostEndpoint]()

    def post(name: str, url: str) -> Post:
        way = open_post_endpoint(name, url, recorder, transport=inner(name), clock=clock)
        endpoints[name] = way
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
    return Delivery(ledger, places, wanted.every_s, frozenset(endpoints)), endpoints
