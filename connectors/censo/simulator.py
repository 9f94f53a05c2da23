"""Plays the city's copy of the electoral roll: who may vote follows from age and nationality."""

from __future__ import annotations

import datetime as dt
from typing import Any

from connectors.common.consulta_simulator import consultation
from hub.sandbox import magic
from hub.sandbox.json_service import JsonService, Plain, Spoiler
from hub.sandbox.people import Person
from hub.sandbox.stage import Stage


def _wrong_types(answer: Plain, other: Plain) -> Plain:
    entry = answer["inscripcion"] or other["inscripcion"]
    return answer | {
        "inscrito": True,
        "inscripcion": dict.fromkeys(entry, 7) | {"documentoElector": entry["documentoElector"]},
    }


SPOILERS: dict[str, Spoiler] = {
    "answers_other_citizen": lambda _, other: other,
    "entry_of_other_citizen": lambda answer, other: (
        answer | {"inscrito": True, "inscripcion": other["inscripcion"]}
    ),
    "no_echo": lambda answer, _: {k: v for k, v in answer.items() if k != "consulta"},
    "answers_other_request": lambda answer, _: (
        answer | {"consulta": {**answer["consulta"], "referencia": "of-another-request"}}
    ),
    "contradicts_itself": lambda answer, _: answer | {"inscrito": not answer["inscrito"]},
    "wrong_types": _wrong_types,
}
FAULTS = frozenset(SPOILERS)

ADULT = 18
EUROPEANS = frozenset({"ROU", "ITA", "BGR", "FRA", "PRT"})
ALL = ["GENERALES", "AUTONOMICAS", "MUNICIPALES", "EUROPEAS"]
SCHOOLS = ("CEIP Ciudad de Zaragoza", "CEIP Palacio Valdés", "IES Barrio de Bilbao")


def simulate(stage: Stage) -> JsonService:
    """The ASGI application."""

    def held(person: Person | None, today: dt.date) -> Plain:
        entry = entry_of(stage, person, today) if person else None
        return {"inscrito": entry is not None, "inscripcion": entry}

    return consultation(stage, "/v1/censo/consulta", "roll", held, SPOILERS)


def entry_of(stage: Stage, person: Person, today: dt.date) -> dict[str, Any] | None:
    """The entry as it was closed on the first of the month before last; None for who has none."""
    month = today.replace(day=1)
    closed = (month - dt.timedelta(days=32)).replace(day=1)
    rolls = {"ESP": ("CER", ALL)} | dict.fromkeys(EUROPEANS, ("CERE", ALL[2:]))
    is_here = person.index not in (magic.NOT_REGISTERED, magic.NOTHING_ANYWHERE)
    moved_in = person.registered_since <= closed
    roll, elections = rolls.get(person.nationality, ("", ALL))
    if not roll or not is_here or not moved_in or person.age_on(closed) < ADULT:
        return None
    dwelling = stage.population.household(person).dwelling
    dice = stage.population.dice("censo", dwelling.district_code, dwelling.section)
    place = {
        "nombre": dice.choice(SCHOOLS),
        "direccion": f"{dwelling.street_type} {dwelling.street_name}, {dice.randrange(1, 90)}",
        "codigoPostal": dwelling.postal_code,
    }
    return {
        "documentoElector": person.document.number if person.document else "",
        "censo": roll,
        "elecciones": elections,
        "provincia": "28",
        "municipio": "079",
        "distrito": dwelling.district_code,
        "seccion": dwelling.section,
        "mesa": "A" if person.first_surname.upper() < "M" else "B",
        "local": place,
        "fechaCierre": closed.isoformat(),
        "finReclamaciones": (closed + dt.timedelta(days=20)).isoformat(),
    }
