"""Whose data stand in an answer: the people beside the subject."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from hub.core.document import Document, documents_in
from hub.core.fields import covers

_NESTED = (tuple, Struct)


def people_in(value: Struct, fields: frozenset[str]) -> frozenset[Document]:
    """The documents of everybody of whom *fields* of *value* show anything.

    A document speaks for the record that it stands in: whoever may see a member's name
    sees that member, whether or not the document itself is shown.
    """
    return frozenset(_people(value, fields, ""))


def people_named(payload: Any) -> frozenset[Document]:
    """Everybody whose NIF or NIE, with its right letter, stands in a text of plain data.

    Whether a mapping reads the place or not: what is sealed is the whole answer.
    """
    texts: list[str] = []
    _gather(payload, texts)
    return frozenset(documents_in("\n".join(texts)))  # no number goes on over a new line


def _gather(node: Any, texts: list[str]) -> None:
    """Every text in *node*, whose leaves are nearly all texts."""
    if isinstance(node, str):
        texts.append(node)
    elif isinstance(node, dict | list):
        for item in node.values() if isinstance(node, dict) else node:
            if isinstance(item, str):
                texts.append(item)
            else:
                _gather(item, texts)


def _people(value: Struct, fields: frozenset[str], at: str) -> Iterator[Document]:
    for name, json_name in zip(
        value.__struct_fields__, value.__struct_encode_fields__, strict=True
    ):
        held = getattr(value, name)
        if not isinstance(held, _NESTED):
            continue
        path = f"{at}.{json_name}" if at else json_name
        for item in _items(held):
            if isinstance(item, Document):
                yield from [item] if _shows(fields, at) else []
            else:
                yield from _people(item, fields, path)


def _items(held: object) -> Iterator[Struct]:
    if isinstance(held, tuple):
        for item in held:
            yield from _items(item)
    elif isinstance(held, Struct):
        yield held


def _shows(fields: frozenset[str], record: str) -> bool:
    """Whether anything of the record at that path is among *fields*."""
    return not record or covers(fields, record) or any(f.startswith(f"{record}.") for f in fields)
