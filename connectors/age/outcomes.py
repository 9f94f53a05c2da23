"""What a code of the platform means for the hub: tables of data, one outcome for each code.

There are two layers, and the same code can mean different things in them: the codes of the
platform (in `Atributos` or in a fault; `contracts/age/outcomes.toml`) and those of a service
(in its own part of the answer; the service's `service.toml`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from hub.core.errors import (
    SourceError,
    SourceProtected,
    SourceRefused,
    SourceUnavailable,
    TechnicalReason,
)

SOURCE = "age"
UNDEFINED = "0904"
"""The platform's own code for an error that it does not name."""

OutcomeName = Literal["found", "empty", "pending", "protected", "unavailable", "our_fault"]
_CODE = re.compile(r"[0-9A-Za-z]{1,16}")


class Verdict(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One outcome; `reason` goes with those that give nothing, and only with them."""

    outcome: OutcomeName
    reason: TechnicalReason | None = None

    def __post_init__(self) -> None:
        if (self.reason is not None) != (self.outcome in ("unavailable", "our_fault")):
            raise ValueError("a reason goes with `unavailable` and `our_fault`, and only there")


class OutcomeTable(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Codes of one layer; a code that is not listed is a fault of the source."""

    codes: Mapping[str, Verdict]

    def verdict(self, code: str) -> Verdict:
        """What *code* means."""
        return self.codes.get(code, Verdict(outcome="unavailable", reason="backend_fault"))


def holds(verdict: Verdict, code: str, layer: str) -> bool:
    """Whether the source holds something; every other outcome is raised as a SourceError."""
    if verdict.outcome in ("found", "empty"):
        return verdict.outcome == "found"
    raise failure(verdict, code, layer)


def failure(verdict: Verdict, code: str, layer: str) -> SourceError:
    """The error for an outcome that gives nothing; names the code, never the source's text."""
    detail = f"SCSP {layer} code {readable(code)}"
    if verdict.outcome == "protected":
        return SourceProtected(SOURCE, detail)
    if verdict.outcome == "our_fault":
        return SourceRefused(SOURCE, verdict.reason or "backend_fault", detail)
    return SourceUnavailable(SOURCE, verdict.reason or "backend_fault", detail)


def of_fault(verdict: Verdict) -> Verdict:
    """What a code may mean in a SOAP fault, which nobody signed: an error, and nothing else.

    A forged fault must be able to say neither that a person is unknown nor that a person is
    protected.
    """
    if verdict.outcome in ("unavailable", "our_fault"):
        return verdict
    return Verdict(outcome="unavailable", reason="backend_fault")


def readable(code: str) -> str:
    """*code* if it looks like one: free text of a source is never repeated."""
    return code if _CODE.fullmatch(code) else "(not a code)"
