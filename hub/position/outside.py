"""What connector packages bring beside their connectors: block types and converters.

`BLOCKS` (BlockType) and `CONVERTERS` (`{"acme.money": function}`) are names of the package,
read because `hub.toml` names its module, and for no other reason. A purpose row that it
proposes stays inert until somebody copies it into `purposes.toml`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import ModuleType

from msgspec import Struct

from hub.core.errors import SettingsError
from hub.core.model import BLOCKS, BlockType
from hub.mapping import VOCABULARY, Converter
from hub.position.sources import read_spec
from hub.settings import Settings


class Model(Struct, frozen=True, kw_only=True):
    """Every block and every converter that the configured sources may use."""

    blocks: Mapping[str, BlockType]
    converters: Mapping[str, Converter]


def model_of(settings: Settings) -> Model:
    """The hub's own model with what every source of *settings* brings.

    A source that is switched off counts too, so that its records stay readable; only its
    module may be missing. SettingsError lists names that are taken or badly formed.
    """
    modules = []
    for name, table in settings.sources.items():
        try:
            modules.append((name, read_spec(name, table)[0]))
        except SettingsError:
            if table.enabled:
                raise
    return model_with(modules)


def model_with(modules: Iterable[tuple[str, ModuleType]]) -> Model:
    """The hub's own model with what *modules*, by the names of their sources, bring."""
    blocks, converters, faults = dict(BLOCKS), dict(VOCABULARY), list[str]()
    types = {block.type.__name__ for block in blocks.values()}
    for source, module in modules:
        for block in getattr(module, "BLOCKS", ()):
            if block.name in blocks or block.type.__name__ in types:
                faults.append(
                    f"sources.{source}: there is a block {block.name} or its type already"
                )
            blocks[block.name] = block
            types.add(block.type.__name__)
        for name, converter in getattr(module, "CONVERTERS", {}).items():
            if "." not in name:
                faults.append(
                    f"sources.{source}: converter {name}: its name has a dot (acme.money)"
                )
            if name in converters:
                faults.append(f"sources.{source}: there is a converter {name} already")
            converters[name] = converter
    if faults:
        raise SettingsError(faults)
    return Model(blocks=blocks, converters=converters)
