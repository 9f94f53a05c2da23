"""What a request says beyond its header (`DatosEspecificos`): rows of data and named values.

A row says where an element stands and what is in it: a constant of the service, or one of the
values named here, in one of the written forms. A service that needs another value gets a new
name here; a service that needs another row gets a row.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Literal
from zoneinfo import ZoneInfo

from lxml import etree
from msgspec import Struct

from hub.core.connector import Query

SPECIFIC = "http://intermediacion.redsara.es/scsp/esquemas/datosespecificos"
_MADRID = ZoneInfo("Europe/Madrid")
_FILED_BY = (7, 1)
"""Month and day from which the tax year before has been filed: the term ends with June."""

ValueName = Literal["birth_date", "today", "last_filed_tax_year"]
DateForm = Literal["yyyy-mm-dd", "dd/mm/yyyy", "yyyymmdd", "ddmmyyyy"]
_FORMS: Mapping[DateForm, str] = {
    "yyyy-mm-dd": "%Y-%m-%d",
    "dd/mm/yyyy": "%d/%m/%Y",
    "yyyymmdd": "%Y%m%d",
    "ddmmyyyy": "%d%m%Y",
}


class Row(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One leaf: `path` below DatosEspecificos, and a constant `text` or a named `value`."""

    path: str
    text: str | None = None
    value: ValueName | None = None
    form: DateForm = "yyyy-mm-dd"
    optional: bool = False
    """Whether the leaf is left out where the value is not known."""

    def __post_init__(self) -> None:
        if (self.text is None) == (self.value is None):
            raise ValueError(f"{self.path}: either a text or a value")


class Lacking(Exception):
    """A value that the service demands and the access does not state; names the row's path."""


def specific_data(rows: tuple[Row, ...], query: Query, now: dt.datetime) -> etree._Element | None:
    """The `DatosEspecificos` of a request, or None for a service without any rows."""
    if not rows:
        return None
    root = etree.Element(f"{{{SPECIFIC}}}DatosEspecificos", nsmap={"e": SPECIFIC})
    for row in rows:
        text = row.text if row.value is None else _VALUES[row.value](query, now, row.form)
        if text is not None:
            _place(root, row.path, text)
        elif not row.optional:
            raise Lacking(row.path)
    return root


def _place(root: etree._Element, path: str, text: str) -> None:
    node = root
    for step in path.split("/"):
        found = node.find(f"{{{SPECIFIC}}}{step}")
        node = etree.SubElement(node, f"{{{SPECIFIC}}}{step}") if found is None else found
    node.text = text


def _birth_date(query: Query, _now: dt.datetime, form: DateForm) -> str | None:
    """The whole date from the access or the token; half a date is none."""
    born = query.subject.birth_date
    if born is None or born.month is None or born.day is None:
        return None
    return dt.date(born.year, born.month, born.day).strftime(_FORMS[form])


def _today(_query: Query, now: dt.datetime, form: DateForm) -> str:
    return now.astimezone(_MADRID).strftime(_FORMS[form])


def _last_filed_tax_year(_query: Query, now: dt.datetime, _form: DateForm) -> str:
    """The last tax year whose returns had to be in: two years back until the end of June."""
    today = now.astimezone(_MADRID)
    return str(today.year - (1 if (today.month, today.day) >= _FILED_BY else 2))


_VALUES: Mapping[ValueName, Callable[[Query, dt.datetime, DateForm], str | None]] = {
    "birth_date": _birth_date,
    "today": _today,
    "last_filed_tax_year": _last_filed_tax_year,
}
