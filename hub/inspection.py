"""What operators, analysts and the build look at: configuration, mappings, contracts, ledger."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from hub.api.auth import issuer_faults
from hub.api.build import openapi_document
from hub.core.connector import Spec
from hub.core.errors import MappingError, SettingsError
from hub.core.model import BLOCKS
from hub.generation import contracts_of
from hub.ledger.open import PUBLIC_KEY, open_ledger
from hub.ledger.verify import main as verifier
from hub.mapping import (
    Mapping,
    check_paths,
    coverage,
    examples_path,
    file_stem,
    load_mapping,
    load_schemas,
    mapping_table,
    run_examples,
)
from hub.position.outside import model_of
from hub.position.purposes import load_purposes
from hub.position.sources import contract_folder, mappings_folder, read_spec, source_faults
from hub.position.units import load_units
from hub.settings import Settings
from hub.tables import UNREADABLE
from hub.telemetry import telemetry_faults
from hub.testing.page import with_table


def configuration_faults(settings: Settings) -> list[str]:
    """Everything that would stop the hub from starting, without opening anything."""
    folder, faults = contracts_of(settings) / "hub", list[str]()
    try:
        blocks = model_of(settings).blocks
    except SettingsError as error:
        faults, blocks = list(error.faults), BLOCKS
    for load in (lambda: load_purposes(folder / "purposes.toml", blocks), lambda: _units(folder)):
        try:
            load()
        except SettingsError as error:
            faults += error.faults
    for issuer in settings.issuers:
        faults += issuer_faults(issuer)
    faults += telemetry_faults(settings.telemetry, settings.root)
    for name, table in settings.sources.items():
        if table.enabled:
            faults += source_faults(name, table, settings.root, blocks)
    if settings.sandbox is not None and not settings.path(settings.keys).is_dir():
        faults = [fault for fault in faults if UNREADABLE not in fault]  # it makes its own
    return list(dict.fromkeys(faults + check_mappings(settings)[1]))


def _units(folder: Path) -> None:
    load_units(folder / "units.toml")


def _specs(settings: Settings) -> Iterator[tuple[Spec, Path, Path]]:
    """Per source its declaration, its mappings' folder and its contract's folder."""
    for name, table in settings.sources.items():
        module, spec = read_spec(name, table)
        folder = mappings_folder(module, spec)
        yield spec, folder, contract_folder(folder)


def connectors_table(settings: Settings) -> str:
    """The sources as a Markdown table."""
    lines = ["| source | owner | operation | echoes | blocks |", "|---|---|---|---|---|"]
    for spec, _, _ in _specs(settings):
        for operation in spec.operations:
            blocks = [block for block, needs in spec.blocks.items() if operation.name in needs]
            echoes = ", ".join(f"{echo.path} = {echo.of}" for echo in operation.echoes)
            cells = (spec.name, spec.owner, operation.name, echoes, ", ".join(blocks))
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _mappings(settings: Settings) -> Iterator[tuple[Mapping, Path, Path, str]]:
    model = model_of(settings)
    for spec, folder, contract in _specs(settings):
        for block in spec.blocks:
            if block not in model.blocks:
                raise SettingsError([f"{spec.name}: no block {block} in the canonical model"])
            type_, converters = model.blocks[block].type, model.converters
            mapping = load_mapping(folder, block, type_, converters=converters)
            yield mapping, folder, contract, block


def check_mappings(settings: Settings) -> tuple[list[str], list[str]]:
    """Per mapping a line, and every fault: contract paths, target types, examples."""
    lines: list[str] = []
    faults: list[str] = []
    try:
        for mapping, folder, contract, block in _mappings(settings):
            schemas = load_schemas(contract)
            found = [
                *check_paths(mapping, schemas),
                *run_examples(mapping, examples_path(folder, block)),
            ]
            faults += [f"{mapping.name}: {fault}" for fault in found]
            lines.append(f"{mapping.name}@{mapping.version} {mapping.digest[:12]}")
    except SettingsError as error:
        faults += error.faults
    except (MappingError, OSError) as error:
        faults.append(str(error))
    return lines, faults


def mapping_tables(settings: Settings, block: str | None = None) -> str:
    """The mapping of *block*, or all, in Markdown."""
    tables = [
        mapping_table(mapping)
        for mapping, _, _, name in _mappings(settings)
        if block is None or name == block
    ]
    if not tables:
        raise SettingsError(
            [
                f"no mapping feeds a block of this name; there are: {', '.join(model_of(settings).blocks)}"
            ]
        )
    return "\n\n".join(tables)


def coverage_report(settings: Settings) -> str:
    """Per source the fields of its contract that no mapping reads."""
    lines: list[str] = []
    maps: dict[Path, list[Mapping]] = {}
    for mapping, _, contract, _ in _mappings(settings):
        maps.setdefault(contract, []).append(mapping)
    for contract, chosen in maps.items():
        found = coverage(chosen, load_schemas(contract))
        total = len(found.read) + len(found.never_read)
        lines.append(f"{contract.name}: {len(found.read)} of {total} source fields are read")
        lines += [f"  never read: {path}" for path in sorted(found.never_read)]
    return "\n".join(lines)


def verify(settings: Settings, file: Path | None, checkpoints: Sequence[Path]) -> int:
    """Verify the ledger, or a copy, and print what was found; 0 when nothing was altered."""
    key = settings.path(settings.keys) / PUBLIC_KEY
    ledger = file or settings.path(settings.ledger.file)
    if not ledger.exists():
        raise SettingsError([f"there is no ledger at {file or settings.ledger.file} yet"])
    command = [ledger, "--key", key]
    for checkpoint in checkpoints:
        command += ["--checkpoint", checkpoint]
    return verifier([str(part) for part in command])


async def recent_records(settings: Settings, count: int) -> list[str]:
    """The last records, newest first: what is in clear, nothing of what is sealed."""
    file, keys = settings.path(settings.ledger.file), settings.path(settings.keys)
    if not file.exists():
        raise SettingsError([f"there is no ledger at {settings.ledger.file} yet"])
    ledger = open_ledger(file, keys, origin=settings.ledger.origin)
    try:
        records = await ledger.recent(count)
    finally:
        await ledger.close()
    return [f"{record.index} {record.leaf.decode()}" for record in records]


def write_contracts(settings: Settings, *, check: bool) -> list[str]:
    """Write what is generated under `contracts/hub/` and `docs/`; the names of what differed."""
    stale = []
    for path, content in _generated(settings):
        if path.exists() and path.read_bytes() == content:
            continue
        stale.append(path.relative_to(settings.root).as_posix())
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    return stale


def _generated(settings: Settings) -> Iterator[tuple[Path, bytes]]:
    hub = settings.root / "contracts" / "hub"
    blocks = model_of(settings).blocks
    yield hub / "openapi.json", openapi_document(blocks)
    for block in blocks.values():
        schema = msgspec.json.format(msgspec.json.encode(msgspec.json.schema(block.type)), indent=2)
        yield hub / "canonical" / f"{file_stem(block.name)}.schema.json", schema + b"\n"
    tables = "# Mapping tables\n\nGenerated by `make contracts`.\n\n" + mapping_tables(settings)
    yield settings.root / "docs" / "mapping-tables.md", tables.encode() + b"\n"
    page = settings.root / "docs" / "connectors.md"
    if page.exists():
        sources = [read_spec(name, table) for name, table in settings.sources.items()]
        yield page, with_table(page.read_text("utf-8"), sources).encode()
