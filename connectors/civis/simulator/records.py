"""What the simulated CIVIS holds about a person: rows as its contract writes them."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any

from connectors.civis.simulator.centres import centre
from hub.sandbox import magic
from hub.sandbox.population import Person, Population

Row = dict[str, Any]

ELDERLY = 65
ADULT = 18
NURSERY = 3

SERVICE_FAMILIES = {
    "ASP": "ATENCION_PRIMARIA",
    "SAMUR": "EMERGENCIA_SOCIAL",
    "SAD": "MAYORES",
    "TAD": "MAYORES",
    "CMM": "MAYORES",
    "MTA": "MAYORES",
    "DEP": "DEPENDENCIA",
    "EI": "EDUCACION_INFANTIL",
}
BENEFIT_FAMILIES = {
    "TF": "PRESTACIONES_ECONOMICAS",
    "PE": "PRESTACIONES_ECONOMICAS",
    "BEI": "EDUCACION_INFANTIL",
}
NAMES = {
    "ASP": "Atención Social Primaria",
    "SAMUR": "SAMUR Social",
    "SAD": "Servicio de Ayuda a Domicilio",
    "TAD": "Teleasistencia Domiciliaria",
    "CMM": "Centro Municipal de Mayores",
    "MTA": "Madrid Te Acompaña",
    "DEP": "Atención a la Dependencia",
    "EI": "Escuela Infantil Municipal",
    "TF": "Tarjeta Familias",
    "PE": "Prestación económica",
    "BEI": "Beca de escuela infantil",
    "ATV": "Atención a víctimas",
}
PROTECTED_FAMILIES = frozenset({"VIOLG", "INFANCIA"})


class Archive:
    """The rows about any person on a given day."""

    def __init__(self, population: Population) -> None:
        self._population = population

    def services(self, person: Person, today: dt.date) -> list[Row]:
        """Every service on file, the protected ones included: the caller filters."""
        dice = self._population.dice("civis", "services", person.index)
        rows = [
            self._service(dice, person, code, today)
            for code in self._service_codes(dice, person, today)
        ]
        return rows + self.sealed(person)

    def benefits(self, person: Person, today: dt.date) -> list[Row]:
        """Every benefit on file, the protected ones included: the caller filters."""
        dice = self._population.dice("civis", "benefits", person.index)
        codes = self._benefit_codes(dice, person, today)
        rows = [self._benefit(dice, person, code, today) for code in codes]
        return rows + self.sealed(person)

    def sealed(self, person: Person, *, force: bool = False) -> list[Row]:
        """The gender-violence record of the person who has one; of anybody with *force*."""
        if person.index != magic.SEALED_SOCIAL_RECORD and not force:
            return []
        row = _head(person, "ATV", "VIOLG", "ACTIVO", "2024-999999")
        return [{**row, "fechaAlta": "2024-05-06"}]

    def _service_codes(self, dice: random.Random, person: Person, today: dt.date) -> list[str]:
        fixed = {
            magic.DEFAULT_CITIZEN: ["ASP"],
            magic.ELDERLY_ALONE: ["TAD", "SAD", "CMM"],
            magic.NOTHING_ANYWHERE: [],
            magic.SEALED_SOCIAL_RECORD: [],
        }
        if person.index in fixed:
            return fixed[person.index]
        age = person.age_on(today)
        if age >= ELDERLY:
            odds = {"TAD": 0.21, "SAD": 0.12, "CMM": 0.5, "MTA": 0.05, "DEP": 0.1}
        elif age >= ADULT:
            odds = {"ASP": 0.13, "SAMUR": 0.005}
            odds |= {"EI": 0.3} if self._has_infant(person, today) else {}
        else:
            odds = {}
        return [code for code, odd in odds.items() if dice.random() < odd]

    def _benefit_codes(self, dice: random.Random, person: Person, today: dt.date) -> list[str]:
        fixed = {
            magic.DEFAULT_CITIZEN: ["TF"],
            magic.ELDERLY_ALONE: [],
            magic.NOTHING_ANYWHERE: [],
            magic.SEALED_SOCIAL_RECORD: [],
        }
        if person.index in fixed:
            return fixed[person.index]
        if person.age_on(today) < ADULT:
            return []
        odds = {"TF": 0.03, "PE": 0.02}
        odds |= {"BEI": 0.1} if self._has_infant(person, today) else {}
        return [code for code, odd in odds.items() if dice.random() < odd]

    def _has_infant(self, person: Person, today: dt.date) -> bool:
        members = self._population.household(person).members
        return any(member.age_on(today) < NURSERY for member in members)

    def _service(self, dice: random.Random, person: Person, code: str, today: dt.date) -> Row:
        dwelling = self._population.household(person).dwelling
        fixed = person.index in (magic.DEFAULT_CITIZEN, magic.ELDERLY_ALONE)
        state = "ACTIVO" if fixed else dice.choices(_STATES, _STATE_WEIGHTS)[0]
        asked = dt.date(2026, 1, 1) - dt.timedelta(days=dice.randrange(60, 2000))
        begun = asked + dt.timedelta(days=dice.randrange(10, 50))
        running = state in ("ACTIVO", "SUSPENDIDO")
        ended = begun + dt.timedelta(days=10) if state == "FINALIZADO" else None
        number = f"{asked.year}-{dice.randrange(10**6):06d}"
        row = _head(person, code, SERVICE_FAMILIES[code], state, number)
        return row | {
            "fechaSolicitud": asked.isoformat(),
            "fechaAlta": begun.isoformat() if running or ended else None,
            "fechaBaja": ended.isoformat() if ended else None,
            "fechaRevision": _next(today, begun, 365).isoformat() if running else None,
            "centro": centre(self._population, code, dwelling),
            "unidadReferencia": f"Unidad de Trabajo Social {dwelling.district} {dice.randrange(1, 5)}",
            "proximaCita": _appointment(dice, begun, today) if running and code == "ASP" else None,
        }

    def _benefit(self, dice: random.Random, person: Person, code: str, today: dt.date) -> Row:
        granted = person.index == magic.DEFAULT_CITIZEN or dice.random() < 0.8  # noqa: PLR2004
        month = today.replace(day=1)
        begun = _months(month, -dice.randrange(1, 5))
        amount = dice.randrange(120, 401, 10)
        district = self._population.household(person).dwelling.district
        number = f"{begun.year}-{dice.randrange(10**6):06d}"
        state = "CONCEDIDA" if granted else "EN_VALORACION"
        row = _head(person, code, BENEFIT_FAMILIES[code], state, number)
        row |= {
            "moneda": "EUR",
            "fechaSolicitud": (begun - dt.timedelta(days=dice.randrange(20, 60))).isoformat(),
            "unidadTramitadora": f"Departamento de Servicios Sociales de {district}",
        }
        return row | (_grant(dice, code, amount, begun, month) if granted else {})


_STATES = (
    "ACTIVO",
    "SOLICITADO",
    "EN_VALORACION",
    "LISTA_ESPERA",
    "SUSPENDIDO",
    "FINALIZADO",
    "DENEGADO",
)
_STATE_WEIGHTS = (60, 6, 6, 8, 4, 13, 3)


def _head(person: Person, code: str, family: str, state: str, number: str) -> Row:
    """What every row begins with; *number* is that of the file, without the code."""
    return {
        "numeroExpediente": f"{code}-{number}",
        "documentoTitular": person.document.number if person.document else "",
        "familia": family,
        "codigo": code,
        "denominacion": NAMES[code],
        "estado": state,
    }


def _grant(dice: random.Random, code: str, amount: int, begun: dt.date, month: dt.date) -> Row:
    """The part of a benefit's row that only a granted one has: twelve monthly payments."""
    card = code == "TF"
    return {
        "fechaConcesion": (begun - dt.timedelta(days=5)).isoformat(),
        "fechaInicio": begun.isoformat(),
        "fechaFin": (_months(begun, 12) - dt.timedelta(days=1)).isoformat(),
        "importe": f"{amount}.00",
        "periodicidad": "MENSUAL",
        "importeConcedido": f"{amount * 12}.00",
        "saldo": f"{dice.randrange(amount)}.{dice.randrange(100):02d}" if card else None,
        "abono": {
            "medio": "TARJETA" if card else "TRANSFERENCIA",
            "terminacionCuenta": f"{dice.randrange(10_000):04d}",
            "moneda": "EUR",
            "fechaUltimoAbono": month.isoformat(),
            "importeUltimoAbono": f"{amount}.00",
            "fechaProximoAbono": _months(month, 1).isoformat(),
        },
        "fechaLimiteJustificacion": _months(begun, 13).isoformat(),
    }


def _appointment(dice: random.Random, begun: dt.date, today: dt.date) -> Row:
    """The next of appointments every five weeks, on the hour or half past it, Madrid time."""
    day = _next(today, begun - dt.timedelta(days=begun.weekday() - dice.randrange(5)), 35)
    return {
        "fechaHora": f"{day.isoformat()}T{dice.randrange(9, 14):02d}:{dice.choice((0, 30)):02d}:00",
        "modalidad": dice.choice(("PRESENCIAL", "TELEFONICA")),
        "lugar": "Despacho de atención",
        "asunto": "Seguimiento",
    }


def _next(today: dt.date, first: dt.date, days: int) -> dt.date:
    """The first day after *today* that is a whole number of *days* from *first*."""
    return today + dt.timedelta(days=days - (today - first).days % days)


def _months(day: dt.date, count: int) -> dt.date:
    """The first of the month *count* months from that of *day*."""
    year, month = divmod(day.year * 12 + day.month - 1 + count, 12)
    return dt.date(year, month + 1, 1)
