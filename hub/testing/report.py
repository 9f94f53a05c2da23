"""Tell an author what stands, what fails, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hub.testing.catalogue import RULES
from hub.testing.quality import level_of
from hub.testing.rule import TIERS, Verdict

_SHOWN = 5
"""So many findings of one rule are told; the first ones tell what is wrong."""


def report(name: str, verdicts: Sequence[Verdict]) -> str:
    """One line per rule, then every failure with what, where, why and what to do."""
    whole = len(verdicts) == len(RULES)
    lines = [f"{name}: {level_of(verdicts) or 'below bronze'}" if whole else f"{name}:"]
    lines += [
        f"  {_mark(verdict):7} {verdict.rule.tier:9} {verdict.rule.name}{_end(verdict)}"
        for verdict in verdicts
    ]
    for verdict in verdicts:
        lines += lesson(verdict)
    return "\n".join(lines)


def _mark(verdict: Verdict) -> str:
    if verdict.claim == "done":
        return "FAILED" if verdict.findings else "done"
    return {"exempt": "exempt", "absent": "-"}[verdict.claim]


def _end(verdict: Verdict) -> str:
    if verdict.claim == "absent":
        return f": not claimed in quality.toml ({verdict.rule.holds})"
    return f": {verdict.reason}" if verdict.reason else ""


def lesson(verdict: Verdict) -> Iterator[str]:
    """What, where, why it matters, what to do; nothing for a rule that holds."""
    if not verdict.findings:
        return
    rule, found = verdict.rule, verdict.findings
    yield ""
    yield f"{rule.name} ({rule.tier}): {rule.holds}"
    for finding in found[:_SHOWN]:
        yield f"  what   {finding.what}"
        yield f"  where  {finding.where}"
    if len(found) > _SHOWN:
        yield f"         and {len(found) - _SHOWN} more"
    yield f"  why    {rule.why}"
    yield f"  do     {rule.remedy}"


def falls_short(verdicts: Sequence[Verdict], least: str | None) -> bool:
    """Whether a claim is broken, or the level is below *least*."""
    if any(verdict.findings for verdict in verdicts):
        return True
    level = level_of(verdicts)
    if least is None or least not in TIERS:
        return False
    return level is None or TIERS.index(level) < TIERS.index(least)
