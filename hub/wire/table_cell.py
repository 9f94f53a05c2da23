"""A value of a database or of a spreadsheet as text, and the form in which keys are compared."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import msgspec


def cell(value: object) -> str | None:
    """*value* without a loss; None for none. TypeError for what is no value of a table."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, dt.timedelta):
        return str(msgspec.to_builtins(value))
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int | float):
        return str(value)
    raise TypeError(f"a cell of type {type(value).__name__}")


def normal(text: str) -> str:
    """A key without blanks around it, in capitals: people type both."""
    return text.strip().upper()
