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


def always_required(group: Group) -> tuple[str, ...] | None:
    """The keys that *group* requires whatever else is there; None where that depends."""
    if group.kind == "choice" or not group.required:
        return None if group.members else ()
    keys: list[str] = []
    for member in group.members:
        inner = always_required(member) if isinstance(member, Group) else (member,)
        if inner is None:
            return None
        keys.extend(inner)
    return tuple(keys)


class Record:
    """Reads an element with children. Filled after it is made, because types may recurse."""

    def __init__(self) -> None:
        self.fields: dict[str, Field] = {}
        """By the child's full name, `{namespace}name`."""
        self.attributes: dict[str, str] = {}
        """Full attribute names to their keys."""
        self.has_text = False
        self._group: Group | None = None
        self._required: tuple[str, ...] | None = ()

    @property
    def group(self) -> Group | None:
        """What must be there."""
        return self._group

    @group.setter
    def group(self, group: Group | None) -> None:
        self._group = group
        self._required = () if group is None else always_required(group)

    def __call__(self, element: etree._Element) -> dict[str, Plain]:
        values: dict[str, Plain] = {f.key: [] for f in self.fields.values() if f.repeats}
        for child in element:
            field = self.fields.get(child.tag)
            if field is not None:
                _take(field, child, values)
        for name, key in self.attributes.items():
            if name in element.attrib:
                values[key] = str(element.attrib[name])
        if self.has_text:
            values["#text"] = element.text or ""
        self._check(values)
        return values

    def _check(self, values: dict[str, Plain]) -> None:
        if self._required is not None:
            for key in self._required:
                if key not in values or values[key] == []:
                    raise Misfit("missing", key)
        elif self._group is not None:
            lacks = self._group.missing({key for key, value in values.items() if value != []})
            if lacks:
                raise Misfit("missing", lacks)


def _take(field: Field, child: etree._Element, values: dict[str, Plain]) -> None:
    """Read *child* into its place; an element that may stand once must not stand twice."""
    found = values.get(field.key) if field.repeats else None
    try:
        value = field.read(child) if child.get(_NIL) is None else _nil(field, child)
    except Misfit as misfit:
        at = f"[{len(found)}]" if isinstance(found, list) else ""
        misfit.path.insert(0, field.key + at)
        raise
    if isinstance(found, list):
        found.append(value)
    elif field.key in values:
        raise Misfit("more than once", field.key)
    else:
        values[field.key] = value


def _nil(field: Field, child: etree._Element) -> Plain:
    if child.get(_NIL) not in ("true", "1"):
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
