"""What a contract folder says of itself: `contract.toml`, with origin, checksums and samples.

A checksum shows that somebody changed what the source promised, which no diff of code shows;
`hub connectors freeze` writes them, so that the change is a decision and not an accident.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

import msgspec
from msgspec import Struct, field

from hub.core.errors import SettingsError

NAME = "contract.toml"


class Manifest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a contract comes from, what it consists of, and which samples are on file."""

    origin: str
    """Who wrote it, where it was published, when it was taken: for people."""
    samples: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Per operation the files below `samples/` that hold answers to it."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Per file of the contract, samples apart, its SHA-256."""


def read_manifest(contract: Path) -> Manifest:
    """The manifest in *contract*; SettingsError where there is none that can be read."""
    try:
        text = (contract / NAME).read_text("utf-8")
        return msgspec.convert(tomllib.loads(text), Manifest)
    except OSError as error:
        raise SettingsError([f"{NAME}: cannot be read ({error.strerror})"]) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise SettingsError([f"{NAME}: {error}"]) from None


def changed_files(contract: Path, manifest: Manifest) -> list[str]:
    """The files that are new, gone or another than the manifest says."""
    found = checksums(contract)
    names = found.keys() | manifest.files.keys()
    return sorted(name for name in names if found.get(name) != manifest.files.get(name))


def checksums(contract: Path) -> dict[str, str]:
    """The SHA-256 of every file of *contract*, samples and the manifest apart."""
    return {
        name: hashlib.sha256((contract / name).read_bytes()).hexdigest()
        for name in _files(contract)
        if name != NAME and not name.startswith("samples/")
    }


def freeze(contract: Path, operations: tuple[str, ...], origin: str | None = None) -> Path:
    """Write the manifest of *contract* as it stands now, and return its path.

    *origin* replaces what it said; samples that it does not name are sorted by file name.
    Raises SettingsError where no origin is known.
    """
    known = read_manifest(contract) if (contract / NAME).exists() else None
    stated = origin or (known.origin if known else "")
    if not stated:
        raise SettingsError(["say where the contract comes from: --origin 'published at …, on …'"])
    samples = {name: list(known.samples.get(name, ()) if known else ()) for name in operations}
    for file in _files(contract):
        sample = file.removeprefix("samples/")
        if sample == file:
            continue
        for name in operations:
            if _is_answer(sample, name) and sample not in samples[name]:
                samples[name].append(sample)
    path = contract / NAME
    path.write_text(_text(stated, samples, checksums(contract)), "utf-8")
    return path


def _is_answer(sample: str, operation: str) -> bool:
    """Whether a file is called after *operation*, and is no golden block."""
    named = re.search(rf"(?<![A-Za-z_]){re.escape(operation)}(?![A-Za-z_])", sample)
    return bool(named) and ".golden." not in sample


def _files(contract: Path) -> list[str]:
    return sorted(
        path.relative_to(contract).as_posix() for path in contract.rglob("*") if path.is_file()
    )


def _text(origin: str, samples: Mapping[str, list[str]], files: Mapping[str, str]) -> str:
    lines = ["# Written by `hub connectors freeze`: what was agreed, so that a change is seen."]
    lines += [f"origin = {_quoted(origin)}", "", "[samples]"]
    for name, found in samples.items():
        lines += [f"{name} = [", *(f"  {_quoted(file)}," for file in found), "]"]
    lines += ["", "[files]"]
    lines += [f"{_quoted(name)} = {_quoted(digest)}" for name, digest in files.items()]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return msgspec.json.encode(text).decode()
