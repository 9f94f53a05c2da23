"""A rule of the quality scale: what it holds, why it matters, and what to do when it does not."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Literal, get_args

from msgspec import Struct

from hub.testing.bench import Bench

Tier = Literal["bronze", "silver", "gold", "platinum"]
TIERS: tuple[Tier, ...] = get_args(Tier)
"""From connector, mapping and three samples, to a simulator, to an owner's word."""


class Finding(Struct, frozen=True, kw_only=True):
    """One way in which a connector breaks a rule. `where` is `file:line`, or a file."""

    what: str
    where: str = ""


Check = Callable[[Bench], AsyncIterator[Finding]]
"""Yields what is wrong; nothing when the rule holds. Never raises for a connector's fault."""


class Rule(Struct, frozen=True, kw_only=True):
    """One named rule. Without a `check` only its author's word stands behind it."""

    name: str
    tier: Tier
    holds: str
    why: str
    remedy: str
    check: Check | None = None


class Verdict(Struct, frozen=True, kw_only=True):
    """What became of one rule for one connector."""

    rule: Rule
    claim: Literal["done", "exempt", "absent"]
    reason: str = ""
    findings: tuple[Finding, ...] = ()

    @property
    def stands(self) -> bool:
        """Whether the rule counts towards the level."""
        return self.claim != "absent" and not self.findings
