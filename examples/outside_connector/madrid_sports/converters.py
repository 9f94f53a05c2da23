"""The converter that this package adds to the vocabulary of mapping files."""

from __future__ import annotations

import re
from decimal import Decimal

from hub.core.model import Money

_PRICE = re.compile(r"(\d{1,4}),(\d\d) €")


def price(text: str) -> Money | None:
    """`4,70 €`; None for `GRATUITO`."""
    if text.strip() == "GRATUITO":
        return None
    found = _PRICE.fullmatch(text.strip())
    if found is None:
        raise ValueError("not a price of the form that is expected")
    return Money(amount=Decimal(f"{found.group(1)}.{found.group(2)}"), currency="EUR")


CONVERTERS = {"sports.price": price}
