"""Plays the appointment system: what it holds about anybody follows from the dice and the day."""

from __future__ import annotations

import datetime as dt
from typing import Any

from connectors.common.consulta_simulator import consultation
from hub.sandbox import magic
from hub.sandbox.json_service import JsonService, Names, Plain, spoilers
from hub.sandbox.people import Person
from hub.sandbox.stage import Stage

NAMES = Names(
    echo="consulta", reference="referencia", rows="citas", owner="documentoTitular", total="total"
)


def _script_links(answer: Plain, _: Plain) -> Plain:
    link = "javascript:alert(1)"
    rows = [row | {"urlModificacion": link, "urlAnulacion": link} for row in answer["citas"]]
    return answer | {"citas": rows}


SPOILERS = {**spoilers(NAMES), "script_links": _script_links}
FAULTS = frozenset(SPOILERS)

SUBJECTS = (
    ("Alta en el Padrón", "202401", ("Documento de identidad", "Contrato de alquiler o escritura")),
    ("Volante de empadronamiento", "202402", ("Documento de identidad",)),
    ("Información tributaria", "202403", ("Documento de identidad", "Recibo o liquidación")),
    ("Tarjeta Madrid Mayor", None, ("Documento de identidad", "Fotografía")),
    ("Registro de documentos", "202404", ()),
)
OFFICES = (
    "Línea Madrid Alcalá",
    "Línea Madrid Centro",
    "Línea Madrid Tetuán",
    "Línea Madrid Usera",
)
CHANNELS = ("PRESENCIAL", "PRESENCIAL", "TELEFONICA", "VIDEO")
PAST_STATES = ("ATENDIDA", "ATENDIDA", "NO_PRESENTADA", "ANULADA")


def simulate(stage: Stage) -> JsonService:
    """The ASGI application."""

    def held(person: Person | None, today: dt.date) -> Plain:
        rows = rows_of(stage, person, today) if person else []
        return {NAMES.total: len(rows), NAMES.rows: rows}

    return consultation(stage, "/v1/citas/consulta", "appointments", held, SPOILERS)


def rows_of(stage: Stage, person: Person, today: dt.date) -> list[dict[str, Any]]:
    """A person's appointments on *today*: at most one to come, the earlier ones behind it."""
    if person.index == magic.NOTHING_ANYWHERE:
        return []
    dice = stage.population.dice("citas", person.index)
    fixed = person.index in (magic.DEFAULT_CITIZEN, magic.MANY_BILLS)
    to_come = [dice.randrange(2, 40)] if fixed or dice.random() < 0.2 else []  # noqa: PLR2004
    earlier = [-dice.randrange(20, 900) for _ in range(2 if fixed else dice.randrange(3))]
    days = [*to_come, *sorted(earlier, reverse=True)]
    return [
        _row(stage, person, today + dt.timedelta(days=day), day, n) for n, day in enumerate(days)
    ]


def _row(stage: Stage, person: Person, on: dt.date, ahead: int, place: int) -> dict[str, Any]:
    dice = stage.population.dice("citas", person.index, place)
    fixed = person.index == magic.DEFAULT_CITIZEN and place == 0
    subject, procedure, documents = SUBJECTS[0] if fixed else dice.choice(SUBJECTS)
    channel = CHANNELS[0] if fixed else dice.choice(CHANNELS)
    booked = on - dt.timedelta(days=ahead + dice.randrange(1, 9) if ahead > 0 else 12)
    number = f"CP-{person.index:06d}-{place}"
    change = f"https://citas.example.org/cita/{number}"
    row = {
        "idCita": number,
        "documentoTitular": person.document.number if person.document else "",
        "asunto": subject,
        "codigoTramite": procedure,
        "estado": "RESERVADA" if ahead > 0 else dice.choice(PAST_STATES),
        "fechaReserva": f"{booked.isoformat()}T{dice.randrange(8, 22):02d}:17:05",
        "fechaCita": f"{on.isoformat()}T{dice.randrange(9, 14):02d}:{dice.choice((0, 30)):02d}:00",
        "duracionMinutos": dice.choice((10, 15, 20)),
        "fechaAviso": f"{(on - dt.timedelta(days=1)).isoformat()}T09:00:00" if ahead > 0 else None,
        "canal": channel,
        "oficina": _office(stage, person) if channel == "PRESENCIAL" else None,
        "documentacion": list(documents),
    }
    links = {"urlModificacion": f"{change}/modificar", "urlAnulacion": f"{change}/anular"}
    return row | links if ahead > 0 else row


def _office(stage: Stage, person: Person) -> dict[str, Any]:
    dwelling = stage.population.household(person).dwelling
    dice = stage.population.dice("citas", "office", dwelling.district_code)
    return {
        "nombre": dice.choice(OFFICES),
        "direccion": f"{dwelling.street_type} {dwelling.street_name}, {dice.randrange(1, 90)}",
        "codigoPostal": dwelling.postal_code,
        "distrito": dwelling.district,
        "telefono": "010",
        "latitud": dwelling.latitude,
        "longitud": dwelling.longitude,
    }
