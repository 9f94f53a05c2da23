"""Make a recorded answer about nobody: deny by default, the same shape, stable within a recording.

A value stays only where it is a word of a closed list that the contract declares for its field, a
declared truth value, or a number of rows; a member's name, where the contract declares it. Every
other one is replaced by one of the same length and form: a document number by a synthetic one with
its right letter, an IBAN by one with right check digits, a date by another day and another time,
text letter for letter. The key lives as long as the recording.
"""

from __future__ import annotations

import datetime as dt
import hmac
import json
import re
import string
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lxml import etree

from hub.core.document import check_letter
from hub.core.errors import SourceError
from hub.wire.xml import parse_xml

Allowed = Mapping[str, frozenset[str]]
"""Per name of a field the words that may stay."""

FLAGS = frozenset({"true", "false"})
_NIF = re.compile(r"[0-9]{8}[A-Za-z]")
_NIE = re.compile(r"[XYZxyz][0-9]{7}[A-Za-z]")
_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}(?: ?[0-9A-Z]){10,30}")
_ISO = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"(?:([T ])([0-9]{2}(?::[0-9]{2}){1,2})([.,][0-9]+)?(Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)
_COMPACT = re.compile(r"(19|20)[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])")
_NEVER = frozenset({"1900-01-01", "9999-12-31", "19000101"})
_QUOTED = re.compile(r"""(?<=["'`])[A-Za-z_@$][\w.:\-@$]*(?=["'`])""")
_ENVELOPE = frozenset({"d", "results", "value", "error", "__count", "__metadata", "__next"})
"""Members that OData puts round what a contract declares."""
_LIMITS = (24, 60, 60)
_SHORTEST = 4
"""Shorter values are found again by chance."""


class Scrubber:
    """Replaces values; *known* are those with a replacement of their own (the person's number),
    *names* the members whose names may stay.
    """

    def __init__(
        self,
        key: bytes,
        allowed: Allowed,
        known: Mapping[str, str],
        names: frozenset[str] = frozenset(),
    ) -> None:
        self._key, self._allowed, self._known = key, allowed, known
        self._names = names | allowed.keys() | _ENVELOPE
        self._days = 1 + self._number("days", 700)
        self._replaced: set[str] = set()

    def scrubbed(self, body: bytes) -> bytes:
        """*body* about nobody. Raises ValueError for what is neither JSON nor XML, and where a
        value that was replaced would still stand somewhere.
        """
        self._replaced.clear()
        try:
            made = json.dumps(
                self._json(json.loads(body), ""), ensure_ascii=False, indent=2
            ).encode()
        except (ValueError, RecursionError):
            made = self._xml(body)
        text = made.decode()
        if any(value in text for value in self._replaced):
            raise ValueError("a value of the recording would still stand in the sample")
        return made + b"\n"

    def _json(self, node: Any, name: str, rows: frozenset[int] = frozenset()) -> Any:
        if isinstance(node, dict):
            counts = frozenset(len(item) for item in node.values() if isinstance(item, list))
            return {self._key_of(key): self._json(item, key, counts) for key, item in node.items()}
        if isinstance(node, list):
            return [self._json(item, name) for item in node]
        if isinstance(node, bool):
            return node if self._allowed.get(name, frozenset()) >= FLAGS else False
        if isinstance(node, int) and node in rows:
            return node
        if isinstance(node, int | float):
            return type(node)(self._text(str(node), name))
        return node if node is None else self._text(node, name)

    def _key_of(self, key: str) -> str:
        """A member's name, where somebody declared it: what looks like one may be a person's."""
        return key if key in self._names else self._text(key, "")

    def _xml(self, body: bytes) -> bytes:
        try:
            root = parse_xml("sample", body)
        except SourceError:
            raise ValueError("neither JSON nor XML") from None
        for element in root.iter("*"):
            name = etree.QName(element).localname
            for key, value in element.attrib.items():
                if not str(key).startswith("{http://www.w3.org/2001/XMLSchema-instance}"):
                    element.set(key, self._text(str(value), str(key)))
            if not _is_count(element):
                element.text = self._filled(element.text, name)
            element.tail = self._filled(element.tail, "")
        return etree.tostring(root, xml_declaration=True, encoding="UTF-8")

    def _filled(self, text: str | None, name: str) -> str | None:
        return self._text(text, name) if text and text.strip() else text

    def _text(self, text: str, name: str) -> str:
        value = text.strip()
        if not value or value in self._allowed.get(name, frozenset()):
            return text
        made = self._known.get(value) or self._form(value)
        if len(value) >= _SHORTEST and made != value:
            self._replaced.add(value)
        return text.replace(value, made)

    def _form(self, value: str) -> str:
        if _NIF.fullmatch(value) or _NIE.fullmatch(value):
            return self._document(value)
        if _IBAN.fullmatch(value):
            return self._iban(value)
        if value in _NEVER:
            return value
        moment = _ISO.fullmatch(value)
        made = self._moment(moment) if moment else None
        if _COMPACT.fullmatch(value):
            made = self._day(value, "%Y%m%d")
        return made or "".join(self._letters(value))

    def _moment(self, found: re.Match[str]) -> str | None:
        day, between, time, part, zone = found.groups(default="")
        made = day if day in _NEVER else self._day(day, "%Y-%m-%d")
        if made is None:
            return None
        return made + between + self._time(time) + "".join(self._letters(part)) + zone

    def _time(self, text: str) -> str:
        """Another time of day; midnight, which stands for none, stays."""
        pairs = [pair for pair in text.split(":") if pair]
        if not any(pair.strip("0") for pair in pairs):
            return text
        limits = zip(pairs, _LIMITS, strict=False)
        return ":".join(f"{self._number(pair, below):02d}" for pair, below in limits)

    def _document(self, value: str) -> str:
        number = 99_000_000 + self._number(value.upper(), 1_000_000)
        if value[0].isdigit():
            return f"{number}{check_letter(number)}"
        inner = f"{number % 10_000_000:07d}"
        first = value[0].upper()
        return first + inner + check_letter(int(str("XYZ".index(first)) + inner))

    def _iban(self, value: str) -> str:
        account = "".join(self._letters(value.replace(" ", "")[4:]))
        digits = "".join(str(int(letter, 36)) for letter in account + value[:2] + "00")
        plain = f"{value[:2]}{98 - int(digits) % 97:02d}{account}"
        letters = iter(plain)
        return "".join(" " if old == " " else next(letters) for old in value)

    def _day(self, text: str, form: str) -> str | None:
        """Another day; None for what is no day at all."""
        try:
            day = dt.datetime.strptime(text, form).replace(tzinfo=dt.UTC)
            moved = (day - dt.timedelta(days=self._days)).date().isoformat()  # pads every year
            return moved if "-" in form else moved.replace("-", "")
        except (ValueError, OverflowError):
            return None

    def _letters(self, value: str) -> Iterator[str]:
        """Letter for letter, digit for digit; a leading zero stays one, and a lone digit is one."""
        for place, letter in enumerate(value):
            if letter.isdigit():
                least = 0 if letter == "0" and place == 0 else 1
                yield str(least + self._number(f"{value}{place}", 9)) if least else "0"
            elif letter.isalpha():
                alphabet = string.ascii_uppercase if letter.isupper() else string.ascii_lowercase
                yield alphabet[self._number(f"{value}{place}", 26)]
            else:
                yield letter

    def _number(self, text: str, below: int) -> int:
        digest = hmac.digest(self._key, text.encode(), "sha256")
        return int.from_bytes(digest[:8], "big") % below


def _is_count(element: etree._Element) -> bool:
    """Whether an element says how many rows stand beside it, or in a sibling."""
    above, text = element.getparent(), (element.text or "").strip()
    if above is None or not text.isdigit() or len(element):
        return False
    groups = Counter(sibling.tag for sibling in above if sibling is not element)
    if element.tag in groups:
        return False
    counts = {*groups.values(), *(len(sibling) for sibling in above)}
    return text in {str(count) for count in counts}


def declared_names(contract: Path) -> frozenset[str]:
    """What a contract's documents name, whatever their language; its samples are none."""
    found: set[str] = set()
    for file in contract.rglob("*"):
        if file.is_file() and "samples" not in file.relative_to(contract).parts:
            found.update(_QUOTED.findall(file.read_text("utf-8", "replace")))
    return frozenset(found)


def allowed_words(schema: Any) -> dict[str, frozenset[str]]:
    """Per field name of a contract's schema the words of its closed list; FLAGS for a truth value."""
    found: dict[str, frozenset[str]] = {}
    _gather(schema, "", found)
    return found


def _gather(node: Any, name: str, found: dict[str, frozenset[str]]) -> None:
    if not isinstance(node, dict):
        for inner in node if isinstance(node, list) else ():
            _gather(inner, name, found)
        return
    if name and (stay := _words(node)):
        found[name] = found.get(name, frozenset()) | stay
    for key, inner in node.items():
        if key in ("properties", "$defs", "patternProperties"):
            for member, shape in inner.items():
                _gather(shape, member, found)
        elif key in ("items", "anyOf", "oneOf", "allOf"):
            _gather(inner, name, found)


def _words(node: Mapping[str, Any]) -> frozenset[str]:
    words = [*node.get("enum", ()), *([node["const"]] if "const" in node else [])]
    is_flag = "boolean" in (node.get("type"), node.get("x-xsd")) or "boolean" in node.get(
        "type", ()
    )
    return frozenset(str(word) for word in words) | (FLAGS if is_flag else frozenset())
