"""Where the person is registered (EU Core Location 2.0)."""

from __future__ import annotations

from hub.core.model.canonical import Canonical


class Residence(Canonical, frozen=True):
    """Stub: the connector that provides it gives it its fields."""
