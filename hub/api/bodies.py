"""A JSON body becomes a value of ours, or a problem that names the place and no value."""

from __future__ import annotations

import asyncio
import re
from typing import TypeVar

import msgspec

from hub.api.admission import RETRY_AFTER_S, place_of
from hub.api.context import AnyRequest
from hub.api.problems import Fault, Problem

T = TypeVar("T")

BODY_S = 10.0
"""How long a body may take from the end of its head: as long as the head itself."""


async def json_body(request: AnyRequest) -> bytes:
    """The body, if it says that it is JSON and comes in time.

    While it is on its way, others may have the request's place; nothing was done yet.
    """
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind != "application/json":
        raise Problem("unsupported-media-type")
    place = place_of(request.scope)
    place.leave()
    try:
        async with asyncio.timeout(BODY_S):
            body = await request.body()
    except TimeoutError:  # what is left of the body must not be read as another request
        raise Problem("too-slow", headers={"connection": "close"}) from None
    if not place.take():
        raise Problem("overloaded", retry_after=RETRY_AFTER_S)
    return body


def read_body(body: bytes, type_: type[T]) -> T:
    """*body* as *type_*, strictly; a fault names the place, never what stood there."""
    try:
        return msgspec.json.decode(body, type=type_)
    except msgspec.ValidationError as error:
        place = re.search(r"at `\$\.?([^`]*)`", str(error))
        pointer = "/" + place.group(1).replace(".", "/") if place else ""
        if missing := re.search(r"missing required field `([A-Za-z]+)`", str(error)):
            fault = Fault(pointer=f"{pointer}/{missing.group(1)}", detail="missing")
        else:
            fault = Fault(pointer=pointer, detail="not as documented")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        fault = Fault(pointer="", detail="not JSON in UTF-8")
    raise Problem("invalid-request", errors=(fault,)) from None
