"""A JSON body becomes a value of ours, or a problem that names the place and no value."""

from __future__ import annotations

import re
from typing import TypeVar

import msgspec

from hub.api.context import AnyRequest
from hub.api.problems import Fault, Problem

T = TypeVar("T")


async def json_body(request: AnyRequest) -> bytes:
    """The body, if it says that it is JSON."""
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind != "application/json":
        raise Problem("unsupported-media-type")
    return await request.body()


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
