"""Plays the council's gateway to Notific@: getEnvios2 alone, in pages of twenty."""

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

CONTRACT = Path(__file__).parents[2] / "contracts" / "notifica"
NAMESPACE = "https://administracionelectronica.gob.es/notifica/ws/notifica/1.0/"
PAGE = 20
MANY = 45
"""How many MANY_BILLS has: three pages."""
NO_MORE, MORE = "<hayMasResultados>false", "<hayMasResultados>true"

SPOILERS: dict[str, Callable[[str], str]] = {
    "stuck_page": lambda text: text.replace(NO_MORE, MORE),
    "no_ids": lambda text: re.sub("<envio_destinatario>.*?</envio_destinatario>", "", text),
    "error_code": lambda text: re.sub("<codigo_respuesta>000", "<codigo_respuesta>4100", text),
    "unknown_state": lambda text: re.sub("<estado>[a-z_]*<", "<estado>en_orbita<", text),
    "wrong_flag": lambda text: text.replace(NO_MORE, "<hayMasResultados>quiza"),
    "wrong_moments": lambda text: re.sub("<fecha_creacion>.*?<", "<fecha_creacion>ayer<", text),
    "doctype": lambda text: envelope(text).replace("?><soap", "?><!DOCTYPE x><soap"),
}
"""Modes that spoil the text of a genuine answer."""
FAULTS = frozenset({"no_echo", "stray_answer", "endless_pages", "closed", *SPOILERS})

SENDERS = (
    ("L01280796", "Ayuntamiento de Madrid"),
    ("LA0000951", "Agencia Tributaria Madrid"),
    ("LA0000953", "Agencia para el Empleo"),
)
"""The first code is the council's; the others are invented."""
SUBJECTS = (
    "Resolución de expediente",
    "Requerimiento de subsanación",
    "Liquidación",
    "Comunicación",
)
DONE = ("leida", "notificada", "expirada", "rehusada", "leida")


def simulate(stage: Stage) -> SoapService:
    """The ASGI application. Settings: `user` and the secret `password`."""

    def answer(_operation: str, request: Request) -> Reply:
        current = stage.faults.get(stage.source)
        mode = current.mode if current else ""
        if mode == "closed":
            raise Refused("soap:Server", "9999", "closed")
        text = SPOILERS.get(mode, str)(_answer(stage, request, mode))
        name = str(stage.settings.get("request_id_header", "X-Request-ID")).lower()
        echo = "of-another-request" if mode == "stray_answer" else request.headers.get(name, "")
        return Reply(text, {} if mode == "no_echo" else {name: echo})

    actions = {f"{NAMESPACE}getEnvios2": "deliveries"}
    return SoapService(stage, CONTRACT / "sede.wsdl", CONTRACT / "sede.xsd", actions, answer)


def _answer(stage: Stage, request: Request, mode: str) -> str:
    person = stage.population.find(request.text("get_envios2/nif"))
    until = request.text("get_envios2/fecha_hasta")
    rows = rows_of(stage, person) if person else []
    if mode == "endless_pages" and rows:
        rows = [rows[0] | _endless(until, n) for n in range(PAGE)]
    else:
        rows = [row for row in rows if not until or row["fecha_creacion"] <= until]
    page = rows[:PAGE]
    more = len(rows) > PAGE or mode == "endless_pages"
    return xml_of(
        f'n:getEnvios2Response xmlns:n="{NAMESPACE}"',
        {
            "return": {
                "resultadoGetEnvios2": {"item": page},
                "hayMasResultados": "true" if more else "false",
                "codigo_respuesta": "000",
                "descripcion_respuesta": "OK",
            }
        },
        nil=True,
    )


def _endless(until: str, place: int) -> dict[str, str]:
    """A row that is new and older than *until*."""
    last = dt.datetime.fromisoformat(until or "2026-01-01T00:00:00")
    moment = last - dt.timedelta(seconds=place + 1)
    stamp = moment.isoformat(timespec="seconds")
    return {"envio_destinatario": f"E-{stamp}", "fecha_creacion": stamp}


def rows_of(stage: Stage, person: Person) -> list[dict[str, Any]]:
    """A person's deliveries up to today, the newest first; the newest may be pending."""
    if person.index == magic.NOTHING_ANYWHERE:
        return []
    dice = stage.population.dice("notifica", person.index)
    count = {magic.DEFAULT_CITIZEN: 4, magic.MANY_BILLS: MANY}.get(person.index, dice.randrange(4))
    noon = dt.datetime.combine(stage.clock().date(), dt.time(12))
    days = sorted(dice.sample(range(1, 1500), count))
    return [_row(stage, person, noon - dt.timedelta(days=day), n) for n, day in enumerate(days)]


def _row(stage: Stage, person: Person, created: dt.datetime, place: int) -> dict[str, Any]:
    dice = stage.population.dice("notifica", person.index, place)
    is_fixed = person.index == magic.DEFAULT_CITIZEN
    pending = place == 0 and (is_fixed or dice.random() < 0.5)  # noqa: PLR2004 - a share
    code, name = dice.choice(SENDERS)
    changed = created if pending else created + dt.timedelta(days=dice.randrange(1, 10))
    return {
        "envio_destinatario": f"{person.index:06d}{place:04d}{dice.randrange(16**8):08x}",
        "estado": "pendiente_sede" if pending else dice.choice(DONE),
        "concepto": dice.choice(SUBJECTS),
        "organismo_remisor": code,
        "nombre_organismo_remisor": name,
        "fecha_creacion": created.isoformat(timespec="seconds"),
        "fecha_actualizacion": changed.isoformat(timespec="seconds"),
        "vinculo": "1",
        "tipo_envio": "2" if is_fixed and place == 0 else dice.choice("1222"),
        "canal_envio": None if pending else dice.choice(("sede", "carpeta", "deh")),
    }
