"""How a position is shown: pages of a collection, the summary, the entity tag, the headers."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec
from litestar import Response
from msgspec import Struct

from hub.api.wishes import PAGE, write_cursor
from hub.core.model import BlockType
from hub.core.model.canonical import Highlight
from hub.core.position import (
    Block,
    Denied,
    Fresh,
    Pending,
    Position,
    Stale,
    SubjectView,
    Unavailable,
)
from hub.position.desk import Answered

_encoder = msgspec.json.Encoder(decimal_format="string")


class BlockSummary(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What a phone's first screen needs of a block."""

    state: str
    count: int | None = None
    needs_action: int | None = None
    """How many items wait for something that the citizen can do."""
    next_date: dt.date | None = None
    """The nearest date on which something is due."""
    reason: str | None = None
    retry_after: int | None = None


class PositionSummary(Struct, frozen=True, kw_only=True, rename="camel"):
    """A position in at most 8 KB."""

    subject: SubjectView
    as_of: dt.datetime
    purpose: str
    complete: bool
    blocks: Mapping[str, BlockSummary]


def paged(block: Block, first: int = 0) -> Block:
    """The block with one page of its collection: `items`, `count`, and `next` if more follow."""
    if not isinstance(block, Fresh | Stale) or not isinstance(
        block.data.get("items"), list | tuple
    ):
        return block
    items = block.data["items"]
    last = first + PAGE
    data: dict[str, Any] = {**block.data, "items": items[first:last], "count": len(items)}
    if last < len(items):
        data["next"] = write_cursor(last)
    return msgspec.structs.replace(block, data=data)


def whole_view(position: Position) -> Position:
    """The position with the first page of each collection."""
    blocks = {name: paged(block) for name, block in position.blocks.items()}
    return msgspec.structs.replace(position, blocks=blocks)


def summary_view(answered: Answered) -> PositionSummary:
    """State, count, what needs action and the next date of each block."""
    position, highlights = answered.position, answered.highlights
    return PositionSummary(
        subject=position.subject,
        as_of=position.as_of,
        purpose=position.purpose,
        complete=position.complete,
        blocks={
            name: _summary(block, highlights.get(name, Highlight()))
            for name, block in position.blocks.items()
        },
    )


def _summary(block: Block, highlight: Highlight) -> BlockSummary:
    plain = msgspec.to_builtins(block)
    state = plain["state"]
    if isinstance(block, Pending | Unavailable | Denied):
        return BlockSummary(
            state=state, reason=plain.get("reason"), retry_after=plain.get("retryAfter")
        )
    if not isinstance(block, Fresh | Stale):
        return BlockSummary(state=state, count=0)
    return BlockSummary(
        state=state,
        count=highlight.count,
        needs_action=highlight.needs_action,
        next_date=highlight.next_date,
    )


def entity_tag(shown: object) -> str:
    """A weak entity tag over the content without times and exchange ids (RFC 9110 8.8.3)."""
    plain = msgspec.to_builtins(shown)
    plain.pop("asOf", None)
    for block in plain.get("blocks", {plain.get("state", ""): plain}).values():
        block.pop("provenance", None)
        block.pop("retryAfter", None)
    digest = hashlib.sha256(_encoder.encode(plain)).hexdigest()[:32]
    return f'W/"{digest}"'


def content_response(
    shown: object,
    names: Mapping[str, object],
    blocks: Mapping[str, BlockType],
    if_none_match: str | None,
    headers: Mapping[str, str],
) -> Response[bytes]:
    """200 with *shown*, or 304 when the caller has it already."""
    tag = entity_tag(shown)
    special = any(blocks[name].special for name in names if name in blocks)
    control = "private, no-store" if special else "private, no-cache"
    common = {**headers, "etag": tag, "cache-control": control, "vary": "Authorization, Prefer"}
    known = [part.strip() for part in (if_none_match or "").split(",")]
    if tag in known:
        return Response(b"", status_code=304, headers=common, media_type="application/json")
    return Response(_encoder.encode(shown), media_type="application/json", headers=common)
