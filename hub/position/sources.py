"""Load what `hub.toml` names: connectors with their clients and mappings."""

from __future__ import annotations

import importlib
import pkgutil
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType

import httpx
from msgspec import Struct
from msgspec.structs import replace

from hub.core.connector import Connector, Spec
from hub.core.errors import MappingError, SettingsError
from hub.core.exchange import Recorder
from hub.core.model import BlockType
from hub.core.moment import Clock, utc_now
from hub.core.placing import near
from hub.mapping import VOCABULARY, Converter, check_paths, load_mapping, load_schemas
from hub.mapping import Mapping as BlockMapping
from hub.position.pulse import Pulse
from hub.position.tempo import Tempo
from hub.settings import Settings, SourceSettings, shipped
from hub.tables import convert_table
from hub.wire.client import SourceClient, open_client
from hub.wire.switch import WHOLE
from hub.wire.validity import Held, certificates_in, refuse_outdated

Inner = Callable[[str], httpx.AsyncBaseTransport | None]
"""Gives a source's innermost transport; None for the real network."""


class Source(Struct, frozen=True, kw_only=True):
    """One system, ready to be asked, and what its answers mean."""

    spec: Spec
    connector: Connector
    client: SourceClient
    mappings: Mapping[str, BlockMapping]
    table: SourceSettings | None = None
    """What it was opened from."""
    options: object = None
    """The connector's own settings, secrets resolved: a renewed password is another source."""
    certificates: tuple[Held, ...] = ()
    """The hub's own and those that it believes, as they stand in the settings."""


class Sources:
    """Every configured source, and which of them feeds a block."""

    def __init__(
        self,
        sources: Mapping[str, Source],
        clock: Clock = utc_now,
        before: Sources | None = None,
        converters: Mapping[str, Converter] = VOCABULARY,
    ) -> None:
        self.by_name, self.converters = sources, converters
        self.pulse: Pulse = before.pulse if before else Pulse(tuple(sources), clock)
        self.tempo: Tempo = before.tempo if before else Tempo()
        self.drift: Counter[tuple[str, str]] = before.drift if before else Counter()
        """By mapping: `misfit` for answers that it could not read, `unknown_code` for fields."""
        self.of_block = {
            block: source for source in sources.values() for block in source.spec.blocks
        }

    def replaced_by(self, after: Sources) -> tuple[Source, ...]:
        """Those whose way out *after* does not use any more."""
        kept = {id(source.client) for source in after.by_name.values()}
        return tuple(s for s in self.by_name.values() if id(s.client) not in kept)

    def succeed(self, before: Sources) -> None:
        """Take over from *before*: a switch that the file moved is turned, others stay.

        A source with another way out keeps its switch, for what is under way on the old one too.
        """
        self.pulse.follow(tuple(self.by_name))
        for name, source in self.by_name.items():
            old = before.by_name.get(name)
            if old is not None:
                switch = source.client.guard.switch = old.client.guard.switch
                was, now = _off(old), _off(source)
                for operation in was ^ now:
                    switch.turn(operation, off=operation in now)

    async def aclose(self) -> None:
        """Close every connection."""
        for source in self.by_name.values():
            await source.client.aclose()


def _off(source: Source) -> frozenset[str]:
    """What its table switches off."""
    return frozenset(source.table.limits.off if source.table else ())


def load_sources(
    settings: Settings,
    recorder: Recorder,
    blocks: Mapping[str, BlockType],
    inner: Inner = lambda _: None,
    converters: Mapping[str, Converter] = VOCABULARY,
    before: Sources | None = None,
) -> Sources:
    """Open every enabled source of *settings*; SettingsError lists all faults at once.

    One that *before* has, and that nothing changed for but its switches, goes on as it is.
    """
    faults: list[str] = []
    known = before.by_name if before else {}
    loaded: dict[str, Source] = {}
    for name, table in settings.sources.items():
        if not table.enabled:
            continue
        try:
            loaded[name] = _load(
                name, table, settings, recorder, blocks, inner(name), converters, known.get(name)
            )
        except SettingsError as error:
            faults += error.faults
        except MappingError as error:
            faults.append(f"sources.{name}: {error}")
    faults += _shared_blocks(loaded)
    if faults:
        raise SettingsError(faults)
    return Sources(loaded, before=before, converters=converters)


def read_spec(name: str, table: SourceSettings) -> tuple[ModuleType, Spec]:
    """The module and declaration of a source, without opening anything."""
    try:
        module = importlib.import_module(table.module)
    except ImportError as error:
        meant = near(table.module, _neighbours(table.module))
        raise SettingsError([f"sources.{name}.module: {table.module}: {error}{meant}"]) from None
    spec = getattr(module, "SPEC", None)
    if not isinstance(spec, Spec):
        raise SettingsError([f"sources.{name}.module: {table.module} offers no SPEC"])
    return module, spec


def _neighbours(module: str) -> list[str]:
    """The modules that stand where *module* would."""
    package = module.rpartition(".")[0]
    try:
        folders = importlib.import_module(package).__path__ if package else []
    except (ImportError, AttributeError):
        return []
    return [f"{package}.{found.name}" for found in pkgutil.iter_modules(folders)]


def source_faults(
    name: str, table: SourceSettings, root: Path, blocks: Mapping[str, BlockType]
) -> list[str]:
    """What is wrong with a source's table, its secrets and certificates; opens nothing."""
    try:
        module, spec = read_spec(name, table)
    except SettingsError as error:
        return list(error.faults)
    faults = [*_off_faults(name, table, spec), *_spec_faults(name, spec, blocks)]
    where = f"sources.{name}.settings"
    try:
        options = convert_table(table.settings, module.Settings, root, where)
        refuse_outdated(where, certificates_in(options), utc_now())
    except SettingsError as error:
        faults += error.faults
    return faults


def _off_faults(name: str, table: SourceSettings, spec: Spec) -> list[str]:
    known = {operation.name for operation in spec.operations} | {WHOLE}
    return [
        f"sources.{name}.limits.off: no operation {off}{near(off, known)}"
        for off in table.limits.off
        if off not in known
    ]


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
    before: Source | None = None,
) -> Source:
    module, spec = read_spec(name, table)
    if faults := [*_off_faults(name, table, spec), *_spec_faults(name, spec, blocks)]:
        raise SettingsError(faults)
    where = f"sources.{name}.settings"
    options = convert_table(table.settings, module.Settings, settings.root, where)
    mappings = _load_mappings(mappings_folder(module, spec), spec, blocks, converters)
    if before is not None and _is_same(before, table, options):
        return replace(before, mappings=mappings, table=table)
    held = certificates_in(options)
    refuse_outdated(where, held, utc_now())
    client = open_client(
        name,
        table.url,
        recorder,
        egress=table.egress,
        keeps_cookies=table.cookies,
        transport=inner,
        limits=table.limits,
        tells_trace=table.traceparent,
    )
    connector = _opened(module, client, options, where)
    return Source(
        spec=spec,
        connector=connector,
        client=client,
        mappings=mappings,
        table=table,
        options=options,
        certificates=held,
    )


def _opened(module: ModuleType, client: SourceClient, options: object, where: str) -> Connector:
    """The connector; what it finds wrong with its settings is told by their place."""
    try:
        connector: Connector = module.open_connector(client, options)
    except SettingsError as error:
        known = {str(name) for name in getattr(options, "__struct_fields__", ())}
        raise SettingsError([_placed(fault, where, known) for fault in error.faults]) from None
    return connector


def _placed(fault: str, where: str, known: set[str]) -> str:
    text = fault.partition(": ")[2] or fault
    return f"{where}.{text}" if text.partition(":")[0] in known else f"{where}: {text}"


def _is_same(before: Source, table: SourceSettings, options: object) -> bool:
    """Whether *before* was opened from the same, but for what is switched off."""
    if before.table is None or before.options != options:
        return False
    limits = replace(table.limits, off=before.table.limits.off)
    return replace(table, limits=limits) == before.table


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
