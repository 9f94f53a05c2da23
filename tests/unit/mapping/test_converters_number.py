from decimal import Decimal

import pytest

from hub.core.model.canonical import Money
from hub.mapping.converters_number import (
    beyond_999,
    decimal_text,
    integer,
    latitude,
    longitude,
    money,
    money_eur,
    signed_money,
)


def euros(amount: str) -> Money:
    return Money(amount=Decimal(amount), currency="EUR")


@pytest.mark.parametrize(
    ("convert", "values", "expected"),
    [
        (integer, ("007",), 7),
        (integer, (" -12 ",), -12),
        (integer, (5,), 5),
        (beyond_999, (999,), False),
        (beyond_999, ("1000",), True),
        (decimal_text, ("10.010",), Decimal("10.010")),
        (decimal_text, (Decimal("1E+2"),), Decimal(100)),
        (money, ("152.00000000000000", "EUR"), euros("152.00")),
        (money, (152, " EUR "), euros("152.00")),
        (money, (Decimal("0.1"), "EUR"), euros("0.10")),
        (money_eur, ("7.5",), euros("7.50")),
        (signed_money, ("-3.5", "EUR"), euros("-3.50")),
        (signed_money, ("3.50-", "EUR"), euros("-3.50")),
        (signed_money, ("+3.50", "EUR"), euros("3.50")),
        (signed_money, (Decimal(-3), "EUR"), euros("-3.00")),
        (latitude, ("40.4168",), 40.4168),
        (latitude, (Decimal(-90),), -90.0),
        (longitude, (-3,), -3.0),
        (longitude, (180.0,), 180.0),
    ],
)
def test_numbers_are_read_exactly(convert, values, expected):
    """Zeros in front, blanks around and fourteen places change nothing."""
    found = convert(*values)
    assert found == expected
    assert str(found) == str(expected)


def test_minus_zero_is_zero():
    """No citizen is shown an amount of minus nothing."""
    assert str(signed_money("-0.00", "EUR").amount) == "0.00"


@pytest.mark.parametrize(
    ("convert", "value"),
    [
        (latitude, "0"),
        (latitude, 0),
        (latitude, "0.0"),
        (latitude, 90.1),
        (latitude, "4474300.5"),
        (latitude, "NaN"),
        (latitude, "norte"),
        (latitude, float("nan")),
        (latitude, 10**400),
        (longitude, float("inf")),
        (longitude, "-180.1"),
        (longitude, "٣"),
    ],
)
def test_a_useless_coordinate_is_none(convert, value):
    """Zero, metres of a map grid and words are what sources send for "no place"."""
    assert convert(value) is None


@pytest.mark.parametrize(
    ("convert", "values"),
    [
        (integer, ("1.0",)),
        (integer, ("١٢",)),
        (integer, ("1_000",)),
        (integer, ("9" * 19,)),
        (integer, (10**5000,)),
        (decimal_text, ("1,5",)),
        (decimal_text, ("1e3",)),
        (decimal_text, (".5",)),
        (decimal_text, ("NaN",)),
        (decimal_text, (Decimal("NaN"),)),
        (decimal_text, (Decimal("Infinity"),)),
        (decimal_text, (Decimal("1E+999999999"),)),
        (decimal_text, (Decimal("1E-999999999"),)),
        (money, ("-1.00", "EUR")),
        (money, ("1.00-", "EUR")),
        (money, ("1.005", "EUR")),
        (money, ("1.234,56", "EUR")),
        (money, ("1.00", "eur")),
        (money, ("1.00", "€")),
        (money, (Decimal(-1), "EUR")),
        (money_eur, (-1,)),
        (signed_money, ("-1.00-", "EUR")),
        (signed_money, ("--1.00", "EUR")),
        (signed_money, ("9" * 16, "EUR")),
    ],
)
def test_what_is_no_such_number_is_refused(convert, values):
    """Nothing is rounded, guessed or read from another alphabet."""
    with pytest.raises(ValueError, match=r"\w"):
        convert(*values)
