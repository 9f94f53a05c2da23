"""The clock and the identifiers: the one place where "now" is read."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable

Clock = Callable[[], dt.datetime]
"""Gives the present moment as an aware UTC datetime."""

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def utc_now() -> dt.datetime:
    """The present moment, aware, in UTC."""
    return dt.datetime.now(dt.UTC)  # noqa: TID251 - this is the clock


def new_id() -> str:
    """A fresh ULID (26 characters): sorts by time, and says nothing but the time."""
    return ulid(int(utc_now().timestamp() * 1000), os.urandom(10))


def ulid(milliseconds: int, entropy: bytes) -> str:
    """The ULID (github.com/ulid/spec) of a Unix time in milliseconds and 10 random bytes."""
    number = (milliseconds << 80) | int.from_bytes(entropy)
    return "".join(_CROCKFORD[(number >> shift) & 31] for shift in range(125, -1, -5))
