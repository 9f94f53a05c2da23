"""What the hub's technical user may be sent, and what must never be shown.

An allow-list, because the other choice fails open: a record of gender violence or child
protection under a code that nobody foresaw would be shown. So every pair of code and
family outside these tables refuses the whole answer, harmless novelties included; the
price is that a new code of CIVIS needs a new version of the contract first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from hub.core.errors import SourceInsecure

SERVICES: Final[Mapping[str, str]] = {
    "ASP": "ATENCION_PRIMARIA",
    "CSS": "ATENCION_PRIMARIA",
    "CPSH": "SIN_HOGAR",
    "SAMUR": "EMERGENCIA_SOCIAL",
    "SAD": "MAYORES",
    "TAD": "MAYORES",
    "CMM": "MAYORES",
    "CDM": "MAYORES",
    "RES": "MAYORES",
    "APM": "MAYORES",
    "MTA": "MAYORES",
    "DEP": "DEPENDENCIA",
    "EI": "EDUCACION_INFANTIL",
}
"""Code of a service -> its family."""

BENEFITS: Final[Mapping[str, str]] = {
    "TF": "PRESTACIONES_ECONOMICAS",
    "PE": "PRESTACIONES_ECONOMICAS",
    "BEI": "EDUCACION_INFANTIL",
}
"""Code of a benefit -> its family."""

PROTECTED: Final[frozenset[str]] = frozenset({"VIOLG", "INFANCIA"})
"""Families that are withheld by law from every general view; named for the record only."""


def check_scope(source: str, rows: object, allowed: Mapping[str, str]) -> None:
    """Raise SourceInsecure (`out_of_scope`) unless every one of *rows* may be sent.

    Looks at raw rows, before their shape is judged: a protected record is a security event
    even where it is malformed. What names no code or family is left to that judgement.
    """
    for row in rows if isinstance(rows, list) else ():
        match row:
            case {"familia": str(family)} if family.strip().upper() in PROTECTED:
                raise SourceInsecure(source, "out_of_scope", "a record of a protected family")
            case {"familia": str(family), "codigo": str(code)} if allowed.get(code) != family:
                raise SourceInsecure(source, "out_of_scope", "a code that the contract lacks")
