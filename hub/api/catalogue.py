"""`/v1/blocks`: which blocks exist, where they come from, and for which purposes."""

from __future__ import annotations

import msgspec
from litestar import Response, get
from msgspec import Struct

from hub.api.context import AnyRequest, context_of
from hub.api.parameters import success
from hub.core.model import BlockType
from hub.position.desk import Desk


class BlockInfo(Struct, frozen=True, kw_only=True, rename="camel"):
    """A block as a portal team needs to know it."""

    name: str
    title: dict[str, str]
    source: str | None
    """None when no configured source feeds it."""
    collection: bool
    special_category: bool
    purposes: tuple[str, ...]
    schema: str
    """Where its canonical type stands in the OpenAPI document."""


class BlockList(Struct, frozen=True, kw_only=True, rename="camel"):
    """Every block of the hub."""

    blocks: tuple[BlockInfo, ...]


EXAMPLE = {
    "blocks": [
        {
            "name": "residence",
            "title": {"es": "Empadronamiento", "en": "Registered residence"},
            "source": "padron",
            "collection": False,
            "specialCategory": False,
            "purposes": ["self_service"],
            "schema": "#/components/schemas/Residence",
        }
    ]
}


@get(
    "/v1/blocks",
    operation_id="listBlocks",
    summary="The blocks that exist",
    description="Open to everybody: it says what the hub knows about, and nothing about anybody.",
    responses={200: success(BlockList, "The blocks.", EXAMPLE)},
    tags=["Catalogue"],
    security=[{}],
)
async def list_blocks(request: AnyRequest) -> Response[bytes]:
    """The blocks, their sources and purposes."""
    desk = context_of(request).desk
    infos = tuple(_info(block, desk) for block in desk.blocks.values())
    return Response(
        msgspec.json.encode(BlockList(blocks=infos)),
        media_type="application/json",
        headers={"cache-control": "public, max-age=300"},
    )


def _info(block: BlockType, desk: Desk) -> BlockInfo:
    source = desk.sources.of_block.get(block.name)
    return BlockInfo(
        name=block.name,
        title={"es": block.title_es, "en": block.title_en},
        source=source.spec.name if source else None,
        collection=block.is_collection,
        special_category=block.special,
        purposes=tuple(p.code for p in desk.purposes.purposes if block.name in p.blocks),
        schema=f"#/components/schemas/{block.type.__name__}",
    )
