"""Every error as a problem document (RFC 9457); none quotes a path, a value or a stack.

`type` is a relative reference, `/problems/<slug>`, under which the hub explains itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException
from msgspec import Struct

from hub.api.texts import TITLES, language_of, title
from hub.core.errors import AccessClosed, LedgerError
from hub.logs import place_of
from hub.tracing import note_error

log = structlog.get_logger()

MEDIA_TYPE = "application/problem+json"

_BY_STATUS = {
    401: "missing-token",
    404: "not-found",
    405: "method-not-allowed",
    413: "too-large",
    415: "unsupported-media-type",
}


class Fault(Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """One thing that is wrong: where (a query parameter, header or JSON pointer) and why."""

    parameter: str | None = None
    header: str | None = None
    pointer: str | None = None
    block: str | None = None
    path: str | None = None
    """The canonical path that was named and refused."""
    needs: str | None = None
    """What would be needed: a level of assurance, a scope, codes of purposes."""
    reason: str | None = None
    detail: str


class ProblemDocument(Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    """The body of an error."""

    type: str
    status: int
    title: str
    detail: str | None = None
    trace_id: str | None = None
    retry_after: int | None = None
    errors: tuple[Fault, ...] = ()


class Problem(Exception):
    """Stops the request with a problem document."""

    def __init__(
        self,
        slug: str,
        detail: str | None = None,
        errors: tuple[Fault, ...] = (),
        headers: Mapping[str, str] | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(slug)
        self.slug, self.detail, self.errors = slug, detail, errors
        self.headers, self.retry_after = dict(headers or {}), retry_after


def request_id(request: Request[Any, Any, Any]) -> str:
    """The id that logs, ledger and problem documents share."""
    return str(request.scope.get("hub_request", "-"))


def problem_response(request: Request[Any, Any, Any], problem: Problem) -> Response[bytes]:
    """The answer for *problem*, in the caller's language."""
    language = language_of(request.headers.get("accept-language"))
    status = TITLES[problem.slug][0]
    document = ProblemDocument(
        type=f"/problems/{problem.slug}",
        status=status,
        title=title(problem.slug, language),
        detail=problem.detail,
        trace_id=request_id(request),
        retry_after=problem.retry_after,
        errors=problem.errors,
    )
    headers = {"content-language": language, **problem.headers}
    if problem.retry_after is not None:
        headers["retry-after"] = str(problem.retry_after)
    if status == 401:  # noqa: PLR2004 - RFC 6750 section 3
        error = ', error="invalid_token"' if problem.slug == "invalid-token" else ""
        headers.setdefault("www-authenticate", f'Bearer realm="posicion-integral"{error}')
    return Response(
        msgspec.json.encode(document), status_code=status, media_type=MEDIA_TYPE, headers=headers
    )


def on_problem(request: Request[Any, Any, Any], error: Problem) -> Response[bytes]:
    """A problem that the hub raised itself."""
    return problem_response(request, error)


def on_http(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """An error of the framework; its own text can quote the request, so it is dropped."""
    slug = _BY_STATUS.get(error.status_code, "invalid-request")
    if error.status_code >= 500:  # noqa: PLR2004
        slug = "internal-error"
    headers = {k: v for k, v in (error.headers or {}).items() if k.lower() == "allow"}
    return problem_response(request, Problem(slug, headers=headers))


def on_ledger(request: Request[Any, Any, Any], error: LedgerError) -> Response[bytes]:
    """No record, no answer."""
    log.error("ledger_refused", error=type(error).__name__)
    return problem_response(request, Problem("ledger-unavailable", retry_after=5))


def on_closed(request: Request[Any, Any, Any], _: AccessClosed) -> Response[bytes]:
    """The access was closed while its position was put together."""
    return problem_response(request, Problem("access-closed"))


def on_bug(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """A fault of the hub: the log names its type and place, never its text."""
    log.error("request_failed", error=type(error).__name__, place=place_of(error))
    note_error(error)
    return problem_response(request, Problem("internal-error"))
