"""Take one field out of an answer, whatever its format, and nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from lxml import etree

from hub.core.errors import SourceError
from hub.testing.transport import Played
from hub.wire.xml import parse_xml

_WORD = re.compile(r"[^\W_]+")
_MOST = 60
"""So many fields are taken out, one at a time: a check is for seconds."""


def words_of(answers: Iterable[Played]) -> frozenset[str]:
    """Every word in headers and bodies, in one case: what a payload's texts are made of."""
    found: set[str] = set()
    for answer in answers:
        texts = [text.decode("latin-1") for header in answer.headers for text in header]
        found |= set(_WORD.findall(" ".join([*texts, *_scalars(answer.body)]).casefold()))
    return frozenset(found)


def plain_numbers(words: Iterable[str]) -> frozenset[str]:
    """Those of *words* that are digits, without zeros before them."""
    return frozenset(word.lstrip("0") or "0" for word in words if word.isdecimal())


def swapped(answers: list[Played], number: str, other: str) -> Iterator[tuple[str, list[Played]]]:
    """For each value in *answers* that is *number*: which it is, and the answers with *other*.

    A number within a longer text, such as a link, is none.
    """
    value = re.compile(rb'(?<=[">\s])' + re.escape(number.encode()) + rb'(?=["<\s])')
    for place, answer in enumerate(answers):
        for cut, found in enumerate(islice(value.finditer(answer.body), _MOST), 1):
            body = answer.body[: found.start()] + other.encode() + answer.body[found.end() :]
            spoilt = Played(status=answer.status, headers=answer.headers, body=body)
            name = f"mention {cut} of answer {place + 1}"
            yield name, [*answers[:place], spoilt, *answers[place + 1 :]]


def ablations(answers: list[Played]) -> Iterator[tuple[str, list[Played]]]:
    """For each field name in *answers*: `without <name>`, and the answers without that field."""
    names = list(dict.fromkeys(name for answer in answers for name in _names(answer.body)))
    for name in names[:_MOST]:
        yield f"without {name}", [_without(answer, name) for answer in answers]


def _names(body: bytes) -> list[str]:
    value = _json(body)
    if value is not None:
        return list(_keys(value))
    root = _xml(body)
    leaves = root.iter("*") if root is not None else ()
    return [etree.QName(element).localname for element in leaves if len(element) == 0]


def _without(answer: Played, name: str) -> Played:
    value = _json(answer.body)
    if value is not None:
        body = json.dumps(_pruned(value, name), ensure_ascii=False).encode()
        return Played(status=answer.status, headers=answer.headers, body=body)
    root = _xml(answer.body)
    if root is None:
        return answer
    for element in list(root.iter("*")):
        above = element.getparent()
        if above is not None and len(element) == 0 and etree.QName(element).localname == name:
            above.remove(element)
    return Played(status=answer.status, headers=answer.headers, body=etree.tostring(root))


def _keys(node: Any) -> Iterator[str]:
    """Names of members that hold a value of their own, not a structure."""
    if isinstance(node, dict):
        for key, item in node.items():
            if not isinstance(item, dict | list):
                yield key
            yield from _keys(item)
    elif isinstance(node, list):
        for item in node:
            yield from _keys(item)


def _pruned(node: Any, name: str) -> Any:
    if isinstance(node, dict):
        return {
            key: _pruned(item, name)
            for key, item in node.items()
            if key != name or isinstance(item, dict | list)
        }
    return [_pruned(item, name) for item in node] if isinstance(node, list) else node


def _scalars(body: bytes) -> list[str]:
    value = _json(body)
    if value is not None:
        return [str(scalar) for scalar in _values(value)]
    root = _xml(body)
    if root is not None:
        return [
            *map(str, root.itertext()),
            *(str(v) for element in root.iter("*") for v in element.attrib.values()),
        ]
    return [body.decode("utf-8", "replace")]


def _values(node: Any) -> Iterator[Any]:
    inside: Callable[[], Iterable[Any]] | None = None
    if isinstance(node, dict):
        inside = node.values
    elif isinstance(node, list):
        inside = node.__iter__
    if inside is None:
        yield node
        return
    for item in inside():
        yield from _values(item)


def sizes_of(node: Any) -> frozenset[str]:
    """How long the lists in *node* are: a number of rows is counted, and no invention."""
    inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    own = {str(len(node))} if isinstance(node, list) else set()
    return frozenset(own).union(*(sizes_of(item) for item in inner))


def _json(body: bytes) -> Any:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict | list) else None


def _xml(body: bytes) -> etree._Element | None:
    try:
        return parse_xml("sample", body)
    except SourceError:
        return None
