"""Admission: so many requests under way and no more; what is refused is refused at once.

Two classes: interactive, and batch for whoever says so (`Priority: u=5` to `u=7`, RFC 9218).
Batch may fill a part of the places only. Health, metrics, audit and the operator's own routes
are never refused: they are for the moment when everything else is.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import Callable

import msgspec
from litestar.datastructures import Headers
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from msgspec import Struct, field

from hub.api.problems import MEDIA_TYPE, ProblemDocument
from hub.api.rates import Quota, Rates, rate_headers
from hub.api.texts import TITLES, language_of, title
from hub.core.limits import AdmissionLimits

ALWAYS = ("/livez", "/readyz", "/status", "/metrics", "/v1/audit", "/v1/switches")
"""Paths, and what lies under them, that are never refused."""

RETRY_AFTER_S = 2
"""What a refused client is told: a place is free again within about one answer's time."""

BEGIN, FLOOR = 32, 8
"""Places at the start, and at least."""

LAG_S = 0.05
"""With more lag than this, on average, there are too many requests under way."""

WEIGHT, COOL_S, DECREASE = 0.2, 0.25, 0.85
"""Of one measurement in the average; seconds between two cuts; what a cut leaves."""

_QUOTAS, _PLACE = "hub_quotas", "hub_place"
_URGENCY = re.compile(r"(?:^|[,;\s])u=([0-7])(?![0-9])")


class Gate:
    """Counts what is under way, and moves its bound with the lag of the event loop.

    A fixed bound is wrong twice: too high when positions cost computing, too low when they wait
    for slow sources. The lag tells the two apart: how long something ready waits for its turn.
    """

    def __init__(
        self, limits: AdmissionLimits, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._bound = float(BEGIN)
        self.retune(limits)
        self._cut_at = float("-inf")
        self.lag_s = 0.0
        self.in_flight = 0
        self.refused: Counter[str] = Counter()
        """By class."""

    def retune(self, limits: AdmissionLimits) -> None:
        """From now on, *limits*; who is inside stays inside."""
        self._share, self._ceiling = limits.batch_share, float(limits.max_in_flight)
        self._floor = min(float(FLOOR), self._ceiling)
        self._bound = min(self._bound, self._ceiling)

    @property
    def places(self) -> int:
        """How many requests may be under way now."""
        return int(self._bound)

    def enter(self, class_: str) -> bool:
        """Take a place, if there is one for this class."""
        places = max(int(self._bound * self._share), 1) if class_ == "batch" else self.places
        if self.in_flight >= places:
            self.refused[class_] += 1
            return False
        self.in_flight += 1
        return True

    def leave(self) -> None:
        """Give the place back; where places were short and the loop is quick, there is more."""
        if self.lag_s <= LAG_S and self.in_flight >= self._bound * 0.8:
            self._bound = min(self._bound + 1 / self._bound, self._ceiling)
        self.in_flight -= 1

    def sample(self) -> None:
        """Measure how long something that is ready waits for its turn, from now."""
        asyncio.get_running_loop().call_soon(self.lagged, self._clock())

    def lagged(self, since: float) -> None:
        """Its turn has come."""
        now = self._clock()
        self.lag_s += (now - since - self.lag_s) * WEIGHT
        if self.lag_s > LAG_S and now - self._cut_at >= COOL_S:
            self._cut_at = now
            self._bound = max(self._bound * DECREASE, self._floor)


class Place:
    """The place of one request, which it may give back for a while; without *gate*, of nobody."""

    def __init__(self, gate: Gate | None, class_: str = "") -> None:
        self._gate, self._class = gate, class_
        self._is_taken = False

    def take(self) -> bool:
        """Whether there was a place."""
        if self._gate is not None:
            self._is_taken = self._gate.enter(self._class)
        return self._gate is None or self._is_taken

    def leave(self) -> None:
        """Let others have it, if it was taken."""
        if self._gate is not None and self._is_taken:
            self._is_taken = False
            self._gate.leave()


class Traffic(Struct, frozen=True, kw_only=True):
    """What bounds the requests of one application."""

    gate: Gate = field(default_factory=lambda: Gate(AdmissionLimits()))
    rates: Rates = field(default_factory=lambda: Rates(AdmissionLimits()))

    def retune(self, limits: AdmissionLimits) -> None:
        """From now on, *limits*."""
        self.gate.retune(limits)
        self.rates.retune(limits)


def traffic_of(limits: AdmissionLimits) -> Traffic:
    """Gate and rates under *limits*."""
    return Traffic(gate=Gate(limits), rates=Rates(limits))


def admits(app: ASGIApp, gate: Gate) -> ASGIApp:
    """*app* behind *gate*; its answers tell the quotas that a route has noted."""

    async def gated(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP:
            await app(scope, receive, send)
            return

        async def telling(message: Message) -> None:
            if message["type"] == "http.response.start":
                told = rate_headers(quotas_of(scope))
                lines = [(k.encode(), v.encode()) for k, v in told.items()]
                message["headers"] = [*message["headers"], *lines]
            await send(message)

        if is_always_admitted(scope["path"]):
            await app(scope, receive, telling)
            return
        gate.sample()
        place = Place(gate, class_of(scope))
        if not place.take():
            await _refuse(scope, send)
            return
        scope[_PLACE] = place  # type: ignore[literal-required]  # a key of our own
        try:
            await app(scope, receive, telling)
        finally:
            place.leave()

    return gated


def place_of(scope: Scope) -> Place:
    """The place of this request; one that costs nothing where it needs none."""
    found = scope.get(_PLACE)
    return found if isinstance(found, Place) else Place(None)


def note_quotas(scope: Scope, quotas: tuple[Quota, ...]) -> None:
    """Let the answer to this request tell *quotas*."""
    scope[_QUOTAS] = quotas  # type: ignore[literal-required]  # a key of our own


def quotas_of(scope: Scope) -> tuple[Quota, ...]:
    """What a route has noted of the caller's quotas."""
    noted = scope.get(_QUOTAS, ())
    return noted if isinstance(noted, tuple) else ()


def is_always_admitted(path: str) -> bool:
    """Whether *path* is one of ALWAYS or lies under one."""
    return any(path == one or path.startswith(f"{one}/") for one in ALWAYS)


def class_of(scope: Scope) -> str:
    """`batch` where the client says that nobody is waiting, else `interactive`."""
    found = _URGENCY.search(Headers.from_scope(scope).get("priority", ""))
    return "batch" if found and int(found.group(1)) > 4 else "interactive"  # noqa: PLR2004 - RFC 9218 section 4.1: the default is 3


async def _refuse(scope: Scope, send: Send) -> None:
    """503 without a look at the token, the body or anything else that costs."""
    language = language_of(Headers.from_scope(scope).get("accept-language"))
    slug = "overloaded"
    document = ProblemDocument(
        type=f"/problems/{slug}",
        status=TITLES[slug][0],
        title=title(slug, language),
        trace_id=str(scope.get("hub_request", "-")),
        retry_after=RETRY_AFTER_S,
    )
    headers = [
        (b"content-type", MEDIA_TYPE.encode()),
        (b"content-language", language.encode()),
        (b"retry-after", str(RETRY_AFTER_S).encode()),
    ]
    await send({"type": "http.response.start", "status": document.status, "headers": headers})
    body = msgspec.json.encode(document)
    await send({"type": "http.response.body", "body": body, "more_body": False})
