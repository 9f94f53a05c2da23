"""From a sample on file to what the mapping is given: through the connector, as an answer goes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from hub.core.errors import HubError, MappingError, SettingsError
from hub.mapping import Mapping as BlockMapping
from hub.mapping import examples_path, file_stem
from hub.mapping.files import load_examples
from hub.testing.bench import Bench
from hub.testing.manifest import read_manifest
from hub.testing.transport import Played, Runaway, replaying

_ERROR_STATUS = 400


async def payload_of(bench: Bench, operation: str, sample: Path) -> dict[str, Any]:
    """What the connector makes of *sample* as the answer to *operation*.

    JSON that the connector does not take is a payload already, as samples of some contracts
    are. Raises the connector's SourceError for what is neither.
    """
    body = _bytes(sample)
    kind = b"text/xml; charset=utf-8" if sample.suffix == ".xml" else b"application/json"
    played = Played(status=200, headers=[(b"content-type", kind)], body=body)
    async with bench.opened(replaying([played])) as world:
        try:
            return dict((await world.connector.fetch(operation, bench.query())).payload)
        except (HubError, Runaway):
            try:
                return msgspec.json.decode(body, type=dict[str, Any])
            except (msgspec.DecodeError, UnicodeDecodeError):
                pass
            raise


async def payloads_for(
    bench: Bench, mapping: BlockMapping, block: str, sample: str | None
) -> Mapping[str, Any]:
    """The payloads of the example called *sample*, or of the file *sample*; the first example else.

    Raises SettingsError where there is neither.
    """
    if sample is None or not _is_file(sample):
        return _example(examples_path(bench.mappings, block), sample)
    operation = operation_of(bench, Path(sample).name)
    needed = [name for name in mapping.operations if operation in (None, name)]
    found = {name: await payload_of(bench, name, Path(sample)) for name in needed[:1]}
    if missing := set(mapping.operations) - found.keys():
        raise SettingsError(
            [f"this block is made of {', '.join(sorted(missing))} too: try an example"]
        )
    return found


def _bytes(sample: Path) -> bytes:
    return sample.read_bytes()


def _is_file(name: str) -> bool:
    return Path(name).is_file()


def _example(path: Path, name: str | None) -> Mapping[str, Any]:
    examples = load_examples(path) if path.is_file() else []
    for example in examples:
        if name in (None, example.name):
            return example.payloads
    known = ", ".join(repr(example.name) for example in examples)
    raise SettingsError([f"{name}: neither a file nor an example; there are: {known}"])


def block_in(bench: Bench, file: Path) -> str:
    """The block of the connector whose mapping is *file*; SettingsError where it is none."""
    for block in bench.spec.blocks:
        if file_stem(block) == file.stem:
            return block
    raise SettingsError([f"{file.name}: {bench.name} feeds no block with this mapping"])


def operation_of(bench: Bench, name: str) -> str | None:
    """The operation that the manifest names the sample *name* under."""
    for operation, files in read_manifest(bench.contract).samples.items():
        if any(Path(file).name == name for file in files):
            return operation
    return None


async def payloads_on_file(bench: Bench) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """Every payload of the examples, then every sample that the connector believes."""
    for block in bench.spec.blocks:
        for example in load_examples(examples_path(bench.mappings, block)):
            for operation, payload in example.payloads.items():
                yield operation, payload
    for operation, files in read_manifest(bench.contract).samples.items():
        for file in files:
            try:
                yield (
                    operation,
                    await payload_of(bench, operation, bench.contract / "samples" / file),
                )
            except (HubError, MappingError, Runaway):
                continue  # a refusal, or one message of several: no payload
