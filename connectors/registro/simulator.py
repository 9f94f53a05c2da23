"""Plays the general registry: SOAP 1.1, SICRES names, entries diced per person."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hub.sandbox import magic
from hub.sandbox.people import Person
from hub.sandbox.soap_service import Refused, Reply, Request, SoapService, envelope, xml_of
from hub.sandbox.stage import Stage

CONTRACT = Path(__file__).parents[2] / "contracts" / "registro"
NAMESPACE = "urn:posicion-integral:registro:1"
PATH = "/servicios/ConsultaRegistro"

SPOILERS: dict[str, Callable[[str], str]] = {
    "answers_other_request": lambda text: re.sub("<IdPeticion>", "<IdPeticion>otra-", text),
    "no_echo": lambda text: re.sub(r"<IdPeticion>.*?</IdPeticion>", "", text),
    "wrong_total": lambda text: re.sub(r"<Numero_Asientos>.*?<", "<Numero_Asientos>77<", text),
    "missing_required": lambda text: re.sub(r"<Resumen>.*?</Resumen>", "", text),
    "wrong_namespace": lambda text: text.replace("registro:1", "registro:2"),
    "doctype": lambda text: envelope(text).replace("?><soap", "?><!DOCTYPE x><soap"),
    "unknown_kind": lambda text: text.replace("<Tipo_Registro>0<", "<Tipo_Registro>9<"),
}
"""Modes that spoil the text of a genuine answer."""
FAULTS = frozenset({"answers_other_citizen", "rows_of_other_citizen", "closed", *SPOILERS})

CITY = ("L01280796", "Ayuntamiento de Madrid")
BODIES = (CITY, ("LA0000951", "Agencia Tributaria Madrid"), ("E00003901", "Otra Administración"))
"""The first code is the council's; the others are invented."""
SUMMARIES = (
    "Solicitud general",
    "Aportación de documentos",
    "Recurso de reposición",
    "Alegaciones",
)


def simulate(stage: Stage) -> SoapService:
    """The ASGI application. Settings: `user` and the secret `password`."""

    def answer(_operation: str, request: Request) -> Reply:
        current = stage.faults.get(stage.source)
        mode = current.mode if current else ""
        if mode == "closed":
            raise Refused("soap:Server", "cerrado", "the registry is closed")
        return Reply(SPOILERS.get(mode, str)(_answer(stage, request, mode)))

    actions = {f"{NAMESPACE}:ConsultaAsientos": "entries"}
    return SoapService(
        stage, CONTRACT / "registro.wsdl", CONTRACT / "registro.xsd", actions, answer
    )


def _answer(stage: Stage, request: Request, mode: str) -> str:
    number = request.text("De_Interesado/Documento_Identificacion")
    person = stage.population.find(number)
    other = person is None or person.index == magic.DEFAULT_CITIZEN
    somebody = stage.population.person(magic.MANY_BILLS if other else magic.DEFAULT_CITIZEN)
    holder = somebody if mode in ("answers_other_citizen", "rows_of_other_citizen") else person
    rows = rows_of(stage, holder) if holder else []
    if mode == "answers_other_citizen" and somebody.document:
        number = somebody.document.number
    return xml_of(
        f'ConsultaAsientosRespuesta xmlns="{NAMESPACE}"',
        {
            "IdPeticion": request.text("IdPeticion"),
            "De_Interesado": {
                "Tipo_Documento_Identificacion": request.text(
                    "De_Interesado/Tipo_Documento_Identificacion"
                ),
                "Documento_Identificacion": number,
            },
            "Numero_Asientos": len(rows),
            "Asiento": rows,
        },
    )


def rows_of(stage: Stage, person: Person) -> list[dict[str, Any]]:
    """A person's entries up to today, the newest first; twenty of the default citizen's."""
    if person.index == magic.NOTHING_ANYWHERE:
        return []
    dice = stage.population.dice("registro", person.index)
    fixed = person.index in (magic.DEFAULT_CITIZEN, magic.MANY_BILLS)
    count = 20 if fixed else dice.randrange(6)
    today = stage.clock().date()
    ages = sorted(dice.sample(range(1, 2000), count))
    return [_row(stage, person, today - dt.timedelta(days=age), n) for n, age in enumerate(ages)]


def _row(stage: Stage, person: Person, on: dt.date, place: int) -> dict[str, Any]:
    dice = stage.population.dice("registro", person.index, place)
    is_entry = dice.random() < 0.7  # noqa: PLR2004 - a share
    body, hour = dice.choice(BODIES), dice.randrange(9, 14)
    city, theirs = _unit(CITY), _unit(body)
    elsewhere = is_entry and body is not CITY
    serial = f"{on.year}/{person.index:06d}{place:02d}"
    return {
        "De_Origen_o_Remitente": None if is_entry else city,
        "De_Destino": theirs if is_entry else None,
        "De_Interesado": {
            "Tipo_Documento_Identificacion": "N",
            "Documento_Identificacion": person.document.number if person.document else "",
        },
        "De_Asiento": {
            "Tipo_Registro": "0" if is_entry else "1",
            "Numero_Registro": serial,
            "Resumen": dice.choice(SUMMARIES) if is_entry else "Contestación a su solicitud",
            "Fecha_Hora_Registro": f"{on.isoformat()}T{hour:02d}:25:00",
            "Fecha_Hora_Presentacion": f"{on.isoformat()}T{hour:02d}:10:00" if is_entry else None,
            "Codigo_SIA": dice.choice(("202411", "202412", None)),
            "Numero_Expediente": dice.choice((f"796/{on.year}/{place:05d}", None)),
        },
        "De_Internos_Control": {
            "Identificador_Intercambio": f"O00000000_{on.year % 100}_{place:08d}"
            if elsewhere
            else None,
            "Documentacion_Fisica": dice.choice("123"),
        },
    }


def _unit(body: tuple[str, str]) -> dict[str, str]:
    code, name = body
    return {"Codigo_Unidad_Tramitacion": code, "Decodificacion_Unidad_Tramitacion": name}
