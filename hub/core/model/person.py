"""Who the person is, as the population register has it (EU Core Person 2.1)."""

from __future__ import annotations

from hub.core.model.canonical import Canonical


class Identity(Canonical, frozen=True):
    """Stub: the connector that provides it gives it its fields."""
