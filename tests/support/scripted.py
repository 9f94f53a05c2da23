"""A source whose far end a test scripts, asked through the real client, guard and recorder."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import httpx

from hub.core.connector import Echo, Operation, Patience, Query, Spec
from hub.core.exchange import SourceRecord
from hub.core.limits import CacheLimits, SourceLimits
from hub.position.obtain import Obtainer
from hub.position.plan import Step
from hub.position.sources import Source, Sources
from hub.wire.client import SourceClient, open_client
from hub.wire.decode import check_status, json_object
from tests.support.builders import MemoryRecorder, MemoryWitness

READ = Operation(name="read", echoes=(Echo(path="id"),), patience=Patience(timeout_s=6, attempts=2))
ACT = Operation(
    name="act",
    echoes=(Echo(path="id"),),
    patience=Patience(timeout_s=8, attempts=1),
    repeatable=False,
)
SOCIAL = Operation(name="social", echoes=(Echo(path="id"),), patience=Patience(timeout_s=6))
SPEC = Spec(
    name="x",
    title="X",
    owner="X",
    operations=(READ, ACT, SOCIAL),
    blocks={"plain": ("read",), "evidence": ("act",), "special": ("social",)},
)
STEPS = {name: Step(source="x", operation=name) for name in ("read", "act", "social")}

Far = Callable[[httpx.Request], Awaitable[httpx.Response]]


class Scripted:
    """A connector of the smallest kind: one GET per operation; the person is in a header."""

    def __init__(self, client: SourceClient, spec: Spec) -> None:
        self._client, self.spec = client, spec

    async def fetch(self, operation: str, query: Query) -> SourceRecord:
        call = self._client.call(self.spec, operation, query)
        answer = await call.get(operation, {"x-person": query.subject.document.number})
        check_status(answer)
        return call.record(json_object(answer))

    async def ping(self) -> None:
        raise NotImplementedError


class World:
    """The source, what it was asked, and an obtainer on top; with *url* over real sockets."""

    def __init__(
        self,
        far: Far | None = None,
        limits: SourceLimits | None = None,
        cache: CacheLimits | None = None,
        url: str | None = None,
        spec: Spec = SPEC,
        *,
        tells_trace: bool = False,
    ) -> None:
        self.far = far or after(0.1)
        self.asked: list[str] = []
        self.recorder = MemoryRecorder()
        client = open_client(
            "x",
            url or "http://x.test/",
            self.recorder,
            transport=None if url else httpx.MockTransport(self._answer),
            limits=limits,
            tells_trace=tells_trace,
        )
        self.guard, self.close = client.guard, client.aclose
        self.client = client
        source = Source(spec=spec, connector=Scripted(client, spec), client=client, mappings={})
        self.source = source
        self.sources = Sources({"x": source})
        self.witness = MemoryWitness()
        self.obtainer = Obtainer(
            self.sources, cache or CacheLimits(), frozenset({"special"}), self.witness
        )

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.path.strip("/"))
        return await self.far(request)


def after(seconds: float, status: int = 200) -> Far:
    """Answers about whoever was asked for, some time later."""

    async def far(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(seconds)
        if status != 200:
            return httpx.Response(status)
        return httpx.Response(200, json={"id": request.headers["x-person"]})

    return far
