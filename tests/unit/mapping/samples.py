"""A canonical type with every kind of field, its mapping, its codes and a payload that fits."""

from __future__ import annotations

import copy
import datetime as dt
from typing import Annotated, Any, Literal

from msgspec import Meta

from hub.core.document import Document
from hub.core.model.canonical import Canonical, Code, Money, PartialDate
from hub.mapping import Mapping, compile_mapping, parse_codes


class Street(Canonical, frozen=True):
    name: str
    type: Code
    postal_code: Annotated[str, Meta(pattern=r"^\d{5}$")] | None


class Instalment(Canonical, frozen=True):
    amount: Money
    due: dt.date


class Bill(Canonical, frozen=True):
    id: str
    amount: Money
    status: Literal["open", "paid"]
    due: dt.date | None
    surcharge: Money | None
    instalments: tuple[Instalment, ...] = ()


class Contact(Canonical, frozen=True):
    email: str
    links: tuple[str, ...]


class Dossier(Canonical, frozen=True):
    holder: Document
    born: PartialDate | None
    since: dt.datetime
    active: bool
    street: Street
    contact: Contact | None
    bills: tuple[Bill, ...]
    fines: tuple[Bill, ...]
    tags: tuple[str, ...] = ()


MAPPING = """
name = "sample.dossier"
version = 1
target = "Dossier"

[shapes.Dossier]
holder  = { from = ["person/Doc/Valor", "person/Doc/Tipo"], via = "typed_document" }
born    = { from = "person/FechaNac", via = "partial_date" }
since   = { from = "person/Alta", via = "moment_iso" }
active  = { from = "person/Vigente", via = "boolean_si_no" }
street  = { from = "person/Domicilio", shape = "Street" }
contact = { from = "person/Contacto", shape = "Contact" }
bills   = { from = "items/results", each = "Bill", only = "kind:bills" }
fines   = { from = "items/results", each = "Bill", only = "kind:fines" }
tags    = { from = "person/Etiquetas" }

[shapes.Street]
name        = { from = ["TipoVia", "Via/Nombre", "Via/Numero"], via = "join_words" }
type        = { from = "TipoVia", via = "code:street_type" }
postal_code = { from = "CodPostal" }

[shapes.Contact]
email = { from = "Correo" }
links = { from = "Enlaces", via = "url" }

[shapes.Bill]
id          = { from = "OPBEL", via = "text_or_number" }
amount      = { from = ["BETRW", "WAERS"], via = "signed_money" }
status      = { from = "AUGST", via = "word:status" }
due         = { from = "FAEDN", via = "date_odata" }
surcharge   = { from = ["RECARGO", "RECARGO_WAERS"], via = "money" }
instalments = { from = "Plazos", each = "Instalment" }

[shapes.Instalment]
amount = { from = ["Importe"], via = "money_eur" }
due    = { from = "Vence", via = "date_ddmmyyyy" }
"""

CODES = """
[street_type]
unknown = "keep"
[street_type.codes]
CL = { es = "Calle", en = "Street" }
AV = { es = "Avenida" }

[status]
unknown = "refuse"
[status.codes]
"" = { es = "Pendiente", word = "open" }
"9" = { es = "Pagado", word = "paid" }

[kind]
unknown = "keep"
from = ["HVORG", "TVORG"]
keep_in = "bills"
[kind.codes]
"0100/0010" = { es = "IBI" }
"0200/0010" = { es = "Multa" }
"0900/0001" = { es = "Apunte interno" }
[kind.classes]
bills = ["0100/0010"]
fines = ["0200/0010"]
internal = ["0900/0001"]
"""

_ROW: dict[str, Any] = {
    "HVORG": "0100",
    "TVORG": "0010",
    "OPBEL": "000000000017",
    "BETRW": "152.00000000000000",
    "WAERS": "EUR",
    "RECARGO_WAERS": "EUR",
    "AUGST": "",
    "FAEDN": "/Date(1771113600000)/",
}

_PAYLOADS: dict[str, Any] = {
    "person": {
        "Doc": {"Tipo": "NIF", "Valor": "99000001C"},
        "FechaNac": "1980-02",
        "Alta": "2011-03-01T10:00:00+01:00",
        "Vigente": "S",
        "Domicilio": {
            "TipoVia": "CL",
            "Via": {"Nombre": "Mayor", "Numero": "7"},
            "CodPostal": "28013",
        },
        "Contacto": {"Correo": "x@example.org", "Enlaces": ["https://example.org/a "]},
        "Etiquetas": ["uno", "dos"],
    },
    "items": {
        "results": [
            _ROW | {"HVORG": "0900", "TVORG": "0001"},
            _ROW | {"HVORG": "0200", "BETRW": "-3.5", "FAEDN": None, "OPBEL": 18},
            _ROW | {"Plazos": [{"Importe": "50", "Vence": "31/01/2026"}]},
            _ROW | {"AUGST": "9", "HVORG": "0777"},
        ]
    },
}


def payloads() -> dict[str, Any]:
    """A payload that fits, to be changed at will."""
    return copy.deepcopy(_PAYLOADS)


def dossier() -> Mapping:
    """The mapping above, compiled."""
    return compile_mapping(MAPPING, types={"Dossier": Dossier}, codes=parse_codes(CODES))


def change(data: Any, path: str, value: Any) -> dict[str, Any]:
    """*data* with *value* at *path* (`items/results/0/BETRW`); `...` deletes the key."""
    *above, last = path.split("/")
    node = data
    for key in above:
        node = node[int(key)] if isinstance(node, list) else node[key]
    if value is ...:
        del node[last]
    else:
        node[int(last) if isinstance(node, list) else last] = value
    changed: dict[str, Any] = data
    return changed
