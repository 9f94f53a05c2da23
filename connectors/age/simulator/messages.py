"""The platform's messages, written out by hand."""

from __future__ import annotations

import datetime as dt
import secrets
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

from lxml import etree
from msgspec import Struct

from connectors.age.simulator.register import Entry
from connectors.age.simulator.services import Played

V3 = "http://intermediacion.redsara.es/scsp/esquemas/V3"
SPECIFIC = "http://intermediacion.redsara.es/scsp/esquemas/datosespecificos"
SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
_MADRID = ZoneInfo("Europe/Madrid")
_P = f"{{{V3}/peticion}}"


class Draft(Struct, frozen=True, kw_only=True):
    """An answer before it is written out."""

    petition: etree._Element
    played: Played
    request_id: str
    document: str
    entry: Entry
    moment: str
    """TimeStamp of the answer, in whichever form the provider writes it."""
    generated: str
    extra: bool = False
    """Whether elements stand in it that the published schema lacks."""
    ready: bool = True


def answer(draft: Draft) -> str:
    """`Respuesta` to a request, which it repeats."""
    state = ("0003", "TRAMITADA") if draft.ready else ("0002", "EN PROCESO")
    code = _text(draft.petition, "CodigoCertificado")
    head = (
        f'<Respuesta xmlns="{V3}/respuesta"><Atributos>'
        f"<IdPeticion>{escape(draft.request_id)}</IdPeticion><NumElementos>1</NumElementos>"
        f"<TimeStamp>{draft.moment}</TimeStamp><Estado><CodigoEstado>{state[0]}</CodigoEstado>"
        f"<LiteralError>{state[1]}</LiteralError>"
        f"<TiempoEstimadoRespuesta>0</TiempoEstimadoRespuesta></Estado>"
        f"<CodigoCertificado>{code}</CodigoCertificado></Atributos>"
    )
    if not draft.ready:
        return f"{head}</Respuesta>"
    return (
        f"{head}<Transmisiones><TransmisionDatos>{_generic(draft, code)}"
        f'<e:DatosEspecificos xmlns:e="{SPECIFIC}">{draft.entry.content}'
        f"</e:DatosEspecificos>"
        f"</TransmisionDatos></Transmisiones></Respuesta>"
    )


def _generic(draft: Draft, code: str) -> str:
    asked = draft.petition
    requester = "".join(_copy(node) for node in asked.findall(f".//{_P}Solicitante/*"))
    names = "".join(
        f"<{name}>{escape(text)}</{name}>"
        for name in ("Nombre", "Apellido1", "Apellido2")
        if (text := _text(asked, name))
    )
    return (
        f"<DatosGenericos><Emisor><NifEmisor>{_text(asked, 'NifEmisor')}</NifEmisor>"
        f"<NombreEmisor>{escape(draft.played.provider_name)}</NombreEmisor></Emisor>"
        f"<Solicitante>{requester}</Solicitante>"
        f"<Titular><TipoDocumentacion>{_text(asked, 'TipoDocumentacion')}</TipoDocumentacion>"
        f"<Documentacion>{escape(draft.document)}</Documentacion>{names}</Titular>"
        f"<Transmision><CodigoCertificado>{code}</CodigoCertificado>"
        f"<IdSolicitud>{escape(draft.request_id)}</IdSolicitud>"
        f"<IdTransmision>{draft.played.prefix}{secrets.token_hex(6).upper()}</IdTransmision>"
        f"<FechaGeneracion>{draft.generated}</FechaGeneracion></Transmision>"
        f"{'<CodigoUnidadTramitadora>L01280796</CodigoUnidadTramitadora>' if draft.extra else ''}"
        f"</DatosGenericos>"
    )


def _copy(node: etree._Element) -> str:
    name = etree.QName(node).localname
    inner = "".join(_copy(child) for child in node) if len(node) else escape(node.text or "")
    return f"<{name}>{inner}</{name}>"


def _text(petition: etree._Element, name: str) -> str:
    return next((node.text or "" for node in petition.iter(f"{_P}{name}")), "")


def asked(petition: etree._Element, name: str | None) -> str:
    """What the question says in that element of its own part; empty where there is none."""
    found = next(petition.iter(f"{{{SPECIFIC}}}{name}"), None) if name else None
    return "" if found is None else escape(found.text or "")


def request_id(petition: etree._Element) -> str:
    """The IdPeticion of a request."""
    return _text(petition, "IdPeticion")


def document(petition: etree._Element) -> str:
    """The document number that a request asks about."""
    return _text(petition, "Documentacion")


def moment_text(moment: dt.datetime, *, twelve_hours: bool = False) -> str:
    """A TimeStamp as most providers write it, or on a clock of twelve hours, as one does."""
    local = moment.astimezone(_MADRID)
    if twelve_hours:
        return f"{local:%Y-%m-%dT%I:%M:%S}.000{local:%z}"
    return local.isoformat(timespec="milliseconds")


def fault(dialect: str, code: str, text: str, service: str, moment: str) -> str:
    """A SOAP fault in one of the dialects that emitters speak; none of them is signed."""
    inner = {
        "official": _official(code, text, service, moment),
        "emiserv": _emiserv(code, text, service, moment),
        "bare": "<faultcode>Server</faultcode><faultstring>Error interno</faultstring>",
    }[dialect]
    return (
        f'<s:Envelope xmlns:s="{SOAP}"><s:Header/><s:Body><s:Fault>{inner}</s:Fault>'
        f"</s:Body></s:Envelope>"
    )


def _official(code: str, text: str, service: str, moment: str) -> str:
    return (
        f"<faultcode>s:Server</faultcode><faultstring>[{code}] {escape(text)}</faultstring>"
        f'<detail><a:Atributos xmlns:a="{V3}/soapfaultatributos">'
        f"<a:IdPeticion>0</a:IdPeticion><a:NumElementos>1</a:NumElementos>"
        f"<a:TimeStamp>{moment}</a:TimeStamp><a:Estado><a:CodigoEstado>{code}</a:CodigoEstado>"
        f"<a:LiteralError>{escape(text)}</a:LiteralError></a:Estado>"
        f"<a:CodigoCertificado>{service}</a:CodigoCertificado></a:Atributos></detail>"
    )


def _emiserv(code: str, text: str, service: str, moment: str) -> str:
    """The code as faultcode; a detail in the namespace of V2 that lacks NumElementos."""
    return (
        f"<faultcode>{code}</faultcode><faultstring>{escape(text)}</faultstring><detail>"
        f'<Atributos xmlns="http://www.map.es/scsp/esquemas/atributos">'
        f"<TimeStamp>{moment}</TimeStamp><Estado><CodigoEstado>{code}</CodigoEstado>"
        f"<LiteralError>{escape(text)}</LiteralError></Estado>"
        f"<CodigoCertificado>{service}</CodigoCertificado></Atributos></detail>"
    )
