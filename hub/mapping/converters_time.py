"""Converters of dates and moments. Moments are aware and in UTC; ASCII digits only."""

from __future__ import annotations

import datetime as dt
import re
from functools import cache
from zoneinfo import ZoneInfo

from hub.core.model.canonical import PartialDate

_OUTSIDE = "a moment outside the calendar"
_SENTINEL = dt.date(1900, 1, 1)
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_ZONE = r"(?P<zone>Z|[+-][0-9]{2}:?[0-9]{2})"
_DAY = r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})"
_TIME = r"[T ](?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})(:(?P<second>[0-9]{2})([.,](?P<part>[0-9]{1,9}))?)?"
_ISO_DATE = re.compile(rf"{_DAY}{_ZONE}?")
_ISO_MOMENT = re.compile(rf"{_DAY}{_TIME} ?{_ZONE}")
_ISO_ANY = re.compile(rf"{_DAY}{_TIME}( ?{_ZONE})?")
_ISO_LOCAL = re.compile(rf"{_DAY}{_TIME}")
_ISO_DAY = re.compile(rf"{_DAY}({_TIME} ?)?{_ZONE}?")
_COMPACT = re.compile(r"(?P<year>[0-9]{4})(?P<month>[0-9]{2})(?P<day>[0-9]{2})")
_SLASHES = re.compile(r"(?P<day>[0-9]{2})/(?P<month>[0-9]{2})/(?P<year>[0-9]{4})")
_PARTIAL = re.compile(r"(?P<year>[0-9]{4})(-?(?P<month>[0-9]{2})(-?(?P<day>[0-9]{2}))?)?")
_ODATA = re.compile(r"\\?/Date\((?P<ms>-?[0-9]{1,15})([+-][0-9]{4})?\)\\?/")
_NO_DATE = re.compile(r"0000-?00-?00(T.*)?")


def date_iso(value: str) -> dt.date:
    """`2026-01-31`; a zone after it, which xs:date allows, does not move the day."""
    return _day(_match(_ISO_DATE, value))


def date_iso_or_1900(value: str) -> dt.date | None:
    """As `date_iso`, or a moment without zone, of which the day counts; `1900-01-01` is none."""
    stamp = value.strip()
    local = _ISO_LOCAL.fullmatch(stamp)
    day = date_iso(stamp) if local is None else _local(local).date()
    return None if day == _SENTINEL else day


def date_yyyymmdd(value: str) -> dt.date | None:
    """`20260131`; `00000000`, the initial value of an ABAP date, is none."""
    return None if value.strip() == "00000000" else _day(_match(_COMPACT, value))


def date_ddmmyyyy(value: str) -> dt.date:
    """`31/01/2026`."""
    return _day(_match(_SLASHES, value))


def date_odata(value: str) -> dt.date | None:
    r"""The UTC day of an OData v2 Edm.DateTime in any form that services send.

    `/Date(ms)/`, `\/Date(ms)\/`, ISO 8601 (day as written; with a zone, the day in UTC) or
    `yyyymmdd`; `00000000` and `0000-00-00`, which services leak, are none.
    """
    stamp = value.strip()
    if _NO_DATE.fullmatch(stamp):
        return None
    if (ticks := _ODATA.fullmatch(stamp)) is not None:
        return _since_epoch(ticks).date()
    if (compact := _COMPACT.fullmatch(stamp)) is not None:
        return _day(compact)
    if (day := _ISO_DATE.fullmatch(stamp)) is not None:
        return _day(day)
    moment = _match(_ISO_ANY, stamp)
    return _moment(moment).date() if moment["zone"] else _local(moment).date()


def date_of_moment(value: str) -> dt.date:
    """The day of a date (`2026-01-31`, `31/01/2026`) or of an ISO moment, as it is written.

    The time after it is not read, so that a clock of twelve hours does no harm, and a zone
    does not move the day.
    """
    return _day(_SLASHES.fullmatch(value.strip()) or _match(_ISO_DAY, value))


def partial_date(value: str) -> PartialDate | None:
    """`yyyy`, `yyyymm`, `yyyymmdd`, or the same with dashes; parts of zeros are unknown.

    A date of zeros alone is none.
    """
    found = _match(_PARTIAL, value)
    year, month, day = (int(found[part] or 0) for part in ("year", "month", "day"))
    if year == month == day == 0:
        return None
    if year == 0:
        raise ValueError("a date without its year")
    return PartialDate(year=year, month=month or None, day=day or None)


def moment_iso(value: str) -> dt.datetime:
    """An ISO 8601 moment with its zone (`Z`, `+02:00`, `+0200`), as the same instant in UTC.

    Seconds may be lacking (W3C NOTE-datetime); digits beyond microseconds are cut off.
    """
    return _moment(_match(_ISO_MOMENT, value))


def moment_madrid(value: str) -> dt.datetime:
    """As `moment_iso`; without a zone it is the time of Madrid (`2013-01-01 17:15`).

    An hour that the clock shows twice is the first of the two.
    """
    found = _match(_ISO_ANY, value)
    if found["zone"]:
        return _moment(found)
    return _local(found).replace(tzinfo=_madrid()).astimezone(dt.UTC)


def moment_odata(value: str) -> dt.datetime | None:
    r"""An OData v2 Edm.DateTimeOffset: `/Date(ms+0060)/`, escaped or not, or as `moment_iso`.

    The milliseconds count in UTC, the offset moves nothing; a date of zeros is none.
    """
    stamp = value.strip()
    if _NO_DATE.fullmatch(stamp):
        return None
    ticks = _ODATA.fullmatch(stamp)
    return moment_iso(stamp) if ticks is None else _since_epoch(ticks)


@cache
def _madrid() -> ZoneInfo:
    return ZoneInfo("Europe/Madrid")


def _match(shape: re.Pattern[str], value: str) -> re.Match[str]:
    found = shape.fullmatch(value.strip())
    if found is None:
        raise ValueError("not of the form that is expected")
    return found


def _day(found: re.Match[str]) -> dt.date:
    return dt.date(int(found["year"]), int(found["month"]), int(found["day"]))


def _local(found: re.Match[str]) -> dt.datetime:
    part = (found["part"] or "0")[:6].ljust(6, "0")
    time = dt.time(int(found["hour"]), int(found["minute"]), int(found["second"] or 0), int(part))
    return dt.datetime.combine(_day(found), time)


def _moment(found: re.Match[str]) -> dt.datetime:
    local, offset = _local(found), _offset(found["zone"])
    try:
        return (local - offset).replace(tzinfo=dt.UTC)
    except OverflowError:
        raise ValueError(_OUTSIDE) from None


def _offset(zone: str) -> dt.timedelta:
    if zone == "Z":
        return dt.timedelta(0)
    hours, minutes = int(zone[1:3]), int(zone[-2:])
    if hours > 14 or minutes > 59:  # noqa: PLR2004 - XML Schema part 2, section 3.2.7.3
        raise ValueError("not an offset from UTC")
    return dt.timedelta(hours=hours, minutes=minutes) * (-1 if zone[0] == "-" else 1)


def _since_epoch(found: re.Match[str]) -> dt.datetime:
    try:
        return _EPOCH + dt.timedelta(milliseconds=int(found["ms"]))
    except OverflowError:
        raise ValueError(_OUTSIDE) from None
