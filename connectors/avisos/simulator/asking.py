"""What a question to either profile comes down to, and how it is refused."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from msgspec import Struct

from hub.sandbox.population import Person

Parameters = Mapping[str, str]


class Ask(Struct, frozen=True, kw_only=True):
    """One page of the requests of `owner`; None is the public list, everybody's."""

    owner: Person | None
    page: int
    size: int
    since: dt.datetime | None = None
    until: dt.datetime | None = None


class Refused(Exception):
    """The real system would refuse this; `code` stands in the body too."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code, self.text = code, text


def whole(value: object, name: str, most: int) -> int:
    """A whole number from 1 to *most*, as a number or as digits; else Refused."""
    digits = str(value)
    if isinstance(value, bool) or not digits.isdecimal() or not 1 <= int(digits[:9]) <= most:
        raise Refused(400, f"{name} must be a number from 1 to {most}")
    return int(digits)
