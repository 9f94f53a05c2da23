"""Everything that the templates need, reasoned from an interface: question, echoes, rows, samples."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from hub.core.errors import SettingsError
from hub.testing.scaffold.canonical import Field, expected, fields_of, snake
from hub.testing.scaffold.interface import (
    Interface,
    Kind,
    Leaf,
    Shape,
    at,
    first_list,
    is_person,
    is_reference,
    leaves,
    type_of,
)
from hub.testing.scaffold.synthetic import example, plain

_ECHO = "Eco de la pregunta: lo lee el hub antes de traducir."

_NO_ECHO = (
    "its answer repeats neither the person nor a reference, so it could be somebody else's, and "
    "the hub would refuse it (ADR 4); ask the source's owner for one, or see connectors/notifica "
    "for a gateway that gives one back"
)


class Wish(Struct, frozen=True, kw_only=True):
    """What the author says; all the rest is read."""

    name: str
    kind: Kind
    file: Path | None = None
    operation: str | None = None
    block: str | None = None
    owner: str = "Por determinar"

    @property
    def feeds(self) -> str:
        """The block that it feeds: called after the connector where the author says nothing."""
        return self.block or _camel(self.name)


class Draft(Struct, frozen=True, kw_only=True):
    """The answers for the templates, and the files that are no templates, by their paths."""

    answers: Mapping[str, Any]
    files: Mapping[str, bytes]


def draft_of(wish: Wish, interface: Interface, port: int) -> Draft:
    """The whole draft; SettingsError where no list or no echo can be found."""
    rows = first_list(interface.answer)
    if rows is None:
        raise SettingsError(
            [f"{interface.message}: its answer has no list: write this one by hand"]
        )
    echoes = _echoes(interface)
    operation = snake(interface.message)
    block = wish.feeds
    fields = fields_of(at(interface.answer, rows))
    answers = {
        "name": wish.name,
        "kind": wish.kind,
        "owner": json.dumps(wish.owner, ensure_ascii=False),
        "port": port,
        "source_file": wish.file.name if wish.file else "",
        "class_name": "".join(part.capitalize() for part in wish.name.split("_")),
        "operation": operation,
        "message": interface.message,
        "address": interface.address,
        "person": interface.person,
        "suffix": interface.suffix,
        "content_type": interface.content_type,
        "block": block,
        "block_stem": snake(block),
        "type_name": block[0].upper() + block[1:],
        "question": _question(interface.request, ""),
        "asks_reference": any(is_reference(leaf) for leaf in leaves(interface.request)),
        "echoes": echoes,
        "rows": rows,
        "columns": [leaf.path for leaf in leaves(at(interface.answer, rows))],
        "dates": any(field.type == "dt.date" for field in fields),
        "fields": [{"name": f.name, "type": f.type, "row": f.row} for f in fields],
    }
    return Draft(answers=answers, files=_files(wish, interface, answers, fields))


def _echoes(interface: Interface) -> list[str]:
    """The arguments of each Echo: persons and references in the answer, the listed ones as rows."""
    asks = any(is_reference(leaf) for leaf in leaves(interface.request)) or bool(interface.person)
    found = []
    for leaf in leaves(interface.answer):
        is_asked = leaf.path == "asked/value"
        listed = ", rows=True" if leaf.listed else ""
        if is_asked or (leaf.type == "string" and is_person(leaf)):
            found.append(f'path="{leaf.path}"{listed}')
        elif asks and is_reference(leaf) and not leaf.listed:
            found.append(f'path="{leaf.path}", of="reference"')
    if not found:
        raise SettingsError([f"{interface.message}: {_NO_ECHO}"])
    return found


def _question(shape: Shape, path: str) -> str:
    """The question as Python: the person's number, the reference, and what is required besides."""
    parts = []
    for name, inner in shape.get("properties", {}).items():
        here = f"{path}/{name}".lstrip("/")
        leaf = Leaf(path=here, shape=inner, required=True, listed=False)
        names_us = type_of(inner) != "object" and (is_person(leaf) or is_reference(leaf))
        if name not in shape.get("required", ()) and not names_us:
            continue
        parts.append(f"{json.dumps(name)}: {_asked(leaf, names_us=names_us)}")
    return "{" + ", ".join(parts) + "}"


def _asked(leaf: Leaf, *, names_us: bool) -> str:
    if names_us:
        return "document.number" if is_person(leaf) else "reference"
    if type_of(leaf.shape) == "object":
        return _question(leaf.shape, leaf.path)
    if set(leaf.shape.get("enum", ())) & {"NIF", "NIE"}:
        return "document.type.upper()"
    return "[]" if type_of(leaf.shape) == "array" else repr(plain(leaf))


def _files(
    wish: Wish, interface: Interface, answers: Mapping[str, Any], fields: Sequence[Field]
) -> dict[str, bytes]:
    contract, operation = f"contracts/{wish.name}", str(answers["operation"])
    one, none = example(interface.answer), example(interface.answer, rows=0)
    samples = {
        f"one.{operation}": interface.written(one),
        f"none.{operation}": interface.written(none),
    }
    files = {
        f"{contract}/samples/{name}.{interface.suffix}": body for name, body in samples.items()
    }
    refusal = f"{contract}/samples/refusal.{operation}.json"
    files[refusal] = b'{"error": "no se entiende la pregunta"}\n'
    files[f"{contract}/payloads/{operation}.schema.json"] = _pretty(_payload_schema(interface))
    rows = one
    for step in str(answers["rows"]).split("/"):
        rows = rows[step]
    listed = {"items": [expected(fields, row) for row in rows]}
    examples = [{"name": "the sample", "payloads": {operation: one}, "expected": listed}]
    stem = f"mappings/{wish.name}/{answers['block_stem']}"
    files[f"{stem}.examples.json"] = _pretty(examples)
    return files


def _payload_schema(interface: Interface) -> Any:
    shape = json.loads(json.dumps(interface.answer))
    for leaf in leaves(interface.answer):
        if is_person(leaf) or is_reference(leaf) or leaf.path.startswith("asked/"):
            node: Any = at(shape, leaf.path)
            node["x-ignored"] = _ECHO
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **shape}


def _pretty(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=2).encode() + b"\n"


def _camel(name: str) -> str:
    first, *more = name.split("_")
    return first + "".join(part.capitalize() for part in more)
