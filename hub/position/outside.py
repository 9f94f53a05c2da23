"""What a connector package brings beside its connector: block types and converters.

`BLOCKS` (BlockType) and `CONVERTERS` (`{"acme.money": function}`) are names of the package,
read because `hub.toml` names its module, and for no other reason. A purpose row that it
proposes stays inert until somebody copies it into `purposes.toml`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType

from hub.core.errors import SettingsError
from hub.core.model import BLOCKS, BlockType
from hub.mapping import VOCABULARY, Converter, load_mapping
from hub.mapping import Mapping as BlockMapping


def own_blocks(module: ModuleType) -> tuple[BlockType, ...]:
    """The block types that *module* brings."""
    return tuple(getattr(module, "BLOCKS", ()))


def own_converters(module: ModuleType) -> Mapping[str, Converter]:
    """The hub's converters and those that *module* brings, for its own mappings."""
    return {**VOCABULARY, **getattr(module, "CONVERTERS", {})}


def blocks_with(
    modules: Iterable[tuple[str, ModuleType]], blocks: Mapping[str, BlockType] = BLOCKS
) -> dict[str, BlockType]:
    """*blocks* and those that *modules* bring; SettingsError for a name that is taken."""
    found, faults = dict(blocks), list[str]()
    for source, module in modules:
        for block in own_blocks(module):
            if block.name in found:
                faults.append(f"sources.{source}: there is a block {block.name} already")
            found[block.name] = block
        faults += [f"sources.{source}: {fault}" for fault in _converter_faults(module)]
    if faults:
        raise SettingsError(faults)
    return found


def load_block_mapping(folder: Path, block: BlockType, module: ModuleType) -> BlockMapping:
    """The mapping of *block* in *folder*, with the converters that *module* brings."""
    return load_mapping(folder, block.name, block.type, converters=own_converters(module))


def _converter_faults(module: ModuleType) -> list[str]:
    return [
        f"converter {name}: an outside name has a dot (acme.money)"
        for name in getattr(module, "CONVERTERS", {})
        if "." not in name
    ]
