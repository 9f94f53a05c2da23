"""What was named and may not be had: 403, or the step-up challenge of RFC 9470.

A higher level of identification helps only where nothing else stands in the way, so the
challenge is given only when every refusal is for the level alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from hub.api.context import AnyRequest, context_of
from hub.api.problems import Fault, Problem
from hub.api.texts import Language, language_of, reason_text
from hub.core.policy import Assurance, Caller, Denial, reaches
from hub.settings import Issuer

_CHALLENGE = 'Bearer realm="posicion-integral", error="insufficient_user_authentication"'


def denied(request: AnyRequest, caller: Caller, denials: Sequence[Denial]) -> Problem:
    """The problem that tells *caller* of *denials*, all of which were named."""
    language = language_of(request.headers.get("accept-language"))
    return challenge(context_of(request).settings.issuers, caller, denials, language)


def challenge(
    issuers: Sequence[Issuer], caller: Caller, denials: Sequence[Denial], language: Language
) -> Problem:
    """As `denied`, for a hub that believes *issuers*."""
    faults = refusal_faults(denials, language)
    wanted = _level(denials)
    if wanted is None:
        return Problem("forbidden-block", errors=faults)
    values = acr_values(issuers, caller.issuer, wanted)
    named = f', acr_values="{" ".join(values)}"' if values else ""
    headers = {"www-authenticate": f"{_CHALLENGE}{named}"}
    return Problem("insufficient-user-authentication", errors=faults, headers=headers)


def acr_values(issuers: Sequence[Issuer], issuer: str, wanted: Assurance) -> tuple[str, ...]:
    """The `acr` values of *issuer* that reach *wanted*, as configured; none if it has none."""
    known = {row.issuer: row.assurance for row in issuers}.get(issuer, {})
    return tuple(value for value, level in known.items() if reaches(level, wanted))


def refusal_faults(denials: Sequence[Denial], language: Language) -> tuple[Fault, ...]:
    """One fault per refused path, or per block that is refused whole."""
    return tuple(
        Fault(
            block=denial.block,
            path=None if path is None else f"{denial.block}.{path}",
            reason=denial.reason,
            needs=denial.needs,
            detail=reason_text(denial.reason, language),
        )
        for denial in denials
        for path in denial.paths or (None,)
    )


def _level(denials: Sequence[Denial]) -> Assurance | None:
    """The highest level that *denials* ask for, if they ask for nothing else."""
    if any(denial.reason != "step_up" for denial in denials):
        return None
    wanted = {denial.needs for denial in denials}
    levels: tuple[Assurance, ...] = ("high", "substantial", "low")
    return next((level for level in levels if level in wanted), None)
