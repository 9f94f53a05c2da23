"""Mappings to run: those on record, by digest, and a set of today's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hub.core.errors import MappingError
from hub.core.model import BlockType
from hub.ledger.store import Ledger
from hub.mapping import (
    VOCABULARY,
    CodeLists,
    Converter,
    compile_mapping,
    load_mapping,
    parse_codes,
)
from hub.mapping import Mapping as BlockMapping
from hub.position.texts import MappingText, recorded_text

Shelf = Mapping[str, BlockMapping]
"""Block -> the mapping that is to be run for it."""


class Library:
    """The mappings on record, compiled once each."""

    def __init__(
        self,
        ledger: Ledger,
        blocks: Mapping[str, BlockType],
        converters: Mapping[str, Converter] = VOCABULARY,
    ) -> None:
        self._ledger, self._blocks, self._converters = ledger, blocks, converters
        self._compiled: dict[tuple[str, str], BlockMapping | None] = {}

    async def text(self, digest: str) -> MappingText | None:
        """The recorded text; None if it is not on record."""
        return await recorded_text(self._ledger, digest)

    async def mapping(self, digest: str, block: str) -> BlockMapping | None:
        """The mapping on record under *digest*, compiled; None if its text is not there.

        MappingError when the text no longer compiles: a recorded text must, for ever.
        """
        key = (digest, block)
        if key not in self._compiled:
            text = await self.text(digest)
            self._compiled[key] = None if text is None else self.compile(text, block)
        return self._compiled[key]

    def compile(self, text: MappingText, block: str) -> BlockMapping:
        """A recorded text as a function; MappingError if it is no mapping of *block*."""
        known = self._blocks.get(block)
        if known is None:
            raise MappingError(text.name, block, "text", "no such block in the canonical model")
        codes = parse_codes(text.codes, f"{text.name}: codes") if text.codes else CodeLists()
        types = {known.type.__name__: known.type}
        return compile_mapping(text.text, types=types, codes=codes, converters=self._converters)


def shelf_of(
    folders: Mapping[str, Path],
    feeds: Mapping[str, tuple[str, ...]],
    blocks: Mapping[str, BlockType],
    converters: Mapping[str, Converter] = VOCABULARY,
) -> dict[str, BlockMapping]:
    """The mappings of a working tree: *folders* per source, *feeds* per source its blocks.

    MappingError names every mistake of the first file that has one.
    """
    return {
        block: load_mapping(folders[source], block, blocks[block].type, converters=converters)
        for source, names in feeds.items()
        for block in names
    }
