"""The control port: what is played, what goes wrong, what was called.

It listens on loopback alone, and refuses what a web page can send from a browser there: a
foreign Host (DNS rebinding), or any Origin.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Litestar, Request, Response, delete, get, post, put
from litestar.datastructures import State
from litestar.di import NamedDependency, Provide
from litestar.exceptions import HTTPException, NotFoundException
from litestar.params import FromPath, JSONBody, SkipValidation
from msgspec import Struct, field

from hub.core.errors import SettingsError
from hub.sandbox.listener import is_loopback
from hub.sandbox.magic import CITIZENS
from hub.sandbox.sandbox import Sandbox

_MAX_BODY = 16_384

Played = NamedDependency[SkipValidation[Sandbox]]


class FaultOrder(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of `PUT /faults/{source}`."""

    mode: str
    values: dict[str, Any] = field(default_factory=dict)


@get("/")
async def overview(sandbox: Played) -> dict[str, Any]:
    """What is played, and how it is disturbed."""
    return sandbox.overview()


@get("/citizens")
async def citizens(sandbox: Played) -> list[dict[str, Any]]:
    """The citizens with a fixed meaning, with their (synthetic) document numbers."""
    return [
        {**msgspec.to_builtins(citizen), "document": sandbox.population.number(citizen.index)}
        for citizen in CITIZENS
    ]


@put("/faults/{source:str}")
async def put_fault(
    sandbox: Played, source: FromPath[str], data: JSONBody[FaultOrder]
) -> dict[str, Any]:
    """Put one fault in force for a source, instead of the one before."""
    fault = await sandbox.put_fault(_known(sandbox, source), data.mode, data.values)
    return {"source": source, "mode": fault.mode, "values": dict(fault.values)}


@delete("/faults")
async def lift_faults(sandbox: Played) -> None:
    """Lift all faults."""
    await sandbox.lift()


@delete("/faults/{source:str}")
async def lift_fault(sandbox: Played, source: FromPath[str]) -> None:
    """Lift the fault of a source."""
    await sandbox.lift(_known(sandbox, source))


@get("/calls")
async def calls(sandbox: Played) -> dict[str, Any]:
    """Per source, how many calls came, and of which operation."""
    return {source: sandbox.calls.of(source) for source in sandbox.sources}


@delete("/calls")
async def clear_calls(sandbox: Played) -> None:
    """Count from nought."""
    sandbox.calls.clear()


@post("/reset", status_code=204)
async def reset(sandbox: Played) -> None:
    """As at the beginning; returns when every source listens again."""
    await sandbox.reset()


@post("/stop/{source:str}", status_code=200)
async def stop(sandbox: Played, source: FromPath[str]) -> dict[str, Any]:
    """Close a source's socket; returns when connections are refused."""
    await sandbox.stop(_known(sandbox, source))
    return {"source": source, "listening": sandbox.is_listening(source)}


@post("/swallow/{source:str}", status_code=200)
async def swallow(sandbox: Played, source: FromPath[str]) -> dict[str, Any]:
    """Keep a source's port and accept nobody: who connects waits."""
    await sandbox.swallow(_known(sandbox, source))
    return {"source": source, "listening": sandbox.is_listening(source)}


@post("/start/{source:str}", status_code=200)
async def start(sandbox: Played, source: FromPath[str]) -> dict[str, Any]:
    """Open a source's socket on the port that it had."""
    await sandbox.start(_known(sandbox, source))
    return {"source": source, "listening": sandbox.is_listening(source)}


def control_app(sandbox: Sandbox) -> Litestar:
    """The control port's application over *sandbox*."""
    routes = [overview, citizens, put_fault, lift_faults, lift_fault, calls]
    return Litestar(
        route_handlers=[*routes, clear_calls, reset, stop, swallow, start],
        dependencies={"sandbox": Provide(lambda: sandbox, sync_to_thread=False)},
        before_request=_refuse_browsers,
        exception_handlers={
            HTTPException: _problem,
            SettingsError: _settings_problem,
            RecursionError: _too_deep,
        },
        request_max_body_size=_MAX_BODY,
        openapi_config=None,
        logging_config=None,
    )


def _known(sandbox: Sandbox, source: str) -> str:
    if source not in sandbox.sources:
        raise NotFoundException(detail=f"no such source; there are {', '.join(sandbox.sources)}")
    return source


async def _refuse_browsers(request: Request[Any, Any, State]) -> Response[Any] | None:
    host = request.headers.get("host", "").rsplit(":", 1)[0].strip("[]")
    if "origin" in request.headers or not (host == "localhost" or is_loopback(host)):
        return _answer(HTTPStatus.FORBIDDEN, "the control port does not serve web pages")
    return None


def _problem(_: Request[Any, Any, State], error: HTTPException) -> Response[Any]:
    """The error without the request's path, which the framework's own text may hold."""
    status = HTTPStatus(error.status_code)
    kept = status is HTTPStatus.NOT_FOUND and isinstance(error, NotFoundException)
    reasons = [str(item.get("message")) for item in error.extra or [] if isinstance(item, dict)]
    detail = error.detail if kept else "; ".join(reasons) or status.description
    return _answer(status, detail or status.phrase)


def _settings_problem(_: Request[Any, Any, State], error: SettingsError) -> Response[Any]:
    return _answer(HTTPStatus.BAD_REQUEST, str(error))


def _too_deep(_: Request[Any, Any, State], __: RecursionError) -> Response[Any]:
    """Deeply nested JSON, which the framework does not take for a client's fault."""
    return _answer(HTTPStatus.BAD_REQUEST, "nested too deeply")


def _answer(status: HTTPStatus, detail: str) -> Response[Any]:
    """RFC 9457."""
    content = {"title": status.phrase, "status": status.value, "detail": detail}
    return Response(content, status_code=status, media_type="application/problem+json")
