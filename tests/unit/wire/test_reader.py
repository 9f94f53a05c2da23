from __future__ import annotations

import re

import pytest
from lxml import etree

from hub.core.errors import SourceMalformed
from hub.wire.reader import Field, Group, Record, read_nothing, read_text, read_with

XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'


def a_record(*fields: Field, group: Group | None = None) -> Record:
    record = Record()
    record.fields = {field.key: field for field in fields}
    record.group = group
    return record


def read(record: Record, text: str):
    return read_with("source", "Root", record, etree.fromstring(text))


def all_of(*members: Group | str, required: bool = True) -> Group:
    keys = {k for m in members for k in ([m] if isinstance(m, str) else m.keys)}
    return Group(kind="all", required=required, members=members, keys=frozenset(keys))


def one_of(*members: Group | str, required: bool = True) -> Group:
    keys = {k for m in members for k in ([m] if isinstance(m, str) else m.keys)}
    return Group(kind="choice", required=required, members=members, keys=frozenset(keys))


LEAF = Field(key="A", read=read_text)
MANY = Field(key="M", read=read_text, repeats=True)
NILLABLE = Field(key="N", read=read_text, nillable=True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<R><A>x</A></R>", {"A": "x", "M": []}),
        ("<R><A> x </A></R>", {"A": " x ", "M": []}),
        ("<R><A/></R>", {"A": "", "M": []}),
        ("<R/>", {"M": []}),
        ("<R><M>1</M></R>", {"M": ["1"]}),
        ("<R><M>2</M><A>x</A><M>1</M></R>", {"A": "x", "M": ["2", "1"]}),
        (f'<R {XSI}><N xsi:nil="true"/></R>', {"N": None, "M": []}),
        (f'<R {XSI}><N xsi:nil="0">x</N></R>', {"N": "x", "M": []}),
        ("<R>mixed<A>x</A>text</R>", {"A": "x", "M": []}),
        ("<R><Other>y</Other><!-- c --><?pi ?><A>x</A></R>", {"A": "x", "M": []}),
    ],
    ids=[
        "leaf", "blanks", "empty", "absent", "one-is-a-list", "order", "nil", "not-nil",
        "mixed", "undeclared",
    ],
)  # fmt: skip
def test_plain_data_follows_the_rules(text, expected):
    """Text stays as it was, what may repeat is always a list, the undeclared is ignored."""
    assert read(a_record(LEAF, MANY, NILLABLE), text) == expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("<R><A>x</A><A>y</A></R>", "Root/A: more than once"),
        ("<R><A><B/></A></R>", "Root/A: elements where the contract has text"),
        ("<R><M>x</M><M><B/></M></R>", "Root/M[1]: elements where the contract has text"),
        (f'<R {XSI}><A xsi:nil="true"/></R>', "Root/A: nil, which the contract does not allow"),
    ],
    ids=["twice", "element-for-text", "names-the-row", "nil"],
)
def test_what_breaks_the_contract_is_named_by_its_path(text, why):
    """A misfit names the path and the rule, and it is final."""
    with pytest.raises(SourceMalformed) as caught:
        read(a_record(LEAF, MANY, NILLABLE), text)
    assert (caught.value.reason, caught.value.detail) == ("schema", why)


GROUPS = [
    (all_of("A", "B"), {"A", "B"}, None),
    (all_of("A", "B"), {"A"}, "B"),
    (all_of("A", all_of("B", "C")), {"A", "B"}, "C"),
    (all_of("A", all_of("B", "C", required=False)), {"A"}, None),
    (all_of("A", all_of("B", "C", required=False)), {"A", "C"}, "B"),
    (all_of("A", "B", required=False), set(), None),
    (all_of("A", "B", required=False), {"B"}, "A"),
    (one_of("A", "B"), {"B"}, None),
    (one_of("A", "B"), set(), "A|B"),
    (one_of("A", "B", required=False), set(), None),
    (one_of(all_of("A", "B"), "C"), {"C"}, None),
    (one_of(all_of("A", "B"), "C"), {"A"}, "B"),
    (one_of(all_of("A", "B"), all_of("A", "C")), {"A", "C"}, None),
    (all_of("A", one_of("B", "C")), {"A"}, "B|C"),
]


@pytest.mark.parametrize(("group", "present", "missing"), GROUPS)
def test_a_group_says_what_is_missing(group, present, missing):
    """A sequence wants all that it requires, a choice one of its branches, whole."""
    assert group.missing(present) == missing


@pytest.mark.parametrize(("group", "present", "missing"), GROUPS)
def test_a_record_refuses_what_its_group_misses(group, present, missing):
    """The short way through a record and the long way through its group agree."""
    record = a_record(*(Field(key=key, read=read_text) for key in "ABC"), group=group)
    text = "<R>" + "".join(f"<{key}/>" for key in sorted(present)) + "</R>"
    if missing is None:
        assert read(record, text) == dict.fromkeys(sorted(present), "")
    else:
        with pytest.raises(SourceMalformed, match=rf"Root/{re.escape(missing)}: missing"):
            read(record, text)


def test_an_empty_list_does_not_satisfy_a_required_element():
    """What must stand at least once is missing when its list is empty."""
    with pytest.raises(SourceMalformed, match="Root/M: missing"):
        read(a_record(MANY, group=all_of("M")), "<R/>")


def test_attributes_and_text_stand_side_by_side():
    """A declared attribute is `@name` and the text beside it `#text`."""
    record = a_record()
    record.attributes, record.has_text = {"unit": "@unit"}, True
    assert read(record, '<R unit="m" other="1">3</R>') == {"@unit": "m", "#text": "3"}


def test_open_content_is_not_read():
    """Where the contract leaves the content open, nothing of it gets in."""
    record = a_record(Field(key="Any", read=read_nothing))
    assert read(record, "<R><Any><X>secret</X></Any></R>") == {"Any": None}
