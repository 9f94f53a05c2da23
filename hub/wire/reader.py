"""Read an XML element into plain data, by a plan that was made once from its schema.

The rules, for every SOAP source alike:

* a leaf is its text as it was on the wire, blanks included; an empty leaf is `""`;
* an element that is absent has no key, one with `xsi:nil="true"` is None;
* an element that the schema lets repeat is always a list, in document order;
* namespaces are dropped, unless two siblings would then share a name: these keep theirs;
* a declared attribute is `@name`, the text beside attributes is `#text`;
* what the schema does not declare is ignored (a newer source may send more); `xsi:type`
  is not followed, because the contract decides what an element is, never the message.

Between elements of *different* names a repeated choice loses its order; each keeps its own.
"""

from __future__ import annotations

from typing import Literal, Protocol

from lxml import etree
from msgspec import Struct

from hub.core.errors import SourceMalformed

_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"

Plain = str | None | dict[str, "Plain"] | list["Plain"]
"""What a reader gives: text, None, or dicts and lists of these."""


class Misfit(Exception):
    """An element that breaks its plan. Collects its path on the way up; holds no value."""

    def __init__(self, why: str, *path: str) -> None:
        super().__init__(why)
        self.why, self.path = why, list(path)


class Reader(Protocol):
    """Reads one element; raises Misfit where the element is not what the schema says."""

    def __call__(self, element: etree._Element, /) -> Plain: ...


class Field(Struct, kw_only=True):
    """One child element of a record: its key in the plain data and how it is read."""

    key: str
    read: Reader
    repeats: bool = False
    nillable: bool = False


class Group(Struct, kw_only=True):
    """Which children belong together: all of them, or one of several."""

    kind: Literal["all", "choice"]
    required: bool
    members: tuple[Group | str, ...]
    """Keys of children that must be there, and groups within."""
    keys: frozenset[str]
    """Every key that belongs to the group, the optional ones included."""

    def missing(self, present: set[str]) -> str | None:
        """The first key that is missing among *present*, if any."""
        if not self.required and not (self.keys & present):
            return None
        if self.kind == "all":
            found = (_missing(member, present) for member in self.members)
            return next((key for key in found if key is not None), None)
        return self._missing_choice(present)

    def _missing_choice(self, present: set[str]) -> str | None:
        chosen = [member for member in self.members if _keys(member) & present]
        if not chosen:
            return "|".join(sorted(self.keys)) if self.members else None
        lacks = [_missing(member, present) for member in chosen]
        return None if None in lacks else lacks[0]


def _missing(member: Group | str, present: set[str]) -> str | None:
    if isinstance(member, Group):
        return member.missing(present)
    return None if member in present else member


def _keys(member: Group | str) -> frozenset[str]:
    return member.keys if isinstance(member, Group) else frozenset({member})


class Record:
    """Reads an element with children. Filled after it is made, because types may recurse."""

    def __init__(self) -> None:
        self.fields: dict[str, Field] = {}
        """By the child's full name, `{namespace}name`."""
        self.attributes: dict[str, str] = {}
        """Full attribute names to their keys."""
        self.group: Group | None = None
        self.has_text = False

    def __call__(self, element: etree._Element) -> dict[str, Plain]:
        values: dict[str, Plain] = {}
        lists: dict[str, list[Plain]] = {
            field.key: [] for field in self.fields.values() if field.repeats
        }
        values.update(lists)
        for child in element:
            field = self.fields.get(str(child.tag))
            if field is not None:
                _take(field, child, values, lists)
        for name, key in self.attributes.items():
            if name in element.attrib:
                values[key] = str(element.attrib[name])
        if self.has_text:
            values["#text"] = element.text or ""
        self._check(values, lists)
        return values

    def _check(self, values: dict[str, Plain], lists: dict[str, list[Plain]]) -> None:
        if self.group is None:
            return
        present = {key for key in values if key not in lists or lists[key]}
        if lacks := self.group.missing(present):
            raise Misfit("missing", lacks)


def _take(
    field: Field, child: etree._Element, values: dict[str, Plain], lists: dict[str, list[Plain]]
) -> None:
    """Read *child* into its place; an element that may stand once must not stand twice."""
    found = lists.get(field.key)
    if found is None and field.key in values:
        raise Misfit("more than once", field.key)
    try:
        value = _nil(field, child) if _NIL in child.attrib else field.read(child)
    except Misfit as misfit:
        misfit.path.insert(0, field.key if found is None else f"{field.key}[{len(found)}]")
        raise
    if found is None:
        values[field.key] = value
    else:
        found.append(value)


def _nil(field: Field, child: etree._Element) -> Plain:
    if child.attrib[_NIL] not in ("true", "1"):
        return field.read(child)
    if not field.nillable:
        raise Misfit("nil, which the contract does not allow")
    return None


def read_text(element: etree._Element) -> str:
    """The text of a leaf, as it was on the wire."""
    if len(element):
        raise Misfit("elements where the contract has text")
    return element.text or ""


def read_nothing(_element: etree._Element) -> None:
    """An element whose content the contract leaves open: it is not read."""


def read_with(source: str, name: str, reader: Reader, element: etree._Element) -> Plain:
    """What *reader* makes of *element*; raises SourceMalformed (`schema`) naming the path."""
    try:
        return reader(element)
    except Misfit as misfit:
        path = "/".join([name, *misfit.path])
        raise SourceMalformed(source, "schema", f"{path}: {misfit.why}") from None
