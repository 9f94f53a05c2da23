"""What each synthetic citizen has reported: a pure function of the person and of the day."""

from __future__ import annotations

import datetime as dt
import random

from msgspec import Struct

from hub.sandbox import magic
from hub.sandbox.population import Dwelling, Person, Population

MOST = 6
"""No citizen has reported more."""

SERVICES = (
    ("591b126d4e4ea840018b45b6", "Limpieza en vías públicas"),
    ("591b1e834e4ea839018b4605", "Muebles particulares"),
    ("591b375c4e4ea83a018b4686", "Desperfecto en acera"),
    ("591b3a194e4ea83a018b46bb", "Farola apagada"),
    ("591b36544e4ea839018b4653", "Alcantarillado"),
    ("630f7c8e5b02a415138b4591", "Pintadas y grafitis"),
    ("591b37fe4e4ea840018b4666", "Mejora de accesibilidad"),
    ("591ed08b4e4ea839018b4568", "Nueva instalación"),
)
_WORDS = (
    "Lleva así varios días y de noche no se ve nada.",
    "Junto al paso de peatones.\nLa señal está caída, ¡cuidado!",
    "Es peligroso para los niños del barrio.",
    "Ya avisé el año pasado & sigue igual <sin arreglar>.",
)
_AGENCIES = ("Alumbrado Público", "Limpieza Urbana", "Vías y Obras", "Parques y Jardines")


class Step(Struct, frozen=True, kw_only=True):
    """Where a report stands: Madrid's node, its label and place, and the standard's word."""

    node: str
    label: str | None
    order: int
    status: str


STEPS = (
    Step(node="middle_node", label="En ejecución", order=4, status="open"),
    Step(node="final_ok_node", label="Fin de trámite", order=6, status="closed"),
    Step(node="final_not_ok_node", label="Cancelado", order=7, status="closed"),
    Step(node="initial_node", label=None, order=1, status="open"),
    Step(node="middle_node", label="En estudio", order=3, status="open"),
    Step(node="middle_node", label=None, order=2, status="open"),
)


class Report(Struct, frozen=True, kw_only=True):
    """One report, in words of neither profile."""

    number: str
    key: str
    """24 hexadecimal digits."""
    service: tuple[str, str]
    is_petition: bool
    step: Step
    made_at: dt.datetime
    ended_at: dt.datetime | None
    words: str
    agency: str
    street: str
    postal_code: str
    latitude: float
    longitude: float
    picture: str | None


def reports_of(population: Population, person: Person, today: dt.date) -> list[Report]:
    """The reports of *person*, the newest first; the default citizen has one in every state."""
    dice = population.dice("avisos", person.index)
    dwelling = population.household(person).dwelling
    ages = sorted(dice.randrange(1, 85) for _ in range(_count(person.index, dice)))
    midnight = dt.datetime.combine(today, dt.time(), dt.UTC)
    return [
        _report(dice, person.index * 10 + n, n, midnight - dt.timedelta(days=age), dwelling)
        for n, age in enumerate(ages)
    ]


def _count(index: int, dice: random.Random) -> int:
    drawn = dice.randrange(MOST)
    if index == magic.NOTHING_ANYWHERE:
        return 0
    return len(STEPS) if index == magic.DEFAULT_CITIZEN else drawn


def _report(
    dice: random.Random, number: int, place: int, day: dt.datetime, dwelling: Dwelling
) -> Report:
    step = STEPS[place % len(STEPS)]
    made_at = day + dt.timedelta(seconds=dice.randrange(86_400))
    street = f"{dwelling.street_type} {dwelling.street_name}".title()
    return Report(
        number=str(20_000_000 + number),
        key=f"{dice.getrandbits(96):024x}",
        service=dice.choice(SERVICES),
        is_petition=dice.random() < 0.1,  # noqa: PLR2004 - about their share in the real list
        step=step,
        made_at=made_at,
        ended_at=made_at + dt.timedelta(hours=7) if step.status == "closed" else None,
        words=dice.choice(_WORDS),
        agency=dice.choice(_AGENCIES),
        street=f"{street}, {dice.randrange(1, 120)}",
        postal_code=dwelling.postal_code,
        latitude=round(dwelling.latitude + dice.uniform(-0.002, 0.002), 6),
        longitude=round(dwelling.longitude + dice.uniform(-0.002, 0.002), 6),
        picture=f"{dice.getrandbits(52):013x}" if place % 2 else None,
    )
