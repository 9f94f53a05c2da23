import datetime as dt

import pytest

from hub.core.model.canonical import PartialDate
from hub.mapping.converters_time import (
    date_ddmmyyyy,
    date_iso,
    date_iso_or_1900,
    date_odata,
    date_of_moment,
    date_yyyymmdd,
    moment_iso,
    moment_madrid,
    moment_odata,
    partial_date,
)


def utc(year: int, month: int, day: int, *clock: int) -> dt.datetime:
    hour, minute, second, micro = (*clock, 0, 0, 0, 0)[:4]
    return dt.datetime(year, month, day, hour, minute, second, micro, tzinfo=dt.UTC)


DATES = [
    (date_iso, " 2026-01-31 ", dt.date(2026, 1, 31)),
    (date_iso, "2026-01-31+02:00", dt.date(2026, 1, 31)),
    (date_iso, "2026-01-31Z", dt.date(2026, 1, 31)),
    (date_iso_or_1900, "2026-01-31", dt.date(2026, 1, 31)),
    (date_iso_or_1900, "2026-01-31T23:59:59.5", dt.date(2026, 1, 31)),
    (date_iso_or_1900, "1900-01-01", None),
    (date_iso_or_1900, " 1900-01-01T00:00:00 ", None),
    (date_iso_or_1900, "1900-01-02", dt.date(1900, 1, 2)),
    (date_yyyymmdd, "20260131", dt.date(2026, 1, 31)),
    (date_yyyymmdd, "00000000", None),
    (date_yyyymmdd, "99991231", dt.date(9999, 12, 31)),
    (date_ddmmyyyy, "31/01/2026", dt.date(2026, 1, 31)),
    (date_odata, "/Date(1771113600000)/", dt.date(2026, 2, 15)),
    (date_odata, r"\/Date(1771113600000)\/", dt.date(2026, 2, 15)),
    (date_odata, "/Date(-1)/", dt.date(1969, 12, 31)),
    (date_odata, "/Date(1771113600000+0060)/", dt.date(2026, 2, 15)),
    (date_odata, "2026-05-01T00:00:00", dt.date(2026, 5, 1)),
    (date_odata, "2026-05-01T00:30:00+02:00", dt.date(2026, 4, 30)),
    (date_odata, "2026-05-01", dt.date(2026, 5, 1)),
    (date_odata, "20260501", dt.date(2026, 5, 1)),
    (date_odata, "00000000", None),
    (date_odata, "0000-00-00", None),
    (date_odata, "0000-00-00T00:00:00", None),
    (date_of_moment, "2026-05-01", dt.date(2026, 5, 1)),
    (date_of_moment, "01/05/2026", dt.date(2026, 5, 1)),
    (date_of_moment, "2026-05-01T11:59:59.000+0200", dt.date(2026, 5, 1)),
    (date_of_moment, "2026-05-01T00:30:00.000+02:00", dt.date(2026, 5, 1)),
    (date_of_moment, "2026-05-01 23:59:59.999", dt.date(2026, 5, 1)),
    (partial_date, "1980", PartialDate(year=1980)),
    (partial_date, "198002", PartialDate(year=1980, month=2)),
    (partial_date, "1980-02", PartialDate(year=1980, month=2)),
    (partial_date, "19800229", PartialDate(year=1980, month=2, day=29)),
    (partial_date, "1980-02-29", PartialDate(year=1980, month=2, day=29)),
    (partial_date, "19800200", PartialDate(year=1980, month=2)),
    (partial_date, "1980-00-00", PartialDate(year=1980)),
    (partial_date, "00000000", None),
]


@pytest.mark.parametrize(("convert", "value", "expected"), DATES)
def test_a_date_is_the_day_that_the_source_means(convert, value, expected):
    """Each form has its converter; zeros are how ABAP says that there is none."""
    assert convert(value) == expected


MOMENTS = [
    (moment_iso, "2024-06-17T20:49:22+00:00", utc(2024, 6, 17, 20, 49, 22)),
    (moment_iso, "2024-06-17T20:49:22Z", utc(2024, 6, 17, 20, 49, 22)),
    (moment_iso, "2024-06-17T20:49:22+0200", utc(2024, 6, 17, 18, 49, 22)),
    (moment_iso, "2024-06-17T20:49:22.1234567-03:30", utc(2024, 6, 18, 0, 19, 22, 123456)),
    (moment_iso, "2024-06-17T20:49+02:00", utc(2024, 6, 17, 18, 49)),
    (moment_madrid, "2013-01-01 17:15", utc(2013, 1, 1, 16, 15)),
    (moment_madrid, "2013-07-01T17:15:00", utc(2013, 7, 1, 15, 15)),
    (moment_madrid, "2013-07-01T17:15:00Z", utc(2013, 7, 1, 17, 15)),
    (moment_madrid, "2026-10-25T02:30:00", utc(2026, 10, 25, 0, 30)),
    (moment_odata, "/Date(1767323045123+0000)/", utc(2026, 1, 2, 3, 4, 5, 123000)),
    (moment_odata, r"\/Date(1767323045123+0060)\/", utc(2026, 1, 2, 3, 4, 5, 123000)),
    (moment_odata, "2026-01-02T03:04:05Z", utc(2026, 1, 2, 3, 4, 5)),
    (moment_odata, "0000-00-00T00:00:00", None),
]


@pytest.mark.parametrize(("convert", "value", "expected"), MOMENTS)
def test_a_moment_is_an_instant_in_utc(convert, value, expected):
    """The zone is what the source wrote; only one converter assumes Madrid."""
    found = convert(value)
    assert found == expected
    assert found is None or found.tzinfo is dt.UTC


MISFITS = [
    (date_iso, "2026-02-30"),
    (date_iso, "2026-W05-1"),
    (date_iso, "2026-01-31T00:00:00"),
    (date_iso, "٢٠٢٦-01-31"),
    (date_iso_or_1900, "1900"),
    (date_iso_or_1900, "2026-01-31T25:00:00"),
    (date_iso_or_1900, "2026-01-31T00:00:00Z"),
    (date_yyyymmdd, "2026-01-31"),
    (date_yyyymmdd, "20261301"),
    (date_yyyymmdd, "2026131"),
    (date_ddmmyyyy, "01/31/2026"),
    (date_ddmmyyyy, "1/1/2026"),
    (date_odata, "/Date()/"),
    (date_odata, "/Date(999999999999999)/"),
    (date_odata, "/Date(1e9)/"),
    (date_odata, "0001-01-01T00:00:00+14:00"),
    (date_odata, "31.01.2026"),
    (date_of_moment, "2026-02-30T10:00:00Z"),
    (date_of_moment, "2026-05-01T"),
    (date_of_moment, "2026-05-01 mañana"),
    (date_of_moment, "05/31/2026"),
    (partial_date, "0000-02"),
    (partial_date, "1980-13"),
    (partial_date, "1980-00-05"),
    (partial_date, "80"),
    (moment_iso, "2024-06-17T20:49:22"),
    (moment_iso, "2024-06-17"),
    (moment_iso, "2024-06-17T24:00:00Z"),
    (moment_iso, "2024-06-17T20:49:60Z"),
    (moment_iso, "2024-06-17T20:49:22+15:00"),
    (moment_iso, "2024-06-17T20:49:22+01:60"),
    (moment_iso, "9999-12-31T23:59:59-01:00"),
    (moment_madrid, "0001-01-01 00:00+02:00"),
    (moment_madrid, "ayer"),
    (moment_odata, "2026-01-02T03:04:05"),
]


@pytest.mark.parametrize(("convert", "value"), MISFITS)
def test_what_is_no_such_date_is_refused(convert, value):
    """No day is guessed: another form, another calendar or no such day is a ValueError."""
    with pytest.raises(ValueError, match=r"\w") as refusal:
        convert(value)
    assert value not in str(refusal.value)
