"""The simulator's application: who may ask, what is asked, and what goes wrong."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from msgspec.structs import replace

from connectors.avisos.simulator.asking import Ask, Refused
from connectors.avisos.simulator.deviations import PAGES, ROWS, STRAYINGS
from connectors.avisos.simulator.georeport import GeoReportSide
from connectors.avisos.simulator.madrid import MadridSide
from connectors.avisos.simulator.reports import SERVICES, Report, reports_of
from hub.sandbox.population import SIZE, Person
from hub.sandbox.stage import Fault, Stage

_NO_FAULT = Fault(mode="")
_CAP = 50
_MOST_BODY = 100_000

Owned = tuple[Report, Person]


class Avisos:
    """An ASGI application that plays both profiles; it keeps nothing about anybody."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        madrid = stage.settings.get("profile", "madrid") == "madrid"
        self._side = MadridSide(stage) if madrid else GeoReportSide(stage)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        path = scope["path"].removeprefix(scope.get("root_path", "")).strip("/").rpartition("/")[2]
        operation = self._side.route(scope["method"], path)
        try:
            self._check_key(headers)
            status, body = 200, await self._answer(operation, scope, receive)
        except Refused as refused:
            status, body = refused.code, self._side.error(refused.code, refused.text)
        await send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": self._headers(headers, operation or "unknown"),
            }
        )
        await send({"type": "http.response.body", "body": body})

    @property
    def _fault(self) -> Fault:
        return self._stage.faults.get(self._stage.source) or _NO_FAULT

    def _check_key(self, headers: Mapping[str, str]) -> None:
        client, key = headers.get("x-client-id", ""), headers.get("x-app-key", "")
        right = self._stage.secret("app_key").encode()
        if not hmac.compare_digest(key.encode(), right) or (
            client != self._stage.settings["client_id"]
        ):
            raise Refused(403, "missing or invalid key")

    async def _answer(self, operation: str | None, scope: Any, receive: Any) -> bytes:
        parameters = dict(parse_qsl(scope["query_string"].decode("latin-1")))
        body = await _body(receive)
        if operation is None:
            raise Refused(404, "no such resource")
        if operation == "services":
            self._side.check_services(parameters)
            services = [self._side.service(key, name) for key, name in SERVICES]
            return self._side.encode("services", services)
        return self._requests(self._side.ask(parameters, body))

    def _requests(self, ask: Ask) -> bytes:
        mode = self._fault.mode
        if mode == "error_in_200":
            return self._side.error(int(self._fault.values.get("code", 404)), "not found")
        if mode == "bare_error":
            return self._side.bare_error()
        rows = [self._side.row(report, owner) for report, owner in self._page(ask)]
        if mode in STRAYINGS:
            rows = STRAYINGS[mode](rows)
        if mode == "single_object":
            return self._side.encode("service_requests", rows[0] if rows else [])
        if mode == "wrapped" and self._side.content_type.startswith("application/json"):
            return self._side.encode("service_requests", {"service_requests": rows})
        return self._side.encode("service_requests", rows)

    def _page(self, ask: Ask) -> list[Owned]:
        mode, values = self._fault.mode, self._fault.values
        found = [
            owned
            for owned in self._owned(ask)
            if (ask.since is None or owned[0].made_at >= ask.since)
            and (ask.until is None or owned[0].made_at <= ask.until)
        ]
        if mode in PAGES and found:
            total = ask.page * ask.size if mode == "endless_pages" else values.get("rows", ROWS)
            found = [_copy(found[n % len(found)], n) for n in range(int(total))]
        if mode == "ignores_pages":
            return found
        size = min(ask.size, _CAP) if mode == "small_pages" else ask.size
        return found[(ask.page - 1) * size : ask.page * size]

    def _owned(self, ask: Ask) -> list[Owned]:
        """Every report that is asked for, with its owner; the newest first."""
        mode = self._fault.mode
        if ask.owner is None or mode == "everyones_requests":
            first = ask.owner.index if ask.owner else 0
            owners = [self._person(first + step) for step in range(4)]
        elif mode == "another_citizen":
            owners = [self._person(ask.owner.index + step) for step in (1, 2, 3)]
        else:
            owners = [ask.owner]
        today = self._stage.clock().date()
        population = self._stage.population
        owned = [(r, owner) for owner in owners for r in reports_of(population, owner, today)]
        return sorted(owned, key=lambda pair: pair[0].made_at, reverse=True)

    def _person(self, index: int) -> Person:
        return self._stage.population.person(index % SIZE)

    def _headers(self, asked: Mapping[str, str], operation: str) -> list[tuple[bytes, bytes]]:
        name = str(self._stage.settings.get("request_id_header", "X-Request-ID")).lower()
        echo = "of-another-request" if self._fault.mode == "stray_answer" else asked.get(name)
        lines = {"content-type": self._side.content_type, "x-sandbox-operation": operation}
        if echo and self._fault.mode != "no_echo":
            lines[name] = echo
        return [(key.encode(), value.encode("latin-1")) for key, value in lines.items()]


def _copy(owned: Owned, n: int) -> Owned:
    report, owner = owned
    return replace(report, number=str(30_000_000 + n), key=f"{n:024x}"), owner


async def _body(receive: Any) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
        if len(body) > _MOST_BODY:
            raise Refused(413, "too long")
    return body
