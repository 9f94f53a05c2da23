"""Synthetic people: a pure function of a seed and an index, so that millions cost no memory.

Nobody here is real: document numbers are NIF 99000000-99999999 (never issued), and a
person's number follows from the index alone, so that every simulator knows the same person.

Indexes below SIZE are the people with a document. A child without one has the index
`SIZE + MAX_YOUNG * head + n`, where `head` is the index of the head of its household: from
any index the household is found by looking at one block of people (hub.sandbox.families).
"""

from __future__ import annotations

import functools
import random
import re

from hub.core.document import check_letter
from hub.sandbox.families import BLOCK, MAX_YOUNG, Plan, divide
from hub.sandbox.magic import DEFAULT_CITIZEN, FIRST_HOUSEHOLDS
from hub.sandbox.people import AS_OF, FIRST_NUMBER, SIZE, Dwelling, Household, Person
from hub.sandbox.settling import settle

__all__ = [
    "AS_OF",
    "DEFAULT_CITIZEN",
    "FIRST_NUMBER",
    "SIZE",
    "Dwelling",
    "Household",
    "Person",
    "Population",
]

REMEMBERED = 1024
"""Households kept at hand. It bounds the memory, and changes no answer."""

_NUMBER = re.compile(r"99[0-9]{6}[A-Z]")


class Population:
    """Everybody, by index or by document number."""

    def __init__(self, seed: str = "madrid") -> None:
        self.seed = seed
        self._at = functools.lru_cache(maxsize=REMEMBERED)(self._settle)

    def dice(self, *parts: object) -> random.Random:
        """A random generator that depends on the seed and on *parts* alone.

        Each simulator rolls its own: `population.dice("sap_trm", person.index)`.
        """
        return random.Random(":".join([self.seed, *map(str, parts)]))  # noqa: S311 - not a secret

    def number(self, index: int) -> str:
        """The NIF of the person at *index*; IndexError where nobody has a document."""
        if not 0 <= index < SIZE:
            raise IndexError("no document has this index")
        digits = FIRST_NUMBER + index
        return f"{digits}{check_letter(digits)}"

    def person(self, index: int) -> Person:
        """The person at *index*; IndexError where there is nobody."""
        for member in self.household_of(index).members:
            if member.index == index:
                return member
        raise IndexError("nobody has this index")

    def find(self, number: str) -> Person | None:
        """The person with the NIF *number*, upper case without blanks; else None."""
        if not _NUMBER.fullmatch(number):
            return None
        index = int(number[:8]) - FIRST_NUMBER
        return self.person(index) if number == self.number(index) else None

    def household(self, person: Person) -> Household:
        """The household in which *person* is registered; the same for all its members."""
        return self.household_of(person.index)

    def household_of(self, index: int) -> Household:
        """The household of the person at *index*; IndexError outside the population."""
        if not 0 <= index < SIZE * (1 + MAX_YOUNG):
            raise IndexError("nobody has this index")
        documented = index if index < SIZE else (index - SIZE) // MAX_YOUNG
        return self._at(*self._head_and_plan(documented))

    def _head_and_plan(self, documented: int) -> tuple[int, Plan]:
        """The index of the head of a documented person's household, and its plan."""
        block = documented // BLOCK
        head = block * BLOCK
        for plan in self._plans(block):
            if documented < head + plan.documented:
                return head, plan
            head += plan.documented
        raise AssertionError("the plans of a block fill it")

    def _plans(self, block: int) -> tuple[Plan, ...]:
        fixed = FIRST_HOUSEHOLDS if block == 0 else ()
        room = BLOCK - sum(plan.documented for plan in fixed)
        return (*fixed, *divide(self.dice("block", block), room))

    def _settle(self, head: int, plan: Plan) -> Household:
        return settle(self.dice("household", head), head, plan)
