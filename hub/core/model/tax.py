"""Bills, fines and direct debits of the municipal treasury."""

from __future__ import annotations

from hub.core.model.canonical import Canonical


class TaxBills(Canonical, frozen=True):
    """Stub."""

    items: tuple[Canonical, ...]


class Fines(Canonical, frozen=True):
    """Stub."""

    items: tuple[Canonical, ...]


class DirectDebits(Canonical, frozen=True):
    """Stub."""

    items: tuple[Canonical, ...]
