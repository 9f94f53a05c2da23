import datetime as dt
from decimal import Decimal
from typing import Any, get_type_hints

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hub.core.model.canonical import PartialDate
from hub.mapping import VOCABULARY
from hub.mapping.converters_number import decimal_text, integer, latitude, money, signed_money
from hub.mapping.converters_text import document, join_words, text
from hub.mapping.converters_time import (
    date_ddmmyyyy,
    date_iso,
    date_odata,
    date_yyyymmdd,
    moment_iso,
    moment_madrid,
    moment_odata,
    partial_date,
)
from hub.mapping.signature import members, signature_of

PLAIN = {
    str: st.text(max_size=40)
    | st.from_regex(r"[-+]?[0-9]{1,20}(\.[0-9]{0,20})?-?", fullmatch=True)
    | st.from_regex(r"[0-9]{4}-?[0-9]{2}-?[0-9]{2}(T[0-9:]{5,8}Z?)?", fullmatch=True)
    | st.from_regex(r"/Date\(-?[0-9]{1,15}\)/", fullmatch=True),
    int: st.integers(),
    float: st.floats(),
    Decimal: st.decimals(),
    bool: st.booleans(),
}
DAYS = st.dates()
MOMENTS = st.integers(-(10**12), 10**13).map(
    lambda ms: dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(milliseconds=ms)
)


def is_of(value: Any, hint: Any) -> bool:
    return value is None or any(type(value) is kind for kind in members(hint))


@pytest.mark.parametrize("name", VOCABULARY)
@given(data=st.data())
def test_a_converter_gives_its_type_or_a_value_error_without_the_value(name, data):
    """Total over everything it accepts, true to its annotation, silent about the value."""
    convert, signature = VOCABULARY[name], signature_of(VOCABULARY[name])
    places = signature.places(max(signature.needed, 2 if signature.rest else 1))
    values = [
        data.draw(st.one_of([PLAIN[kind] for kind in sorted(place.accepts, key=str)]))
        for place in places or ()
    ]
    try:
        found = convert(*values)
    except ValueError as refusal:
        said = str(refusal)
        assert not any(len(str(value)) > 8 and str(value) in said for value in values)
    else:
        assert is_of(found, get_type_hints(convert)["return"])


@given(DAYS)
def test_every_day_is_read_from_every_form(day):
    """What a source can write, the converter reads back, for every day of the calendar."""
    assert date_iso(day.isoformat()) == day
    assert date_yyyymmdd(f"{day.year:04}{day.month:02}{day.day:02}") == day
    assert date_ddmmyyyy(f"{day.day:02}/{day.month:02}/{day.year:04}") == day
    whole = PartialDate(year=day.year, month=day.month, day=day.day)
    assert partial_date(day.isoformat()) == whole


@given(MOMENTS)
def test_every_moment_is_read_from_every_form(moment):
    """ISO and OData forms of one instant give the same instant."""
    ticks = (moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(milliseconds=1)
    assert moment_iso(moment.isoformat()) == moment
    assert moment_madrid(moment.isoformat()) == moment
    assert moment_odata(f"/Date({ticks}+0000)/") == moment
    assert date_odata(f"/Date({ticks})/") == moment.date()


@given(MOMENTS, st.integers(-14 * 60, 14 * 60))
def test_an_offset_moves_the_clock_and_not_the_instant(moment, minutes):
    """The same instant written in any zone is the same moment."""
    zone = dt.timezone(dt.timedelta(minutes=minutes))
    assert moment_iso(moment.astimezone(zone).isoformat()) == moment


@given(st.integers(0, 10**15 - 1), st.integers(0, 14))
def test_money_is_exact_to_the_cent(cents, zeros):
    """Amounts come back as they were, whatever number of zeros the source appends."""
    written = f"{cents // 100}.{cents % 100:02}" + "0" * zeros
    assume(cents // 100 < 10**15)
    assert money(written, "EUR").amount * 100 == cents
    assert signed_money(f"-{written}", "EUR").amount * 100 == -cents
    assert signed_money(f"{written}-", "EUR") == signed_money(f"-{written}", "EUR")
    assert str(money(written, "EUR").amount) == written[: len(written) - zeros]


@given(st.integers(-(10**18) + 1, 10**18 - 1))
def test_whole_numbers_are_read_back(number):
    """Eighteen digits with any sign."""
    assert integer(str(number)) == number == integer(number)
    assert decimal_text(str(number)) == number


@given(st.floats(-90, 90, allow_nan=False).filter(lambda x: abs(x) > 1e-4))
def test_a_latitude_is_read_back(degrees):
    """A float, and its text, give the same degrees."""
    assert latitude(degrees) == degrees
    assert latitude(f"{degrees:.10f}") == pytest.approx(degrees, abs=1e-9)


@given(st.lists(st.text(min_size=1).filter(str.strip) | st.none()))
def test_joined_words_hold_every_part_and_nothing_more(parts):
    """Nothing but the parts and single blanks between them."""
    there = [part.strip() for part in parts if part is not None]
    assert join_words(*parts) == (" ".join(there) or None)


@given(st.integers(99_000_000, 99_999_999))
def test_exactly_one_letter_makes_a_document(number):
    """Of the letters A to Z one is right for each number."""
    right = []
    for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ":
        try:
            right.append(document(f"{number}{letter}"))
        except ValueError:
            continue
    assert len(right) == 1


@given(st.text())
def test_stripping_twice_is_stripping_once(value):
    """`text` is idempotent."""
    assert text(text(value)) == text(value)
