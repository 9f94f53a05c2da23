"""The only place that builds an httpx client, and what a connector sends its messages with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Protocol

import httpx
from msgspec import Struct
from msgspec.structs import replace

from hub.core.connector import Operation, Query, Spec
from hub.core.errors import SourceUnavailable
from hub.core.exchange import Origin, Recorder, SourceRecord
from hub.core.limits import SourceLimits
from hub.core.moment import Clock, new_id, utc_now
from hub.wire.guard import SourceGuard
from hub.wire.outlet import Outlet
from hub.wire.patience import patiently
from hub.wire.recording import EXCHANGE, RecordingTransport
from hub.wire.table import open_table
from hub.wire.tag import EXTENSION, Tag
from hub.wire.transport import FarEnd, GuardedTransport, guarded_transport, origin_of

_OURS = {"accept-encoding": "identity", "user-agent": "posicion-integral"}
"""Headers of every message; no connector can ask for compressed bytes."""


class Answer(Struct, frozen=True, kw_only=True):
    """One HTTP answer that is already on record. Header names are lower case."""

    source: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    exchange: str


class Credentials(Protocol):
    """What proves the hub's identity to a source, message by message."""

    async def headers(self) -> Mapping[str, str]:
        """Headers to add to a message; their values never reach the ledger."""
        ...

    async def renew(self) -> bool:
        """After a 401: whether there is something new, so that sending once more makes sense."""
        ...


class Call:
    """One operation for one query: sends its messages in turn and remembers their exchanges."""

    def __init__(
        self,
        client: SourceClient,
        operation: Operation,
        origin: Origin,
        deadline: float,
        departed: Callable[[], None] | None = None,
    ) -> None:
        self._client, self.operation, self._origin = client, operation, origin
        self._deadline, self._departed = deadline, departed
        self._ordinal = 0
        self._exchanges: list[str] = []
        self._size = 0

    async def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        """GET *path* (relative to the source's address, query text included)."""
        return await self.send("GET", path, headers)

    async def post(
        self,
        path: str,
        content: bytes | Callable[[], bytes],
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """POST *content*; a function is called per attempt, so that no nonce travels twice."""
        return await self.send("POST", path, headers, content)

    async def send(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        content: bytes | Callable[[], bytes] | None = None,
    ) -> Answer:
        """Send one message, patiently; raise SourceError when no answer came.

        The status is not judged here: a SOAP fault travels with 500. After a 401 the
        credentials are renewed and the message is sent once more.
        """
        ordinal, self._ordinal = self._ordinal, self._ordinal + 1
        guard = self._client.guard
        guard.budget.earn()

        async def attempt(number: int) -> Answer:
            guard.check(self.operation.name)
            tag = self._tag(ordinal, number)
            body = content() if callable(content) else content
            answer = await self._client.transmit(tag, method, path, headers or {}, body)
            self._exchanges.append(answer.exchange)
            self._size += len(answer.body)
            return answer

        answer = await patiently(self.operation, self._deadline, attempt, guard.may_repeat)
        if guard.renewals.make_sense(answer.status) and await self._client.renew():
            answer = await attempt(self.operation.patience.attempts + 1)
            guard.renewals.note(answer.status)
        return answer

    def record(
        self,
        payload: dict[str, Any],
        *,
        holds: bool = True,
        asked: Mapping[str, tuple[str, ...]] | None = None,
    ) -> SourceRecord:
        """The decoded answer of this operation, with the exchanges that it came from."""
        return SourceRecord(
            source=self._client.source,
            operation=self.operation.name,
            payload=payload,
            exchanges=tuple(self._exchanges),
            obtained_at=self._client.clock(),
            holds=holds,
            size=self._size,
            asked=asked or {},
        )

    def _tag(self, ordinal: int, attempt: int) -> Tag:
        patience = self.operation.patience
        now = asyncio.get_running_loop().time()
        return Tag(
            source=self._client.source,
            operation=self.operation.name,
            origin=self._origin,
            ordinal=ordinal,
            attempt=attempt,
            until=min(now + patience.timeout_s, self._deadline),
            connect_s=patience.connect_s,
            max_bytes=patience.max_bytes,
            echoed=bool(self.operation.echoes),
            departed=self._departed,
        )


class SourceClient:
    """A connector's way out: bounded, recorded, and to one configured address."""

    def __init__(
        self,
        source: str,
        outlet: Outlet,
        guarded: GuardedTransport,
        credentials: Credentials | None,
        clock: Clock,
        guard: SourceGuard,
    ) -> None:
        self.source, self._outlet, self._guarded, self.guard = source, outlet, guarded, guard
        self._credentials, self.clock = credentials, clock
        self._shared: set[asyncio.Future[Any]] = set()

    def call(self, spec: Spec, operation: str, query: Query) -> Call:
        """Begin *operation* of *spec* for *query*."""
        access = query.access
        origin = Origin(
            access=access.id,
            request=query.request,
            subject=query.subject.document,
            retention=access.retention,
        )
        return Call(self, spec.operation(operation), origin, query.deadline, query.departed)

    def bulk_call(self, operation: Operation, bulk: str, retention: str) -> Call:
        """Begin an exchange about many people at once, under the bulk request *bulk*."""
        until = asyncio.get_running_loop().time() + operation.patience.timeout_s
        return Call(self, operation, Origin(bulk=bulk, retention=retention), until)

    def technical_call(self, operation: Operation) -> Call:
        """Begin an exchange about nobody (a token, a ping): its bodies are not recorded."""
        until = asyncio.get_running_loop().time() + operation.patience.timeout_s
        return Call(self, operation, Origin(), until)

    def with_credentials(self, credentials: Credentials) -> SourceClient:
        """The same way out, proving the hub's identity with *credentials*."""
        proving = SourceClient(
            self.source, self._outlet, self._guarded, credentials, self.clock, self.guard
        )
        proving._shared = self._shared
        return proving

    def outlives_its_caller(self, work: asyncio.Future[Any]) -> None:
        """*work* goes on when whoever began it is gone, and ends with this client at last."""
        self._shared.add(work)
        work.add_done_callback(self._shared.discard)

    @property
    def base_url(self) -> str:
        """The configured address, with a final slash."""
        return self._outlet.base_url

    async def transmit(
        self,
        tag: Tag,
        method: str,
        path: str,
        headers: Mapping[str, str],
        content: bytes | None,
    ) -> Answer:
        """One attempt to send one message; connectors use a Call instead."""
        proof = await self._proof(tag)
        response = await self._outlet.send(
            method,
            path,
            {**_lower(headers), **_lower(proof), **_OURS},
            content,
            {
                EXTENSION: replace(tag, secrets=frozenset(name.lower() for name in proof)),
                "timeout": httpx.Timeout(None, connect=tag.connect_s).as_dict(),
            },
        )
        return Answer(
            source=self.source,
            status=response.status_code,
            headers={name.lower(): value for name, value in response.headers.items()},
            body=response.content,
            exchange=response.extensions[EXCHANGE],
        )

    async def _proof(self, tag: Tag) -> Mapping[str, str]:
        """The credentials' headers, which may cost an exchange: in the message's own time."""
        if self._credentials is None:
            return {}
        try:
            async with asyncio.timeout_at(tag.until):
                return await self._credentials.headers()
        except TimeoutError as error:
            raise SourceUnavailable(self.source, "timeout", "no credentials in time") from error

    async def renew(self) -> bool:
        """Whether the credentials could be renewed after a 401."""
        return self._credentials is not None and await self._credentials.renew()

    @property
    def far_end(self) -> FarEnd:
        """What the source last showed of itself."""
        return self._guarded.far_end

    async def discard_connections(self) -> None:
        """After an answer that is not to be believed: none of the open connections is reused."""
        await self._guarded.discard()

    async def aclose(self) -> None:
        """End what outlived its caller, outcome and all, and close every connection."""
        for work in tuple(self._shared):
            work.cancel()
        await asyncio.gather(*self._shared, return_exceptions=True)
        await self._outlet.aclose()


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    """Names in one form, so that a header cannot stand twice in two spellings."""
    return {name.lower(): value for name, value in headers.items()}


def open_client(
    source: str,
    url: str,
    recorder: Recorder,
    *,
    egress: tuple[str, ...] = (),
    keeps_cookies: bool = False,
    transport: httpx.AsyncBaseTransport | None = None,
    clock: Clock = utc_now,
    ids: Callable[[], str] = new_id,
    limits: SourceLimits | None = None,
    tells_trace: bool = False,
) -> SourceClient:
    """A client of *source* at *url*; nothing leaves for another origin than it and *egress*.

    An address `table+…` is a table's: no socket is opened, the same messages are answered from it.
    """
    if (table := open_table(url)) is not None:
        transport, url = transport or table, url.partition("?")[0]
    allowed = frozenset(origin_of(httpx.URL(address)) for address in (url, *egress))
    guarded = guarded_transport(allowed, transport)
    recording = RecordingTransport(guarded, recorder, clock, ids, tells_trace=tells_trace)
    http = httpx.AsyncClient(
        base_url=url,
        transport=recording,
        cookies=CookieJar(None if keeps_cookies else DefaultCookiePolicy(allowed_domains=[])),
        follow_redirects=False,
        trust_env=False,
    )
    outlet = Outlet(http, recording, keeps_cookies=keeps_cookies)
    guard = SourceGuard(source, limits or SourceLimits())
    return SourceClient(source, outlet, guarded, None, clock, guard)
