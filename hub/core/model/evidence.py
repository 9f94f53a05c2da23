"""Evidence that another administration issued about a person (CCCEV 2.1)."""

from __future__ import annotations

from hub.core.model.canonical import Canonical


class JobSeekerEvidence(Canonical, frozen=True):
    """Stub."""
