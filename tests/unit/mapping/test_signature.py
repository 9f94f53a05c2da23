import datetime as dt
from decimal import Decimal
from typing import Annotated, Any, Literal

import pytest
from msgspec import Meta

from hub.core.model.canonical import Canonical, Money
from hub.mapping.signature import (
    ABSENT,
    BLANK,
    Misfit,
    Parameter,
    constraint,
    fits,
    is_optional,
    members,
    signature_of,
    type_name,
)

TEXT = Parameter(accepts=frozenset({str}))
NUMBER = Parameter(accepts=frozenset({int, Decimal}))
BLANKABLE = Parameter(accepts=frozenset({str}), takes_blank=True)


@pytest.mark.parametrize(
    ("place", "value", "expected"),
    [
        (TEXT, " a ", " a "),
        (TEXT, "", None),
        (TEXT, "\t\n\u00a0", None),
        (TEXT, None, None),
        (TEXT, ABSENT, None),
        (NUMBER, 0, 0),
        (NUMBER, " ", None),
        (BLANKABLE, " ", ""),
        (BLANKABLE, None, ""),
        (BLANKABLE, ABSENT, None),
    ],
)
def test_missing_is_decided_in_one_place(place, value, expected):
    """Absent, null and blank are missing; zero is not; a blank counts only where it may."""
    assert place.settle(value) == expected


@pytest.mark.parametrize("value", [True, 7, 1.5, [], {}, b"x", dt.date(2026, 1, 1)], ids=repr)
def test_another_type_is_a_misfit_of_types(value):
    """The misfit names both types and not the value; a boolean is no number."""
    with pytest.raises(Misfit, match=f"expected str, found {type(value).__name__}"):
        TEXT.settle(value)
    with pytest.raises(Misfit, match="expected Decimal or int, found bool"):
        NUMBER.settle(True)


def two(a: str, b: "str | None" = None) -> str:
    return a + str(b)


def many(*parts: str | None) -> "str | None":
    return None


def number(value: float) -> Literal["x"]:
    return "x"


def flag(value: Annotated[str, BLANK]) -> bool:
    return bool(value)


def node(value: dict[str, Any], items: list[Any]) -> str:
    return str(len(value) + len(items))


def test_annotations_are_the_contract():
    """What is taken, what may be None, how many paths and what is given are read off."""
    assert (signature_of(two).places(2) or ())[1].takes_none
    assert signature_of(two).places(1) is not None
    assert signature_of(two).places(3) is None
    assert signature_of(many).places(5) is not None
    assert signature_of(many).places(0) is None
    assert signature_of(many).may_be_none
    assert signature_of(number).parameters[0].accepts == {int, float}
    assert signature_of(flag).parameters[0].takes_blank
    assert [place.accepts for place in signature_of(node).parameters] == [{dict}, {list}]


class Sub(Money, frozen=True):
    pass


FITS = [
    (str, str, True),
    (str, str | None, True),
    (str | None, str, True),
    (str, Annotated[str, Meta(max_length=3)], True),
    (str, int, False),
    (bool, int, False),
    (int, float, False),
    (dt.datetime, dt.date, False),
    (dt.date, dt.date | None, True),
    (Money, Money | None, True),
    (Sub, Money, True),
    (Money, Sub, False),
    (Money, Canonical, True),
    (int | str, str, False),
    (int | str, str | int | None, True),
    (Literal["a"], Literal["a", "b"], True),
    (Literal["a", "c"], Literal["a", "b"], False),
    (Literal["a"], str, True),
    (Literal[1], str, False),
    (str, Literal["a"], False),
    (tuple[str, ...], tuple[str, ...], True),
    (tuple[str, ...], tuple[int, ...], False),
]


@pytest.mark.parametrize(("gives", "wants", "expected"), FITS, ids=str)
def test_a_converter_fits_a_field_or_not(gives, wants, expected):
    """Every value that is given must be one that the field allows."""
    assert fits(gives, wants) is expected


def test_hints_are_taken_apart():
    """Unions, optionals and annotations are seen through; limits are kept whole."""
    limited = Annotated[str, Meta(min_length=1)] | None
    assert members(limited) == (str,)
    assert is_optional(limited)
    assert not is_optional(str)
    assert constraint(limited) == limited
    assert constraint(str | None) is None
    assert type_name(tuple[Money, ...] | None) == "tuple[Money, ...] | None"
