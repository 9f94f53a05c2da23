"""The kit's builders, which the hub's own tests use as a connector's author does."""

from __future__ import annotations

from hub.testing.builders import (
    CITIZEN,
    NOW,
    MemoryRecorder,
    MemoryWitness,
    a_client,
    a_query,
    an_access,
    an_official_access,
)

__all__ = [
    "CITIZEN",
    "NOW",
    "MemoryRecorder",
    "MemoryWitness",
    "a_client",
    "a_query",
    "an_access",
    "an_official_access",
]
