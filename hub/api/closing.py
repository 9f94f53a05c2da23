"""`POST /v1/accesses/{id}/close`: an access that is no longer needed ends at once."""

from __future__ import annotations

from litestar import Response, Router, post
from litestar.status_codes import HTTP_200_OK

from hub.api.accesses import EXAMPLE, AccessId, AccessView, own_access, shown
from hub.api.context import AnyRequest, caller_of, context_of
from hub.api.parameters import ERRORS, LANGUAGE, NOT_FOUND, success
from hub.api.problems import request_id

CLOSED_EXAMPLE = {**EXAMPLE, "closedAt": "2026-11-22T12:30:00Z"}


@post(
    "/{access_id:str}/close",
    operation_id="closeAccess",
    summary="Close an access of mine",
    description=(
        "Nothing is asked under it from now on: what was not sent yet is cancelled. What was"
        " asked stays on record. Closing twice is closing once."
    ),
    status_code=HTTP_200_OK,
    responses={200: success(AccessView, "It is closed.", CLOSED_EXAMPLE), **ERRORS, **NOT_FOUND},
)
async def close_access(request: AnyRequest, access_id: AccessId) -> Response[bytes]:
    """Close an access of the caller's."""
    caller = caller_of(request, "official", "system")
    access = await own_access(request, caller, access_id)
    closed = await context_of(request).desk.closings.close(access, request_id(request))
    return shown(request, access, HTTP_200_OK, closed)


router = Router(
    "/v1/accesses", route_handlers=[close_access], parameters=LANGUAGE, tags=["Accesses"]
)
