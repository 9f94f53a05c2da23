"""Plays a table behind HTTP: the members of the centres for older people, diced per person."""

from __future__ import annotations

import datetime as dt
from typing import Any

from msgspec import Struct

from hub.sandbox import magic
from hub.sandbox.json_service import JsonService, Names, Plain, Route, Rows, spoilers
from hub.sandbox.people import Person
from hub.sandbox.population import Population
from hub.sandbox.stage import Stage

NAMES = Names(echo="asked", reference="reference", rows="rows", owner="documento", total="count")
SPOILERS = {
    **spoilers(NAMES),
    "truncated": lambda answer, _: answer | {"truncated": True},
    "unknown_class": lambda answer, _: (
        answer | {"rows": [row | {"clase": "HONORARIO"} for row in answer["rows"]]}
    ),
    "refused_delivery": lambda answer, _: (
        answer | {"refused": {"socios_mayores_20991231.csv": "it shrank"}}
    ),
}
FAULTS = frozenset(SPOILERS)

ELDERLY = 65
CENTRES = ("Antonio Mingote", "Pablo Casals", "Carlos III", "La Bombilla", "Tetuán", "San Isidro")


class Question(Struct, rename="camel"):
    """What is read of a question; hub/wire/table.py has all of it."""

    table: str
    key: str
    columns: list[str]
    value: str | None = None
    reference: str = ""


def simulate(stage: Stage) -> JsonService:
    """The ASGI application. Settings: `user` and the secret `password`."""

    def answer(question: Question, person: Person | None, today: dt.date) -> Plain:
        number = question.value
        if person and person.document:
            number = person.document.number
        day = delivered_on(today)
        rows = rows_of(stage.population, person, today) if person else []
        return {
            "asked": {"value": number, "reference": question.reference},
            "asOf": day.isoformat(),
            "delivery": f"{question.table}_{day:%Y%m%d}.csv",
            "refused": {},
            "truncated": False,
            "count": len(rows),
            "rows": [{name: row[name] for name in question.columns} for row in rows],
        }

    asked = Rows(stage, Question, lambda question: question.value or "", answer, SPOILERS)
    return JsonService(
        stage,
        {"/rows": Route("POST", "members", asked), "/status": Route("POST", "status", asked)},
    )


def delivered_on(today: dt.date) -> dt.date:
    """The first of the month: the department delivers once a month."""
    return today.replace(day=1)


def rows_of(population: Population, person: Person, today: dt.date) -> list[dict[str, Any]]:
    """A person's rows: a member of age, a partner, or a volunteer of a workshop."""
    fixed = {magic.DEFAULT_CITIZEN: "VOLUNTARIO", magic.MANY_BILLS: "VOLUNTARIO"}
    fixed |= {magic.ELDERLY_ALONE: "SOCIO", magic.NOTHING_ANYWHERE: ""}
    dice = population.dice("tabla", person.index)
    is_member = person.age_on(today) >= ELDERLY and dice.random() < 0.5  # noqa: PLR2004 - a share
    kind = fixed.get(person.index, "SOCIO" if is_member else "")
    if not kind or person.document is None:
        return []
    dwelling = population.household(person).dwelling
    since = today - dt.timedelta(days=dice.randrange(200, 3000))
    left = dice.random() < 0.1 and person.index not in fixed  # noqa: PLR2004 - a share
    return [
        {
            "documento": person.document.number,
            "numero_socio": f"M-{person.index:06d}",
            "centro": f"Centro Municipal de Mayores {dice.choice(CENTRES)}",
            "distrito": dwelling.district,
            "clase": kind,
            "fecha_alta": since.isoformat(),
            "fecha_baja": (since + dt.timedelta(days=150)).isoformat() if left else None,
            "carne_hasta": None if left else today.replace(month=12, day=31).isoformat(),
        }
    ]
