"""Converters of numbers: whole, decimal, money, coordinates. ASCII digits only."""

from __future__ import annotations

import math
import re
from decimal import Decimal

from hub.core.model.canonical import Money

_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
_DECIMAL = re.compile(r"[+-]?[0-9]{1,20}(\.[0-9]{1,20})?")
_UNSIGNED = re.compile(r"[0-9]{1,15}(\.[0-9]{1,20})?")
_SIGNED = re.compile(r"[+-]?[0-9]{1,15}(\.[0-9]{1,20})?|[0-9]{1,15}(\.[0-9]{1,20})?-")
_EUROS = re.compile(r"[0-9]{1,15}")
_HUNDREDTHS = re.compile(r"[0-9]{1,2}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_CENTS = Decimal("0.01")
_MOST_ROWS = 999
_MOST_PLACES = 20
"""An exponent beyond this is an attack: written out, it fills the memory."""


def integer(value: str | int) -> int:
    """A whole number of at most 18 digits."""
    digits = _digits(value, _WHOLE)
    return int(digits)


def beyond_999(value: str | int) -> bool:
    """Whether a number of rows is more than the 999 that the source gives at once."""
    return integer(value) > _MOST_ROWS


def decimal_text(value: str | int | Decimal) -> Decimal:
    """A decimal number with a point, exact: the places are kept as they came."""
    return Decimal(_digits(value, _DECIMAL))


def money(amount: str | int | Decimal, currency: str) -> Money:
    """An amount without sign and its currency (ISO 4217), with exactly two places.

    Further places must be zeros (`152.00000000000000`): the hub rounds no amount.
    """
    return Money(amount=_cents(_digits(amount, _UNSIGNED)), currency=_currency(currency))


def money_eur(amount: str | int | Decimal) -> Money:
    """As `money`, of a source whose contract says that all amounts are euros."""
    return Money(amount=_cents(_digits(amount, _UNSIGNED)), currency="EUR")


def money_eur_in_parts(whole: str | int, cents: str | int, sign: str | None) -> Money:
    """Euros of a source that writes an amount in three elements, as the AEAT does.

    `cents` counts hundredths, so that `5` is five of them; a blank or absent sign, or `+`,
    is none, `-` or `N` is a minus. Exact: no float is made on the way.
    """
    minus = {"": "", "+": "", "-": "-", "N": "-"}.get((sign or "").strip().upper())
    euros, hundredths = _digits(whole, _EUROS), _digits(cents, _HUNDREDTHS)
    if minus is None:
        raise ValueError("another sign than plus or minus")
    return Money(amount=_cents(f"{minus}{euros}.{hundredths:0>2}"), currency="EUR")


def signed_money(amount: str | int | Decimal, currency: str) -> Money:
    """As `money`, with a sign before the amount or, as ABAP writes it, a minus after it."""
    digits = _digits(amount, _SIGNED)
    if digits.endswith("-"):
        digits = "-" + digits[:-1]
    return Money(amount=_cents(digits), currency=_currency(currency))


def latitude(value: str | float | Decimal) -> float | None:
    """Degrees north, -90 to 90 (WGS 84); None for zero and for what cannot be one."""
    return _degrees(value, 90.0)


def longitude(value: str | float | Decimal) -> float | None:
    """Degrees east, -180 to 180 (WGS 84); None for zero and for what cannot be one."""
    return _degrees(value, 180.0)


def _digits(value: str | int | Decimal, shape: re.Pattern[str]) -> str:
    digits = _plain(value) if isinstance(value, Decimal) else str(value).strip()
    if not shape.fullmatch(digits):
        raise ValueError("not a number of the form that is expected")
    return digits


def _plain(value: Decimal) -> str:
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int) or abs(exponent) > _MOST_PLACES:  # not finite, or huge
        raise ValueError("not a number of the form that is expected")
    return format(value, "f")


def _cents(digits: str) -> Decimal:
    exact = Decimal(digits)
    amount = exact.quantize(_CENTS)
    if amount != exact:
        raise ValueError("an amount with parts of a cent")
    return amount + 0  # minus zero is zero


def _currency(value: str) -> str:
    code = value.strip()
    if not _CURRENCY.fullmatch(code):
        raise ValueError("not a currency code")
    return code


def _degrees(value: str | float | Decimal, limit: float) -> float | None:
    if isinstance(value, str) and not _DECIMAL.fullmatch(value.strip()):
        return None
    try:
        degrees = float(value)
    except OverflowError:
        return None
    useful = math.isfinite(degrees) and degrees != 0 and abs(degrees) <= limit
    return degrees if useful else None
