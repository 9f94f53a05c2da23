"""What narrows a grant beside the table: the person, the access, and what was said before.

The table says what a purpose may ask about anybody. Whether it may ask about this person
now depends on registers (protection, representation, opposition) and on what the access
states. Both are decided before anything is asked.
"""

from __future__ import annotations

import datetime as dt

from msgspec import Struct

from hub.core.model.canonical import PartialDate
from hub.core.policy import Consent, Denial, Grant, Purpose

MINORITY_YEARS = 14
"""Under this age people act through a representative (LO 3/2018 art. 7)."""

_LEAP_DAY = (2, 29)


class Circumstances(Struct, frozen=True, kw_only=True):
    """What is known of an access when a position is asked for under it."""

    consent: Consent | None = None
    opposed: bool = False
    """Whether the person opposes that this purpose asks."""
    withheld: bool = False
    """Whether the person is to be attended in person, for whatever reason."""
    revealed: frozenset[str] = frozenset()
    """Blocks for which the official has stated a reason."""


def settle(
    decision: Grant | Denial, purpose: Purpose, circumstances: Circumstances
) -> Grant | Denial:
    """*decision* under *circumstances*: a denial stays, a grant may become one.

    Whether the person is withheld is looked at last, so that every other reason reads the
    same for everybody.
    """
    if isinstance(decision, Denial):
        return decision
    block, rule = decision.block, purpose.blocks[decision.block]
    if rule.basis == "authorisation" and circumstances.consent != "given":
        return Denial(block=block, reason="needs_authorisation", needs="given")
    if rule.opposable and circumstances.opposed:
        return Denial(block=block, reason="opposed")
    if rule.reveal and block not in circumstances.revealed:
        return Denial(block=block, reason="reveal")
    if circumstances.withheld:
        return Denial(block=block, reason="in_person")
    return decision


def may_be_under(years: int, born: PartialDate, today: dt.date) -> bool:
    """Whether somebody *born* then can be younger than *years* today.

    Of an incomplete date the latest possible day counts: in doubt a person is young.
    """
    month = born.month or 12
    day = born.day or (31 if born.month is None else 28)
    if born.day is None and born.month is not None:
        return (today.year - born.year, today.month) <= (years, month)
    if (month, day) == _LEAP_DAY:
        month, day = 3, 1
    return (today.year, today.month, today.day) < (born.year + years, month, day)
