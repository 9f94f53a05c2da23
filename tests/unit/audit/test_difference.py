"""Differences between two values: complete, by place, and masked."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hub.audit.difference import compare, contains, general, masked

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["a", "b"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xyz/"), inner, max_size=3)
    ),
    max_leaves=8,
)


def without_nulls(node):
    """A null and an absent field say the same."""
    if isinstance(node, dict):
        return {k: without_nulls(v) for k, v in node.items() if v is not None}
    if isinstance(node, list):
        trimmed = [without_nulls(item) for item in node]
        while trimmed and trimmed[-1] is None:
            trimmed.pop()
        return trimmed
    return None if node is None else (type(node).__name__, node)


@given(JSON, JSON)
def test_values_differ_exactly_where_they_are_not_the_same(then, now):
    """No difference is found in the same value, and one in every other."""
    assert list(compare(then, then)) == []
    found = list(compare(then, now))
    assert (found == []) == (without_nulls(then) == without_nulls(now))


@given(JSON)
def test_a_value_contains_itself(value):
    """And everything is part of it that a projection leaves."""
    assert contains(value, value)
    if isinstance(value, dict):
        for key in value:
            assert contains(value, {key: value[key]})


def test_what_is_not_part_is_said():
    """Another value, another length, another kind, an invented field."""
    whole = {"a": [{"b": 1}, {"b": 2}], "c": True}
    parts: tuple[object, ...] = (
        {"a": [{"b": 1}]},
        {"a": [{"b": 1}, {"b": 3}]},
        {"d": 1},
        {"c": 1},
        [],
    )
    for part in parts:
        assert not contains(whole, part)


def test_a_mask_tells_the_kind_alone():
    """Whatever the value was."""
    assert [masked(v) for v in ("ANA", 7, True, {"a": 1}, [1], None)] == [
        "[text]",
        "[number]",
        "[boolean]",
        "[record]",
        "[list]",
        None,
    ]


def test_counts_are_by_field_and_not_by_row():
    """Indices are dropped, numbers inside names are kept."""
    assert general("/items/12/line2/3") == "/items[]/line2[]"
