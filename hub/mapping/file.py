"""A mapping file as it is written: TOML, five keys for ever, nothing else.

No expressions, conditions, defaults, templates or includes: what needs logic becomes a
converter with a name. A sixth key needs a decision record.
"""

from __future__ import annotations

import re
import tomllib

import msgspec
from msgspec import Struct, field

from hub.core.errors import MappingError

_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+")
_TOP = re.compile(r"[a-z0-9_.]{1,80}")


class Row(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one canonical field is filled: the whole language."""

    from_: str | tuple[str, ...] = field(name="from")
    via: str | None = None
    shape: str | None = None
    each: str | None = None
    only: str | None = None

    @property
    def paths(self) -> tuple[str, ...]:
        """The source paths as they are written, one or several."""
        return (self.from_,) if isinstance(self.from_, str) else self.from_


class MappingFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file: its name (`padron.residence`), the canonical target, one table per shape."""

    name: str
    version: int
    target: str
    shapes: dict[str, dict[str, Row]]


def parse_mapping(text: str) -> MappingFile:
    """The mapping file in *text*; MappingError for what is not one."""
    document, why = _toml(text)
    if why:
        raise MappingError("mapping", "file", "text", why)
    name = _stated_name(document)
    try:
        parsed = msgspec.convert(document, MappingFile)
    except msgspec.ValidationError as error:
        raise MappingError(name, "file", "text", str(error)) from None
    if not _NAME.fullmatch(parsed.name):
        raise MappingError(name, "name", "text", "a name is `system.block` in snake_case")
    if parsed.version < 1:
        raise MappingError(name, "version", "text", "versions count from 1")
    return parsed


def _toml(text: str) -> tuple[dict[str, object], str]:
    try:
        return tomllib.loads(text), ""
    except tomllib.TOMLDecodeError as error:
        return {}, f"not TOML: {error}"
    except RecursionError:
        return {}, "not TOML: nested too deeply"


def _stated_name(document: dict[str, object]) -> str:
    name = document.get("name")
    return name if isinstance(name, str) and _TOP.fullmatch(name) else "mapping"


def split_path(path: str) -> tuple[str, ...]:
    """The keys of a source path, `()` for `.`; ValueError for a path that cannot be one."""
    if path == ".":
        return ()
    keys = tuple(path.split("/"))
    if any(not key or key in (".", "..") or key != key.strip() for key in keys):
        raise ValueError("a path is keys joined by single slashes, or `.`")
    if not path.isprintable() or "[" in path or "]" in path:
        raise ValueError("a path holds no control characters and no brackets")
    return keys
