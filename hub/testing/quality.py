"""`quality.toml`: what a connector's author claims, held against the rules by a program."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from hub.core.errors import HubError, SettingsError
from hub.testing.bench import Bench
from hub.testing.catalogue import RULES
from hub.testing.listening import quiet
from hub.testing.rule import TIERS, Finding, Rule, Tier, Verdict


class Exempt(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rule that does not apply, and why: for whoever reads the table."""

    exempt: str


class Quality(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file."""

    rules: Mapping[str, Literal["done"] | Exempt]


def read_quality(bench: Bench) -> Quality:
    """The claims of the connector on the bench; SettingsError lists what they cannot be."""
    path = bench.folder / "quality.toml"
    return read_claims(path, bench.shown(path))


def read_claims(path: Path, where: str) -> Quality:
    """The claims in *path*, which is called *where*; SettingsError as above."""
    try:
        quality = msgspec.convert(tomllib.loads(path.read_text("utf-8")), Quality)
    except OSError as error:
        raise SettingsError([f"{where}: cannot be read ({error.strerror})"]) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as error:
        raise SettingsError([f"{where}: {error}"]) from None
    faults = [
        f"{where}: {name}: there is no such rule{_near(name)}"
        for name in quality.rules.keys() - RULES.keys()
    ]
    faults += [
        f"{where}: {name}: an exemption has its reason"
        for name, claim in quality.rules.items()
        if isinstance(claim, Exempt) and not claim.exempt.strip()
    ]
    if faults:
        raise SettingsError(sorted(faults))
    return quality


def _near(name: str) -> str:
    found = difflib.get_close_matches(name, RULES, 1)
    return f", did you mean {found[0]}?" if found else ""


async def judge(bench: Bench, names: Iterable[str] = ()) -> tuple[Verdict, ...]:
    """A verdict for every rule, or for those called *names* alone, in the catalogue's order.

    A rule that the author does not claim is not checked.
    """
    quality, wanted = read_quality(bench), frozenset(names)
    unknown = sorted(wanted - RULES.keys())
    if unknown:
        raise SettingsError([f"{name}: there is no such rule{_near(name)}" for name in unknown])
    chosen = [rule for rule in RULES.values() if not wanted or rule.name in wanted]
    with quiet():
        return tuple([await _verdict(bench, rule, quality) for rule in chosen])


def claimed(quality: Quality) -> tuple[Verdict, ...]:
    """Every rule as it is claimed, unchecked."""
    return tuple(_claim(rule, quality) for rule in RULES.values())


def _claim(rule: Rule, quality: Quality) -> Verdict:
    match quality.rules.get(rule.name):
        case None:
            return Verdict(rule=rule, claim="absent")
        case Exempt(exempt=reason):
            return Verdict(rule=rule, claim="exempt", reason=reason)
        case "done":
            return Verdict(rule=rule, claim="done")


async def _verdict(bench: Bench, rule: Rule, quality: Quality) -> Verdict:
    verdict = _claim(rule, quality)
    if verdict.claim != "done":
        return verdict
    return msgspec.structs.replace(verdict, findings=await findings(bench, rule))


async def findings(bench: Bench, rule: Rule) -> tuple[Finding, ...]:
    """What *rule* has against the connector. A check that cannot be made is a finding too."""
    if rule.check is None:
        return ()
    try:
        return tuple([finding async for finding in rule.check(bench)])
    except HubError as error:
        what = f"it cannot be checked: {error}"
        return (Finding(what=what, where=bench.raised_at(error)),)


def level_of(verdicts: Iterable[Verdict]) -> Tier | None:
    """The highest tier of which, and of all below it, every rule stands; None below bronze.

    Up to gold an exemption counts, with its reason; platinum is somebody's word, and has none.
    """
    level: Tier | None = None
    judged = tuple(verdicts)
    for tier in TIERS:
        of_tier = [verdict for verdict in judged if verdict.rule.tier == tier]
        exempt = any(verdict.claim == "exempt" for verdict in of_tier)
        if not all(verdict.stands for verdict in of_tier) or (tier == "platinum" and exempt):
            break
        level = tier
    return level
