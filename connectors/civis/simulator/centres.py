"""The centres of the simulated city: one of a kind in each district, the same for everybody."""

from __future__ import annotations

from typing import Any

from hub.sandbox.population import Dwelling, Population
from hub.sandbox.streets import DISTRICTS

KINDS = {
    "ASP": "Centro de Servicios Sociales",
    "CMM": "Centro Municipal de Mayores",
    "MTA": "Centro Municipal de Mayores",
    "DEP": "Centro de Servicios Sociales",
    "SAD": "Centro de Servicios Sociales",
    "EI": "Escuela Infantil",
}
"""What a service is given in; the others have no door to knock at."""

LINE = "010"
"""Línea Madrid, the city's public information line: nobody's own number."""


def centre(population: Population, code: str, dwelling: Dwelling) -> dict[str, Any] | None:
    """The centre for *code* in the district of *dwelling*; None where there is none."""
    kind = KINDS.get(code)
    if kind is None:
        return None
    district = next(each for each in DISTRICTS if each.code == dwelling.district_code)
    dice = population.dice("civis", "centre", kind, district.code)
    street = dice.choice(district.streets)
    return {
        "nombre": f"{kind} {district.name}",
        "direccion": f"{street.type} {street.name}, {dice.randrange(1, 120)}",
        "codigoPostal": street.postal_code,
        "distrito": district.name,
        "telefono": LINE,
    }
