"""The documents that the hub serves about itself: its OpenAPI and what each problem means."""

from __future__ import annotations

from pathlib import Path

from litestar import Response, get
from litestar.params import FromPath

from hub.api.context import AnyRequest
from hub.api.problems import Problem
from hub.api.texts import TITLES
from hub.settings import shipped


@get("/openapi.json", include_in_schema=False)
async def openapi(request: AnyRequest) -> Response[bytes]:
    """The OpenAPI 3.1 document of this very process."""
    body: bytes = request.app.state.openapi
    headers = {"cache-control": "public, max-age=300"}
    return Response(body, media_type="application/json", headers=headers)


@get("/problems/{slug:str}", include_in_schema=False)
async def problem_page(slug: FromPath[str]) -> Response[str]:
    """What a problem type means and what to do about it."""
    if slug not in TITLES:
        raise Problem("not-found")
    text = problem_file(slug).read_text("utf-8")
    return Response(text, media_type="text/markdown; charset=utf-8")


def problem_file(slug: str) -> Path:
    """The page of a problem type."""
    return shipped("contracts") / "hub" / "problems" / f"{slug}.md"
