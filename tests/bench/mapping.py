"""What a mapping costs beside the same work written by hand."""

from __future__ import annotations

from pathlib import Path

import msgspec

from hub.core.model import BLOCKS
from hub.mapping import examples_path, load_examples, load_mapping
from tests.bench.timing import cpu_us

ROOT = Path(__file__).parents[2]


def measure(_: Path) -> list[tuple[str, str, str]]:
    """µs of `apply` for the first example of each block, and its ratio to a JSON decode."""
    files = sorted((ROOT / "mappings").glob("*/*.toml"))
    return [_row(file.parent, file.stem) for file in files if file.stem != "codes"]


def _row(folder: Path, stem: str) -> tuple[str, str, str]:
    head, *rest = stem.split("_")
    block = head + "".join(part.capitalize() for part in rest)
    mapping = load_mapping(folder, block, BLOCKS[block].type)
    example = load_examples(examples_path(folder, block))[0]
    text = msgspec.json.encode(example.payloads)
    apply = cpu_us(lambda: mapping.apply(example.payloads))
    decode = cpu_us(lambda: msgspec.json.decode(text))
    ratio = f"{apply / decode:.1f} x msgspec decoding the same payload as JSON"
    return (f"{mapping.name}: apply", f"{apply:.1f} µs", ratio)
