"""Load what `hub.toml` names: connectors with their clients and mappings."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType

import httpx
from msgspec import Struct

from hub.core.connector import Connector, Spec
from hub.core.errors import MappingError, SettingsError
from hub.core.exchange import Recorder
from hub.core.model import BlockType
from hub.core.moment import Clock, utc_now
from hub.mapping import VOCABULARY, Converter, check_paths, load_mapping, load_schemas
from hub.mapping import Mapping as BlockMapping
from hub.position.pulse import Pulse
from hub.position.tempo import Tempo
from hub.settings import Settings, SourceSettings, convert_table, shipped
from hub.wire.client import SourceClient, open_client
from hub.wire.switch import WHOLE

Inner = Callable[[str], httpx.AsyncBaseTransport | None]
"""Gives a source's innermost transport; None for the real network."""


class Source(Struct, frozen=True, kw_only=True):
    """One system, ready to be asked, and what its answers mean."""

    spec: Spec
    connector: Connector
    client: SourceClient
    mappings: Mapping[str, BlockMapping]


class Sources:
    """Every configured source, and which of them feeds a block."""

    def __init__(
        self,
        sources: Mapping[str, Source],
        clock: Clock = utc_now,
        converters: Mapping[str, Converter] = VOCABULARY,
    ) -> None:
        self.by_name, self.converters = sources, converters
        self.pulse = Pulse(tuple(sources), clock)
        self.tempo = Tempo()
        self.of_block = {
            block: source for source in sources.values() for block in source.spec.blocks
        }

    async def aclose(self) -> None:
        """Close every connection."""
        for source in self.by_name.values():
            await source.client.aclose()


def load_sources(
    settings: Settings,
    recorder: Recorder,
    blocks: Mapping[str, BlockType],
    inner: Inner = lambda _: None,
    converters: Mapping[str, Converter] = VOCABULARY,
) -> Sources:
    """Open every enabled source of *settings*; SettingsError lists all faults at once."""
    faults: list[str] = []
    loaded: dict[str, Source] = {}
    for name, table in settings.sources.items():
        if not table.enabled:
            continue
        try:
            loaded[name] = _load(name, table, settings, recorder, blocks, inner(name), converters)
        except SettingsError as error:
            faults += error.faults
        except MappingError as error:
            faults.append(f"sources.{name}: {error}")
    faults += _shared_blocks(loaded)
    if faults:
        raise SettingsError(faults)
    return Sources(loaded, converters=converters)


def read_spec(name: str, table: SourceSettings) -> tuple[ModuleType, Spec]:
    """The module and declaration of a source, without opening anything."""
    try:
        module = importlib.import_module(table.module)
    except ImportError as error:
        raise SettingsError([f"sources.{name}.module: {table.module}: {error}"]) from None
    spec = getattr(module, "SPEC", None)
    if not isinstance(spec, Spec):
        raise SettingsError([f"sources.{name}.module: {table.module} offers no SPEC"])
    return module, spec


def mappings_folder(module: ModuleType, spec: Spec) -> Path:
    """Where a connector's mappings are: its module may say (`MAPPINGS`), else beside the hub's."""
    own = getattr(module, "MAPPINGS", None)
    return Path(own) if own else shipped("mappings") / spec.name


def contract_folder(mappings: Path) -> Path:
    """A connector's contract, given the folder of its mappings: they are siblings."""
    return mappings.parent.parent / "contracts" / mappings.name


def _load(
    name: str,
    table: SourceSettings,
    settings: Settings,
    recorder: Recorder,
    blocks: Mapping[str, BlockType],
    inner: httpx.AsyncBaseTransport | None,
    converters: Mapping[str, Converter],
) -> Source:
    module, spec = read_spec(name, table)
    known = {operation.name for operation in spec.operations} | {WHOLE}
    faults = [
        f"sources.{name}.limits.off: no operation {o}" for o in table.limits.off if o not in known
    ]
    if faults := [*faults, *_spec_faults(name, spec, blocks)]:
        raise SettingsError(faults)
    where = f"sources.{name}.settings"
    options = convert_table(table.settings, module.Settings, settings.root, where)
    mappings = _load_mappings(mappings_folder(module, spec), spec, blocks, converters)
    client = open_client(
        name,
        table.url,
        recorder,
        egress=table.egress,
        keeps_cookies=table.cookies,
        transport=inner,
        limits=table.limits,
    )
    connector = module.open_connector(client, options)
    return Source(spec=spec, connector=connector, client=client, mappings=mappings)


def _load_mappings(
    folder: Path,
    spec: Spec,
    blocks: Mapping[str, BlockType],
    converters: Mapping[str, Converter],
) -> dict[str, BlockMapping]:
    """The mapping of each block, held against the payloads that the contract describes."""
    schemas = load_schemas(contract_folder(folder))
    found = {
        block: load_mapping(folder, block, blocks[block].type, converters=converters)
        for block in spec.blocks
    }
    faults = [fault for mapping in found.values() for fault in check_paths(mapping, schemas)]
    if faults:
        raise SettingsError(faults)
    return found


def _spec_faults(name: str, spec: Spec, blocks: Mapping[str, BlockType]) -> list[str]:
    operations = {operation.name for operation in spec.operations}
    faults = [f"its SPEC is called {spec.name}"] if spec.name != name else []
    faults += [
        f"operation {operation.name} has legal effect and cannot be configured"
        for operation in spec.operations
        if operation.legal_effect
    ]
    faults += [f"operation {o.name} declares no echo" for o in spec.operations if not o.echoes]
    for block, needed in spec.blocks.items():
        faults += [f"no block {block} in the canonical model"] if block not in blocks else []
        faults += [f"block {block}: no operation {n}" for n in needed if n not in operations]
    return [f"sources.{name}: {fault}" for fault in faults]


def _shared_blocks(loaded: Mapping[str, Source]) -> list[str]:
    owners: dict[str, list[str]] = {}
    for name, source in loaded.items():
        for block in source.spec.blocks:
            owners.setdefault(block, []).append(name)
    return [
        f"block {block}: two sources offer it ({', '.join(names)})"
        for block, names in owners.items()
        if len(names) > 1
    ]
