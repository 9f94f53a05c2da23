"""Put the routes together into one ASGI application."""

from __future__ import annotations

from collections.abc import Mapping

from litestar import Litestar, Router
from litestar.exceptions import HTTPException
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components, Contact, License, SecurityScheme, Server, Tag
from litestar.types import ASGIApp, ControllerRouterHandler

from hub import __version__
from hub.api import (
    access_log,
    accesses,
    audit,
    capabilities,
    catalogue,
    closing,
    health,
    metrics,
    oppositions,
    own,
    planning,
    reference,
    representations,
    revealing,
    switches,
)
from hub.api.admission import Traffic, admits
from hub.api.context import Context, Operating, identified, on_stopped
from hub.api.edge import at_the_edge
from hub.api.hangup import stops_when_alone
from hub.api.openapi import encoded
from hub.api.problems import Problem, on_bug, on_closed, on_http, on_ledger, on_problem
from hub.api.traces import Begin
from hub.core.errors import AccessClosed, LedgerError
from hub.core.model import BlockType
from hub.position.abuse import Stopped

ROUTES: list[ControllerRouterHandler] = [
    own.router,
    Router("/", route_handlers=[access_log.list_my_accesses], parameters=access_log.PARAMETERS),
    planning.router,
    representations.list_representations,
    oppositions.router,
    accesses.router,
    revealing.reveal,
    capabilities.list_capabilities,
    closing.router,
    catalogue.list_blocks,
    audit.router,
    health.livez,
    health.readyz,
    health.status,
    metrics.metrics,
    switches.router,
    reference.openapi,
    reference.problem_page,
]

DESCRIPTION = """\
The integral position of a citizen of Madrid, out of the systems that each know a piece.

A position is complete or says plainly what is missing: every block has a `state`, and
`empty` (the source holds nothing), `unavailable` (it did not answer) and `denied` (you may
not ask) are three different things. Errors are problem documents (RFC 9457).
"""


def build_api(context: Context) -> ASGIApp:
    """The application that serves *context*; it needs no lifespan."""
    return stops_when_alone(litestar_app(context))


def at_the_door(app: ASGIApp, traffic: Traffic, operating: Operating, begin: Begin) -> ASGIApp:
    """*app* with everything that a request passes first, whatever is configured within."""
    return at_the_edge(admits(app, traffic.gate), operating.requests, begin)


def litestar_app(context: Context) -> Litestar:
    """The inner application, with its routes and exception handlers."""
    app = Litestar(
        route_handlers=ROUTES,
        before_request=identified,
        exception_handlers={
            Problem: on_problem,
            HTTPException: on_http,
            AccessClosed: on_closed,
            Stopped: on_stopped,
            LedgerError: on_ledger,
            Exception: on_bug,
        },
        openapi_config=None,
        logging_config=None,
        request_max_body_size=context.settings.server.max_body_bytes,
    )
    app.state.context = context
    app.state.openapi = openapi_document(context.desk.blocks)
    return app


def openapi_document(blocks: Mapping[str, BlockType]) -> bytes:
    """The OpenAPI 3.1 document for *blocks*, as served and as kept in `contracts/hub/`."""
    bare = Litestar(route_handlers=ROUTES, openapi_config=_openapi_config(), logging_config=None)
    return encoded(bare.openapi_schema.to_schema(), blocks)


def _openapi_config() -> OpenAPIConfig:
    return OpenAPIConfig(
        title="Posición integral",
        version=__version__,
        description=DESCRIPTION,
        path="/schema",
        render_plugins=(),
        contact=Contact(
            name="Posición integral", url="https://www.madrid.es/", email="hub@example.org"
        ),
        license=License(name="EUPL-1.2", identifier="EUPL-1.2"),
        components=Components(
            security_schemes={
                "token": SecurityScheme(type="http", scheme="bearer", bearer_format="JWT")
            }
        ),
        security=[{"token": []}],
        servers=[Server(url="/")],
        tags=[
            Tag(name="Citizen", description="A citizen's own position."),
            Tag(name="Accesses", description="Positions under a declared access."),
            Tag(name="Catalogue", description="What exists."),
            Tag(name="Audit", description="The evidence, for auditors alone."),
            Tag(name="Operations", description="For operators and their probes."),
        ],
    )
