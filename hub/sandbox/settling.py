"""Turn the plan of a household into its people and their address."""

from __future__ import annotations

import datetime as dt
import random
import unicodedata

from msgspec import Struct, field

from hub.core.document import Document, check_letter
from hub.sandbox.families import MAX_YOUNG, Plan, Seat
from hub.sandbox.names import (
    ORIGINS,
    SPANISH,
    FullName,
    Origin,
    roll_given_name,
    roll_origin,
    roll_surnames,
)
from hub.sandbox.people import AS_OF, FIRST_NUMBER, SIZE, Dwelling, Household, Person
from hub.sandbox.streets import HALF_HEIGHT, HALF_WIDTH, roll_district

_MIXED_SHARE = 0.12
"""Partners and flatmates who may come from somewhere else than the head."""
_SAME_SEX_SHARE = 0.03
_RECENT_SHARE = {True: 0.02, False: 0.15}
"""Households registered within half a year: Spanish, foreign."""
_LONGEST_DAYS = 30 * 365


class _Home(Struct, kw_only=True):
    """A household while it fills."""

    dice: random.Random
    head: int
    origin: Origin
    moved: dt.date
    members: list[Person] = field(default_factory=list)
    sexes: dict[str, str] = field(default_factory=dict)
    other_parent: str | None = None
    """First surname of the head's partner, or of the parent who does not live here."""


def settle(dice: random.Random, head: int, plan: Plan) -> Household:
    """The household whose first documented member is *head*."""
    origin = ORIGINS[plan.nationality] if plan.nationality else roll_origin(dice)
    births = [_birth(dice, seat) for seat in plan.seats]
    recent = plan.recent or (
        plan.nationality is None and dice.random() < _RECENT_SHARE[origin is SPANISH]
    )
    home = _Home(dice=dice, head=head, origin=origin, moved=_moved(dice, births[0], recent=recent))
    for seat, birth in zip(plan.seats, births, strict=True):
        home.members.append(_member(home, seat, birth))
    return Household(sheet=f"{head:07d}", dwelling=_dwelling(dice), members=tuple(home.members))


def _birth(dice: random.Random, seat: Seat) -> dt.date:
    """A birthday that gives an age within the seat's bounds on AS_OF."""
    age = dice.randint(seat.youngest, seat.oldest)
    return dt.date(AS_OF.year - 1 - age, 1, 1) + dt.timedelta(days=dice.randrange(365))


def _moved(dice: random.Random, birth: dt.date, *, recent: bool) -> dt.date:
    """The day on which the household was registered; its head was 18 or more."""
    if recent:
        return AS_OF - dt.timedelta(days=dice.randint(1, 180))
    adult_days = (AS_OF - birth).days - 18 * 366
    return AS_OF - dt.timedelta(days=dice.randint(181, max(182, min(adult_days, _LONGEST_DAYS))))


def _member(home: _Home, seat: Seat, birth: dt.date) -> Person:
    index = _next_index(home, documented=seat.documented)
    outsider = seat.role in ("partner", "mate") and home.dice.random() < _MIXED_SHARE
    origin = roll_origin(home.dice) if outsider else home.origin
    sex = home.sexes[seat.role] = seat.sex or _sex(home, seat)
    name = seat.full_name or _name(home, seat, origin, sex)
    if seat.role == "partner":
        home.other_parent = name.first_surname
    phone, email = _contact(home, index, name, documented=seat.documented)
    return Person(
        index=index,
        document=_document(index) if seat.documented else None,
        given_name=name.given_name,
        first_surname=name.first_surname,
        second_surname=name.second_surname,
        sex=sex,
        birth_date=birth,
        nationality=origin.nationality,
        phone=phone,
        email=email,
        registered_since=max(birth, home.moved),
    )


def _next_index(home: _Home, *, documented: bool) -> int:
    before = sum((member.document is not None) is documented for member in home.members)
    return home.head + before if documented else SIZE + MAX_YOUNG * home.head + before


def _document(index: int) -> Document:
    digits = FIRST_NUMBER + index
    return Document("nif", f"{digits}{check_letter(digits)}")


def _sex(home: _Home, seat: Seat) -> str:
    if seat.role == "partner" and home.dice.random() >= _SAME_SEX_SHARE:
        return "M" if home.sexes["head"] == "H" else "H"
    return home.dice.choice("HM")


def _name(home: _Home, seat: Seat, origin: Origin, sex: str) -> FullName:
    first, second = roll_surnames(home.dice, origin)
    if seat.role == "child":
        first, second = _child_surnames(home, second)
    elif seat.role == "elder":
        first = _elder_surname(home.members[0], sex) or first
    return FullName(
        given_name=roll_given_name(home.dice, origin, sex),
        first_surname=first,
        second_surname=second,
    )


def _child_surnames(home: _Home, rolled: str | None) -> tuple[str, str | None]:
    """The first surnames of both parents, in the same order for all children (Civil Code 109)."""
    home.other_parent = home.other_parent or rolled
    several = home.origin.surname_count > 1
    return home.members[0].first_surname, home.other_parent if several else None


def _elder_surname(head: Person, sex: str) -> str | None:
    """The surname that the head has from a father, or from a mother."""
    return head.first_surname if sex == "H" else head.second_surname


def _contact(home: _Home, index: int, name: FullName, *, documented: bool) -> tuple[str, str]:
    """Telephone and e-mail; a child without document has those of the head."""
    if not documented:
        return home.members[0].phone, home.members[0].email
    words = f"{name.given_name} {name.first_surname}".split()
    plain = unicodedata.normalize("NFKD", ".".join(words)).encode("ascii", "ignore").decode()
    local = "".join(c for c in plain.lower() if c.isalnum() or c in ".-")
    return f"+34600000{index % 1000:03d}", f"{local}.{index}@example.org"


def _dwelling(dice: random.Random) -> Dwelling:
    district = roll_district(dice)
    street = dice.choice(district.streets)
    floor = dice.choice(("BJ", *map(str, range(1, 9))))
    return Dwelling(
        street_type=street.type,
        street_name=street.name,
        number=dice.randint(1, 120),
        stair=dice.choice((None, None, None, None, "1", "2", "DR", "IZ")),
        floor=floor,
        door=dice.choice(("A", "B", "C", "D", "DR", "IZ", None)),
        postal_code=street.postal_code,
        district_code=district.code,
        district=district.name,
        section=f"{dice.randint(1, district.thousands * 2 // 3):03d}",
        latitude=round(district.latitude + dice.uniform(-HALF_HEIGHT, HALF_HEIGHT), 6),
        longitude=round(district.longitude + dice.uniform(-HALF_WIDTH, HALF_WIDTH), 6),
    )
