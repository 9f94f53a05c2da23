"""Units as citizens read them; what is not in the table, or endangers, appears generically."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from hub.core.errors import SettingsError
from hub.core.policy import PlainText
from hub.tables import read_table

FALLBACK = PlainText("Una unidad de los servicios municipales", "A unit of the municipal services")


class Unit(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A unit's code, as tokens and accesses name it, and its name for people."""

    code: str
    es: str
    en: str
    discreet: bool = False


class UnitTable(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`contracts/hub/units.toml`."""

    generic: PlainText = FALLBACK
    units: tuple[Unit, ...] = ()

    def names(self) -> Mapping[str, PlainText]:
        """The names that may be shown, by code."""
        return {unit.code: PlainText(unit.es, unit.en) for unit in self.units if not unit.discreet}


def load_units(file: Path) -> UnitTable:
    """The table in *file*, an empty one where there is none; SettingsError if it is faulty."""
    if not file.exists():
        return UnitTable()
    table = read_table(file, UnitTable)
    codes = [unit.code for unit in table.units]
    if twice := sorted({code for code in codes if codes.count(code) > 1}):
        raise SettingsError([f"{file.name}: {code}: stands twice" for code in twice])
    return table
