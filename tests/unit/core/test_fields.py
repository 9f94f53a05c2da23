"""Field paths and projection."""

from __future__ import annotations

from msgspec import Struct

from hub.core.fields import _TREES, _tree, field_paths, project


class Inner(Struct, rename="camel"):
    post_code: str
    door: str | None = None


class Item(Struct, rename="camel"):
    amount: int
    due_date: str


class Outer(Struct, rename="camel"):
    address: Inner
    previous: Inner | None = None
    items: tuple[Item, ...] = ()
    member_count: int = 1


VALUE = Outer(address=Inner("28001", "B"), items=(Item(1, "a"), Item(2, "b")))


def test_paths_are_those_of_the_json():
    """camelCase, without list indices, inner nodes included."""
    assert field_paths(Outer) == {
        "address",
        "address.postCode",
        "address.door",
        "previous",
        "previous.postCode",
        "previous.door",
        "items",
        "items.amount",
        "items.dueDate",
        "memberCount",
    }


def test_a_projection_holds_only_what_is_covered():
    """A path keeps everything below it, and what lies beside it is gone."""
    assert project(VALUE, frozenset({"address.postCode", "items.amount"})) == {
        "address": {"postCode": "28001"},
        "items": [{"amount": 1}, {"amount": 2}],
    }
    assert project(VALUE, frozenset({"address", "address.door"}))["address"] == {
        "postCode": "28001",
        "door": "B",
    }
    assert project(VALUE, frozenset({"previous.door"})) == {"previous": None}


def test_a_star_keeps_all():
    """`*` is the whole block."""
    assert project(VALUE, frozenset({"*"})).keys() == {
        "address",
        "previous",
        "items",
        "memberCount",
    }


def test_no_caller_fills_the_memory_with_sets_of_fields():
    """There are more sets of paths than memory holds: only the latest are remembered."""
    for number in range(2 * _TREES):
        assert project(VALUE, frozenset({"memberCount", f"no{number}"})) == {"memberCount": 1}
    assert _tree.cache_info().currsize <= _TREES
