"""Requests about the street that a citizen made (Open311 GeoReport v2)."""

from __future__ import annotations

from hub.core.model.canonical import Canonical


class ServiceRequests(Canonical, frozen=True):
    """Stub."""

    items: tuple[Canonical, ...]
