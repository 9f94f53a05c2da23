"""The simulated Padrón's messages, written by hand: it shares no code with the connector."""

from __future__ import annotations

import datetime as dt
from xml.sax.saxutils import escape

from lxml import etree
from msgspec import Struct

from connectors.padron.simulator.guard import NAMESPACE, SOAP, Refusal
from connectors.padron.simulator.register import Change, Entry, split_surname, street_type
from hub.sandbox.people import Dwelling, Person

_WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
_DESCRIPTIONS = {
    "1": "CONSTA EN EL PADRÓN",
    "2": "NO CONSTA EN EL PADRÓN",
    "3": "ERROR EN LA CONSULTA AL PADRÓN",
    "4": "MUNICIPIO NO ADHERIDO AL PADRÓN COMPARTIDO",
}


class Asked(Struct, frozen=True, kw_only=True):
    """What a request asks for, and what its answer repeats."""

    operation: str
    request_id: str
    province: str
    municipality: str
    kind: str
    number: str


def asked_in(request: etree._Element) -> Asked:
    """What the valid *request* asks for."""

    def text(path: str) -> str:
        steps = "/".join(f"{{{NAMESPACE}}}{step}" for step in path.split("/"))
        return request.findtext(steps) or ""

    return Asked(
        operation=etree.QName(request).localname.removesuffix("Peticion"),
        request_id=text("IdPeticion"),
        province=text("Solicitud/ProvinciaSolicitud"),
        municipality=text("Solicitud/MunicipioSolicitud"),
        kind=text("Solicitud/Titular/Documentacion/Tipo"),
        number=text("Solicitud/Titular/Documentacion/Valor"),
    )


def answer(asked: Asked, outcome: str, *, code: str | None = None, result: str = "") -> str:
    """The envelope of an answer with the *outcome* 1 to 4 and, for 1, its *result*."""
    echo = _leaf("ProvinciaSolicitud", asked.province) + _leaf(
        "MunicipioSolicitud", asked.municipality
    )
    holder = _el("Titular", _document(asked.kind, asked.number))
    state = (
        _leaf("CodigoResultado", outcome)
        + _leaf("DescripcionResultado", _DESCRIPTIONS[outcome])
        + _leaf("CodigoEstado", code)
    )
    return envelope(
        _el(
            f"{asked.operation}Respuesta",
            _leaf("IdPeticion", asked.request_id)
            + _el("Solicitud", echo + holder)
            + _el("Estado", state)
            + (_el("Resultado", result) if result else ""),
        )
    )


def envelope(body: str) -> str:
    """*body* in a SOAP 1.1 envelope, without an XML declaration."""
    return (
        f'<soap:Envelope xmlns:soap="{SOAP}" xmlns:p="{NAMESPACE}">'
        f"<soap:Header/><soap:Body>{body}</soap:Body></soap:Envelope>"
    )


def fault(refusal: Refusal, filler: str = "") -> str:
    """The envelope of a SOAP 1.1 fault; *filler* is further text in its detail."""
    detail = ""
    if refusal.code:
        state = _leaf("CodigoEstado", refusal.code) + _leaf("LiteralError", refusal.text + filler)
        detail = f"<detail>{_el('Atributos', _el('Estado', state))}</detail>"
    return envelope(
        f'<soap:Fault xmlns:wsse="{_WSSE}"><faultcode>{refusal.faultcode}</faultcode>'
        f"<faultstring>{escape(refusal.text)}</faultstring>{detail}</soap:Fault>"
    )


def inhabitant(entry: Entry, today: dt.date) -> str:
    """The content of Resultado for one person."""
    person = entry.person
    known = person.document.number if person.document else ""
    renewal = entry.renewal_due.isoformat() if entry.renewal_due else None
    identity = (
        _name(person)
        + _leaf("FechaNacimiento", entry.born)
        + _leaf("Sexo", person.sex)
        + _leaf("CodigoNacionalidad", person.nationality)
        + _document("NIF", known)
        + _leaf("NIA", entry.nia)
    )
    return (
        _el("Habitante", identity)
        + _sheet(entry)
        + _home(entry)
        + _leaf("FechaAltaPadron", f"{entry.in_city_since:%Y%m%d}")
        + _el("UltimaVariacion", _change(entry.last_change, dated=True))
        + _leaf("FechaLimiteRenovacion", renewal)
        + _leaf("FechaExpedicion", today.isoformat())
    )


def household(entry: Entry, members: list[Entry], today: dt.date, *, count: int) -> str:
    """The content of Resultado for a household of *count* people, of whom *members* are sent."""
    people = "".join(_el("Persona", _person(member)) for member in members)
    return (
        _sheet(entry)
        + _leaf("NumeroPersonas", str(count))
        + _el("Personas", people)
        + _leaf("FechaExpedicion", today.isoformat())
    )


def _person(entry: Entry) -> str:
    person = entry.person
    since = _leaf("Desde", person.registered_since.isoformat())
    reason = _el("MotivoInscripcion", _change(entry.last_change, dated=False))
    return (
        _name(person)
        + _leaf("FechaNacimiento", entry.born)
        + (_document("NIF", person.document.number) if person.document else "")
        + _leaf("NIA", entry.nia)
        + _el("PeriodoInscripcion", since + reason)
    )


def _name(person: Person) -> str:
    first = split_surname(person.first_surname)
    second = split_surname(person.second_surname) if person.second_surname else None
    return (
        _leaf("Nombre", person.given_name)
        + _leaf("Particula1", first.particle)
        + _leaf("Apellido1", first.name)
        + (_leaf("Particula2", second.particle) + _leaf("Apellido2", second.name) if second else "")
    )


def _home(entry: Entry) -> str:
    dwelling = entry.household.dwelling
    return _el(
        "Domicilio",
        _el("ProvinciaRespuesta", _leaf("Codigo", "28") + _leaf("Nombre", "Madrid"))
        + _el("MunicipioRespuesta", _leaf("Codigo", "079") + _leaf("Nombre", "Madrid"))
        + _leaf("NombreDistrito", dwelling.district)
        + _address(dwelling)
        + _leaf("Desde", entry.person.registered_since.isoformat()),
    )


def _address(dwelling: Dwelling) -> str:
    street = _leaf("Tipo", street_type(dwelling)) + _leaf("Nombre", dwelling.street_name)
    return _el(
        "Direccion",
        _el("Via", street)
        + _el("Numero", _leaf("Valor", str(dwelling.number)))
        + _leaf("Escalera", dwelling.stair)
        + _leaf("Planta", dwelling.floor)
        + _leaf("Puerta", dwelling.door)
        + _leaf("CodPostal", dwelling.postal_code),
    )


def _sheet(entry: Entry) -> str:
    dwelling = entry.household.dwelling
    return _el(
        "ClaveHojaPadronal",
        _leaf("Distrito", dwelling.district_code)
        + _leaf("Seccion", dwelling.section)
        + _leaf("Hoja", entry.household.sheet),
    )


def _change(change: Change, *, dated: bool) -> str:
    return (
        _leaf("CodigoVariacion", change.code)
        + _leaf("CausaVariacion", change.cause)
        + _leaf("Descripcion", change.text)
        + (_leaf("Fecha", change.on.isoformat()) if dated else "")
    )


def _document(kind: str, number: str) -> str:
    return _el("Documentacion", _leaf("Tipo", kind) + _leaf("Valor", number))


def _leaf(name: str, text: str | None) -> str:
    """An element with text; nothing for None. An element with `None` is never sent."""
    return "" if text is None else _el(name, escape(text))


def _el(name: str, content: str) -> str:
    return f"<p:{name}>{content}</p:{name}>"
