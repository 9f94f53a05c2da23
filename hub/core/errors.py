"""
Every error the hub raises on purpose:

* HubError
  + SourceError             a source is to blame; `reason` is technical and closed
    - SourceUnavailable     no usable answer now                       (may pass later)
      . SourceSwitchedOff   an operator took it out; it says nothing about the source
    - SourceRefused         it answered "no": fault, 4xx, error code   (final)
    - SourceMalformed       it answered nonsense: schema or encoding   (final)
    - SourceInsecure        a security event: nothing of it is shown   (final)
    - SourceProtected       it protects this person: go in person      (final)
  + MappingError            an answer or a mapping file misfits the canonical model
  + InvalidDocument         an identity document that fails its own check
  + SettingsError           configuration that cannot be started with; lists every fault
  + LedgerError             the ledger cannot write or read: the hub refuses (fail closed)
    - AccessClosed          nothing may be put on record under this access any more
    - PayloadBlocked        its use has ended; two people can release it  (LOPDGDD art. 32)
    - PayloadDestroyed      its key is gone for good, and a tombstone says why

No message of this tree holds a value that a source or a client sent: a detail names a
path, a type, a code or a size, because messages end in logs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

TechnicalReason = Literal[
    "backend_fault",
    "charset",
    "circuit_open",
    "clock_skew",
    "connect_failed",
    "connection_lost",
    "decryption",
    "dns",
    "forbidden_xml",
    "hub_credentials",
    "hub_fault",
    "identity_mismatch",
    "maintenance",
    "malformed",
    "out_of_scope",
    "redirect",
    "replay",
    "schema",
    "signature",
    "throttled",
    "timeout",
    "tls",
    "too_large",
]
"""Why a source gave nothing usable: for auditors, operators and logs, never for the public."""

SECURITY_REASONS: frozenset[TechnicalReason] = frozenset(
    {"decryption", "forbidden_xml", "identity_mismatch", "out_of_scope", "replay", "signature"}
)
"""Reasons that are also a separate kind of ledger record."""

REFUSAL_REASONS: frozenset[TechnicalReason] = frozenset(
    {"backend_fault", "clock_skew", "hub_credentials", "schema"}
)
"""Reasons of a refusal: each has its figure from the start, so that the first one is an alert."""


class HubError(Exception):
    """Base of the tree above; nothing else is raised on purpose."""


class SourceError(HubError):
    """A source gave nothing usable. `detail` names codes and paths, never values."""

    retryable = False

    def __init__(
        self, source: str, reason: TechnicalReason, detail: str, retry_after: int | None = None
    ) -> None:
        super().__init__(f"{source}: {reason}: {detail}")
        self.source, self.reason, self.detail = source, reason, detail
        self.retry_after = retry_after


class SourceUnavailable(SourceError):
    """No answer, or one that says "not now"; a safe read may be tried again."""

    retryable = True


class SourceSwitchedOff(SourceUnavailable):
    """An operator of the hub has taken the operation out."""

    def __init__(self, source: str) -> None:
        super().__init__(source, "maintenance", "switched off")


class SourceRefused(SourceError):
    """The source refused the request; the same request would be refused again. `reason` is one
    of REFUSAL_REASONS.
    """


class SourceMalformed(SourceError):
    """The answer cannot be read as what the contract promises."""


class SourceInsecure(SourceError):
    """The answer must not be believed; `reason` is one of SECURITY_REASONS."""


class SourceProtected(SourceError):
    """The source protects this person's data; outwardly `denied: in_person`."""

    def __init__(self, source: str, detail: str) -> None:
        super().__init__(source, "backend_fault", detail)


class MappingError(HubError):
    """A row of a mapping does not fit; names both ends and the types, never the value."""

    def __init__(self, mapping: str, target: str, source: str, why: str) -> None:
        super().__init__(f"{mapping}: {target} <- {source}: {why}")
        self.mapping, self.target, self.source, self.why = mapping, target, source, why


class InvalidDocument(HubError):
    """An identity document number with a wrong form or check letter; never quotes it."""


class SettingsError(HubError):
    """Every fault of a configuration at once, one line each."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


class LedgerError(HubError):
    """The ledger cannot do what was asked; callers answer 503 and send nothing."""


class AccessClosed(LedgerError):
    """The access was closed by its holder: nothing is asked under it, and nothing shown."""


class PayloadBlocked(LedgerError):
    """The payload is blocked, and no release of it is in force."""


class PayloadDestroyed(LedgerError):
    """The payload's data key was destroyed: nobody can open it."""
