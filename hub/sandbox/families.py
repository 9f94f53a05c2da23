"""Which households there are, and how a block of people falls into them.

The documented people are cut into blocks of BLOCK. Each block is divided into households by
dice that depend on the seed and the block alone, so that the household of an index, and the
indexes of a household, are found by looking at one block: no table, no memory.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

from hub.sandbox.names import FullName

BLOCK = 50
MAX_YOUNG = 4
"""Most children without document that a household can have."""
DOCUMENT_AGE = 14
"""From this age a Spaniard must have an identity document (RD 1553/2005 art. 2)."""

Role = Literal["head", "partner", "child", "elder", "mate"]


class Seat(Struct, frozen=True):
    """A place in a household: a role, an age between two bounds (years), a document or none."""

    role: Role
    youngest: int
    oldest: int
    documented: bool = True
    full_name: FullName | None = None
    sex: str | None = None


class Plan(Struct, frozen=True, kw_only=True):
    """A kind of household. The bounds of its seats keep 18 years between generations."""

    weight: int = 0
    """How often the kind is met, out of the sum of all."""
    seats: tuple[Seat, ...]
    nationality: str | None = None
    recent: bool = False
    """Registered within the last half year before the population's day."""

    @property
    def documented(self) -> int:
        """How many of its members have a document."""
        return sum(seat.documented for seat in self.seats)


def _child(youngest: int, oldest: int) -> Seat:
    return Seat("child", youngest, oldest, documented=youngest >= DOCUMENT_AGE)


def _couple(youngest: int, oldest: int) -> tuple[Seat, Seat]:
    return Seat("head", youngest, oldest), Seat("partner", youngest, oldest)


PLANS: tuple[Plan, ...] = (
    Plan(weight=17, seats=(Seat("head", 22, 64),)),
    Plan(weight=12, seats=(Seat("head", 65, 97),)),
    Plan(weight=14, seats=_couple(24, 64)),
    Plan(weight=11, seats=_couple(65, 92)),
    Plan(weight=8, seats=(*_couple(28, 42), _child(0, 9))),
    Plan(weight=7, seats=(*_couple(31, 44), _child(0, 6), _child(3, 12))),
    Plan(weight=2, seats=(*_couple(31, 44), *(_child(0, 12) for _ in range(3)))),
    Plan(weight=1, seats=(*_couple(31, 44), *(_child(0, 12) for _ in range(4)))),
    Plan(weight=6, seats=(*_couple(42, 55), _child(14, 17), _child(8, 13))),
    Plan(weight=8, seats=(*_couple(50, 64), _child(18, 30))),
    Plan(weight=4, seats=(Seat("head", 30, 46), _child(2, 11))),
    Plan(weight=3, seats=(Seat("head", 44, 60), _child(14, 24))),
    Plan(weight=3, seats=(Seat("head", 22, 38), Seat("mate", 20, 38), Seat("mate", 20, 38))),
    Plan(weight=2, seats=(Seat("head", 36, 50), _child(4, 13), Seat("elder", 70, 94))),
    Plan(weight=1, seats=(*_couple(42, 52), _child(14, 17), _child(6, 13), Seat("elder", 72, 95))),
    Plan(weight=1, seats=(Seat("head", 24, 40), *(Seat("mate", 20, 45) for _ in range(3)))),
)

_FITTING = {
    room: (fitting, [plan.weight for plan in fitting])
    for room in range(1, BLOCK + 1)
    if (fitting := [plan for plan in PLANS if plan.documented <= room])
}


def divide(dice: random.Random, room: int = BLOCK) -> Iterator[Plan]:
    """Plans whose documented members fill *room* places exactly."""
    while room:
        fitting, weights = _FITTING[room]
        plan = dice.choices(fitting, weights)[0]
        room -= plan.documented
        yield plan
