"""Find a decoded datum in the bytes as they came, and say so only where it is certain.

The connector decoded the message, and no decoder of ours keeps positions. So the datum is
looked for: in XML by the names on its path, in JSON at the same place, or in the one object
that holds the row's values better than every other (connectors rename and pad). What is
found at two places, or has another text, is not claimed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from lxml import etree
from msgspec import Struct

from hub.core.errors import SourceError
from hub.wire.xml import parse_xml

Steps = tuple[str | int, ...]

_ENOUGH = 0.6
"""An object that holds less of a row's values is another row."""


class Place(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One place in one recorded answer: `xpath` in XML, `pointer` (RFC 6901) in JSON."""

    exchange: str
    xpath: str | None = None
    pointer: str | None = None


class Originals:
    """The bodies of some recorded answers, parsed once each."""

    def __init__(self, bodies: Mapping[str, bytes]) -> None:
        self._trees = {
            id_: tree for id_, body in bodies.items() if (tree := _xml(body)) is not None
        }
        self._objects = {
            id_: _Objects(body) for id_, body in bodies.items() if id_ not in self._trees
        }
        self._rows: dict[tuple[int, Steps], tuple[str, str] | None] = {}

    def find(self, payload: Any, steps: Steps, exchanges: tuple[str, ...]) -> Place | None:
        """Where the datum at *steps* of *payload* stands; None unless at exactly one place."""
        value = _at(payload, steps)
        if value is None or not steps:
            return None
        found = list(self._in_xml(value, steps, exchanges))
        if not found:
            found = list(self._in_json(payload, value, steps, exchanges))
        return found[0] if len(found) == 1 else None

    def _in_xml(self, value: Any, steps: Steps, exchanges: tuple[str, ...]) -> Iterator[Place]:
        xpath = xpath_of(steps)
        for id_ in exchanges:
            if id_ not in self._trees:
                continue
            nodes = self._trees[id_].xpath(xpath)
            for node in nodes if isinstance(nodes, list) else []:
                if isinstance(value, dict | list) or _same(getattr(node, "text", None), value):
                    yield Place(exchange=id_, xpath=xpath)

    def _in_json(
        self, payload: Any, value: Any, steps: Steps, exchanges: tuple[str, ...]
    ) -> Iterator[Place]:
        for id_ in exchanges:
            same = self._objects.get(id_)
            if same is not None and _at(same.root, steps) == value:
                yield Place(exchange=id_, pointer=_pointer(steps))
                return
        row = self._row(payload, steps[:-1], exchanges)
        if row is not None and not isinstance(value, dict | list):
            id_, at = row
            held = self._objects[id_].by_pointer[at]
            keys = [key for key, inner in held.items() if _form(inner) == _form(value)]
            if len(keys) == 1 or steps[-1] in keys:
                key = keys[0] if len(keys) == 1 else steps[-1]
                yield Place(exchange=id_, pointer=at + _pointer((key,)))

    def _row(
        self, payload: Any, steps: Steps, exchanges: tuple[str, ...]
    ) -> tuple[str, str] | None:
        """The one object of all bodies that holds the row at *steps*: exchange and pointer."""
        key = (id(payload), steps)
        if key not in self._rows:
            row = _at(payload, steps)
            scores = [
                (share, id_, at)
                for id_ in exchanges
                if id_ in self._objects and isinstance(row, dict)
                for at, share in self._objects[id_].shares(row).items()
            ]
            best = max((share for share, _, _ in scores), default=0.0)
            found = [(id_, at) for share, id_, at in scores if share == best >= _ENOUGH]
            self._rows[key] = found[0] if len(found) == 1 else None
        return self._rows[key]


class _Objects:
    """Every object of a JSON text, by its pointer and by what it holds."""

    def __init__(self, body: bytes) -> None:
        self.by_pointer: dict[str, dict[str, Any]] = {}
        self._by_value: dict[str | None, set[str]] = {}
        try:
            self.root = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self.root = None
        self._walk(self.root, "")

    def shares(self, row: Mapping[str, Any]) -> dict[str, float]:
        """Per object that holds some of the plain values of *row*, which part of them."""
        forms = {_form(value) for value in row.values()} - {None}
        counts = Counter(at for form in forms for at in self._by_value.get(form, ()))
        return {at: count / len(forms) for at, count in counts.items()}

    def _walk(self, node: Any, at: str) -> None:
        if isinstance(node, dict):
            self.by_pointer[at] = node
            for key, inner in node.items():
                if isinstance(inner, dict | list):
                    self._walk(inner, at + _pointer((key,)))
                else:
                    self._by_value.setdefault(_form(inner), set()).add(at)
        elif isinstance(node, list):
            for index, inner in enumerate(node):
                self._walk(inner, f"{at}/{index}")


def xpath_of(steps: Steps) -> str:
    """An XPath 1.0 that reads the names on the path, whatever their namespaces."""
    parts = ["/"]
    for step in steps:
        if isinstance(step, int):
            parts[-1] += f"[{step + 1}]"
        else:
            quote = "'" if '"' in step else '"'
            parts.append(f"/*[local-name()={quote}{step}{quote}]")
    return "".join(parts)


def _xml(body: bytes) -> etree._Element | None:
    if not body.lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n\x00").startswith(b"<"):
        return None
    try:
        return parse_xml("evidence", body)
    except SourceError:
        return None


def _at(node: Any, steps: Steps) -> Any:
    for step in steps:
        if isinstance(step, int):
            node = node[step] if isinstance(node, list) and step < len(node) else None
        else:
            node = node.get(step) if isinstance(node, dict) else None
    return node


def _pointer(steps: Steps) -> str:
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)


def _text(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value).strip()


def _form(value: Any) -> str | None:
    """A plain value as it is compared between a row and an object: padding aside."""
    if value is None or isinstance(value, dict | list) or not _text(value):
        return None
    text = _text(value)
    return text.lstrip("0") or "0" if text.isdigit() else text


def _same(found: Any, value: Any) -> bool:
    return found is not None and _text(found) == _text(value)
