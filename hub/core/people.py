"""Whose data stand in an answer: the people beside the subject."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from hub.core.document import Document, documents_in
from hub.core.policy import covers


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
    return frozenset(found for text in _texts(payload) for found in documents_in(text))


def _texts(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict):
        for item in node.values():
            yield from _texts(item)
    elif isinstance(node, list):
        for item in node:
            yield from _texts(item)


def _people(value: Struct, fields: frozenset[str], at: str) -> Iterator[Document]:
    for name, json_name in zip(
        value.__struct_fields__, value.__struct_encode_fields__, strict=True
    ):
        path = f"{at}.{json_name}" if at else json_name
        for item in _items(getattr(value, name)):
            if isinstance(item, Document):
                yield from [item] if _shows(fields, at) else []
            else:
                yield from _people(item, fields, path)


def _items(value: object) -> Iterator[Struct]:
    if isinstance(value, tuple):
        for item in value:
            yield from _items(item)
    elif isinstance(value, Struct):
        yield value


def _shows(fields: frozenset[str], record: str) -> bool:
    """Whether anything of the record at that path is among *fields*."""
    return not record or covers(fields, record) or any(f.startswith(f"{record}.") for f in fields)
