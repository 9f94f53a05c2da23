"""Municipal social services and benefits."""

from __future__ import annotations

from hub.core.model.canonical import Canonical


class SocialServices(Canonical, frozen=True):
    """Stub."""

    items: tuple[Canonical, ...]


class SocialBenefits(Canonical, frozen=True):
    """Stub."""

    items: tuple[Canonical, ...]
