"""Query parameters and headers of a position become a Wish; every fault is named at once."""

from __future__ import annotations

import base64
import contextlib
import difflib
import re
from collections.abc import Iterable, Mapping

from msgspec import UNSET, Struct, UnsetType

from hub.api.problems import Fault, Problem
from hub.core.fields import field_paths
from hub.core.model import BlockType
from hub.position.desk import Wish
from hub.settings import Server

PAGE = 50
"""Items of a collection in one answer."""

_WAIT = re.compile(r"\s*wait\s*=\s*(\d{1,4})\s*", re.IGNORECASE)


class Asked(Struct, frozen=True, kw_only=True):
    """The parameters of a position as they came; empty ones count as absent."""

    blocks: str | None = None
    fields: str | None = None
    view: str | None = None
    prefer: str | None = None
    cursor: str | None = None


def read_wish(asked: Asked, blocks: Mapping[str, BlockType], server: Server, request: str) -> Wish:
    """The wish behind *asked*; raises Problem `invalid-request` with every fault."""
    faults: list[Fault] = []
    names = _blocks(asked.blocks, blocks, faults)
    fields = _fields(asked.fields, blocks, faults)
    wait_s = _wait(asked.prefer, server, faults)
    if asked.view not in (None, "", "full", "summary"):
        faults.append(Fault(parameter="view", detail="one of: full, summary"))
    if names is not None and not isinstance(fields, UnsetType):
        outside = sorted(fields.keys() - set(names))
        faults += [
            Fault(parameter="fields", detail=f"{name} is not among the blocks asked for")
            for name in outside
        ]
    if faults:
        raise Problem("invalid-request", errors=tuple(faults))
    if names is None and not isinstance(fields, UnsetType):
        names = tuple(name for name in blocks if name in fields)
    return Wish(blocks=names, fields=fields, wait_s=wait_s, request=request)


def _listed(text: str | None) -> list[str]:
    return [part.strip() for part in (text or "").split(",") if part.strip()]


def _blocks(
    text: str | None, blocks: Mapping[str, BlockType], faults: list[Fault]
) -> tuple[str, ...] | None:
    names = _listed(text)
    faults += [
        Fault(parameter="blocks", detail=_unknown("block", name, blocks))
        for name in names
        if name not in blocks
    ]
    return tuple(dict.fromkeys(names)) or None


def _fields(
    text: str | None, blocks: Mapping[str, BlockType], faults: list[Fault]
) -> dict[str, frozenset[str]] | UnsetType:
    chosen: dict[str, set[str]] = {}
    for path in _listed(text):
        block, _, rest = path.partition(".")
        if block not in blocks:
            faults.append(Fault(parameter="fields", detail=_unknown("block", block, blocks)))
        elif rest and rest not in (known := field_paths(blocks[block].type)):
            detail = _unknown(f"field of {block}", rest, known)
            faults.append(Fault(parameter="fields", detail=detail))
        else:
            chosen.setdefault(block, set()).add(rest or "*")
    return {name: frozenset(paths) for name, paths in chosen.items()} if chosen else UNSET


def _unknown(what: str, name: str, known: Iterable[str]) -> str:
    """Names what is unknown only if it looks like a name: anything else may be personal."""
    quoted = f" {name}" if re.fullmatch(r"[A-Za-z][A-Za-z.]{0,60}", name) else ""
    near = difflib.get_close_matches(name, list(known), 1)
    return f"no {what}{quoted}" + (f"; did you mean {near[0]}?" if near else "")


def _wait(prefer: str | None, server: Server, faults: list[Fault]) -> float:
    """Seconds of `Prefer: wait=N` (RFC 7240 section 4.3), capped; other preferences pass."""
    for part in (prefer or "").split(","):
        if not part.strip().lower().startswith("wait"):
            continue
        found = _WAIT.fullmatch(part)
        if not found or int(found.group(1)) < 1:
            detail = f"wait takes whole seconds from 1 to {server.max_wait_s:g}"
            faults.append(Fault(header="Prefer", detail=detail))
            continue
        return min(float(found.group(1)), server.max_wait_s)
    return server.default_wait_s


def read_cursor(text: str | None) -> int:
    """The row at which a page begins; Problem for a cursor that the hub did not give."""
    if not text:
        return 0
    with contextlib.suppress(ValueError):
        kind, _, row = base64.urlsafe_b64decode(text[:64] + "==").decode("ascii").partition(":")
        if kind == "row" and re.fullmatch(r"[1-9]\d{0,5}", row):
            return int(row)
    fault = Fault(parameter="cursor", detail="not a cursor of this hub; take it from `next`")
    raise Problem("invalid-request", errors=(fault,))


def write_cursor(row: int) -> str:
    """An opaque cursor that begins at *row*."""
    return base64.urlsafe_b64encode(f"row:{row}".encode()).rstrip(b"=").decode()
