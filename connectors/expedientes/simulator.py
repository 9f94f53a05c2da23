"""Plays the platform of processes: cases in ENI metadata, diced per person."""

from __future__ import annotations

import datetime as dt
from typing import Any

from connectors.common.consulta_simulator import consultation
from hub.sandbox import magic
from hub.sandbox.json_service import JsonService, Names, Plain, spoilers
from hub.sandbox.people import Person
from hub.sandbox.stage import Stage

NAMES = Names(
    echo="consulta",
    reference="referencia",
    rows="expedientes",
    owner="documentoInteresado",
    total="numeroRegistros",
)
HELD, GIVEN = 1204, 999


def _truncated(answer: Plain, other: Plain) -> Plain:
    """More cases than the platform gives at once, which it says."""
    row = (answer["expedientes"] or other["expedientes"])[0]
    mine = row | {"documentoInteresado": answer["consulta"]["documento"]["numero"]}
    return answer | {
        "numeroRegistros": HELD,
        "expedientes": [
            mine | {"Identificador": f"{mine['Identificador']}.{n}"} for n in range(GIVEN)
        ],
    }


def _cut_short(answer: Plain, other: Plain) -> Plain:
    """Fewer rows than it could give, though it says that it holds more."""
    full = _truncated(answer, other)
    return full | {"expedientes": full["expedientes"][:-1]}


SPOILERS = {**spoilers(NAMES), "truncated": _truncated, "cut_short": _cut_short}
FAULTS = frozenset(SPOILERS)

BODIES = (
    ("L01280796", "Ayuntamiento de Madrid"),
    ("LA0000951", "Agencia Tributaria Madrid"),
    ("LA0000952", "Agencia de Actividades"),
)
"""The first code is the council's; the others are invented."""
PROCEDURES = (
    ("202411", "Licencia urbanística", "Reforma de local", ("Informe técnico", "Propuesta")),
    ("202412", "Subvención al comercio", "Ayuda al pequeño comercio", ("Admisión", "Valoración")),
    (
        "202413",
        "Responsabilidad patrimonial",
        "Caída en la vía pública",
        ("Instrucción", "Audiencia"),
    ),
    ("202414", "Autorización de terraza", "Terraza de hostelería", ("Subsanación", "Resolución")),
)


def simulate(stage: Stage) -> JsonService:
    """The ASGI application."""

    def held(person: Person | None, today: dt.date) -> Plain:
        rows = rows_of(stage, person, today) if person else []
        return {NAMES.total: len(rows), NAMES.rows: rows}

    return consultation(stage, "/v1/expedientes/consulta", "cases", held, SPOILERS)


def rows_of(stage: Stage, person: Person, today: dt.date) -> list[dict[str, Any]]:
    """A person's cases, the last opened first."""
    if person.index == magic.NOTHING_ANYWHERE:
        return []
    dice = stage.population.dice("expedientes", person.index)
    fixed = person.index in (magic.DEFAULT_CITIZEN, magic.MANY_BILLS)
    count = 3 if fixed else dice.choice((0, 0, 0, 1, 2))
    ages = sorted(dice.sample(range(15, 1500), count))
    return [_row(stage, person, today, age, n) for n, age in enumerate(ages)]


def _row(stage: Stage, person: Person, today: dt.date, age: int, place: int) -> dict[str, Any]:
    dice = stage.population.dice("expedientes", person.index, place)
    code, procedure, subject, stages = dice.choice(PROCEDURES)
    body, name = dice.choice(BODIES)
    opened = today - dt.timedelta(days=age)
    is_open = place == 0
    waits = is_open and (person.index == magic.DEFAULT_CITIZEN or dice.random() < 0.3)  # noqa: PLR2004
    closed = opened + dt.timedelta(days=min(age, 180))
    state = "E01" if is_open else dice.choice(("E02", "E02", "E03"))
    serial = f"{person.index:06d}{place:02d}"
    return {
        "VersionNTI": "http://administracionelectronica.gob.es/ENI/XSD/v1.0/expediente-e",
        "Identificador": f"ES_{body}_{opened.year}_EXP_{serial:0>30}",
        "Organo": body,
        "NombreOrgano": name,
        "FechaAperturaExpediente": f"{opened.isoformat()}T10:15:00+02:00",
        "Clasificacion": code,
        "DenominacionProcedimiento": procedure,
        "Estado": state,
        "documentoInteresado": person.document.number if person.document else "",
        "numeroExpediente": f"{body[-3:]}/{opened.year}/{dice.randrange(10**5):05d}",
        "asunto": subject,
        "fase": dice.choice(stages) if is_open else "Archivado",
        "fechaPrevistaResolucion": (opened + dt.timedelta(days=180)).isoformat()
        if is_open
        else None,
        "fechaCierre": None if is_open else closed.isoformat(),
        "actuacionCiudadana": "SI" if waits else ("NO" if is_open else "NO_APLICA"),
        "fechaLimiteActuacion": (today + dt.timedelta(days=10)).isoformat() if waits else None,
        "urlDetalle": f"https://sede.example.org/expediente/{serial}",
    }
