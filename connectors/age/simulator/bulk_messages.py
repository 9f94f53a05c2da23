"""The platform's asynchronous messages, written out by hand."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape

from lxml import etree

V3 = "http://intermediacion.redsara.es/scsp/esquemas/V3"
_P = f"{{{V3}/peticion}}"
_PROCESSING = ("0002", "Su peticion esta siendo tramitada")
_PROCESSED = ("0003", "TRAMITADA")


def people(petition: etree._Element) -> list[etree._Element]:
    """The parts of a request, one for each person."""
    return petition.findall(f"{_P}Solicitudes/{_P}SolicitudTransmision")


def item_id(person: etree._Element) -> str:
    """The IdSolicitud of one person's part."""
    return person.findtext(f".//{_P}IdSolicitud", "")


def confirmation(petition: etree._Element, request_id: str, hours: int, moment: str) -> str:
    """`ConfirmacionPeticion`: the request is there, and its answer in *hours*."""
    attributes = _attributes(petition, request_id, _PROCESSING, hours, moment)
    return (
        f'<ConfirmacionPeticion xmlns="{V3}/confirmacionPeticion">{attributes}'
        f"</ConfirmacionPeticion>"
    )


def not_ready(petition: etree._Element, request_id: str, hours: int, moment: str) -> str:
    """`Respuesta` without transmissions, and another estimate."""
    attributes = _attributes(petition, request_id, _PROCESSING, hours, moment)
    return f'<Respuesta xmlns="{V3}/respuesta">{attributes}</Respuesta>'


def answer(petition: etree._Element, request_id: str, parts: Sequence[str], moment: str) -> str:
    """`Respuesta` with one `TransmisionDatos` for each of *parts*."""
    attributes = _attributes(petition, request_id, _PROCESSED, 0, moment)
    return (
        f'<Respuesta xmlns="{V3}/respuesta">{attributes}'
        f"<Transmisiones>{''.join(parts)}</Transmisiones></Respuesta>"
    )


def part_of(single: str) -> str:
    """The `TransmisionDatos` of an answer about one person."""
    return single[single.index("<TransmisionDatos>") : single.index("</Transmisiones>")]


def _attributes(
    petition: etree._Element, request_id: str, state: tuple[str, str], hours: int, moment: str
) -> str:
    code = petition.findtext(f"{_P}Atributos/{_P}CodigoCertificado", "")
    count = petition.findtext(f"{_P}Atributos/{_P}NumElementos", "")
    return (
        f"<Atributos><IdPeticion>{escape(request_id)}</IdPeticion>"
        f"<NumElementos>{count}</NumElementos><TimeStamp>{moment}</TimeStamp>"
        f"<Estado><CodigoEstado>{state[0]}</CodigoEstado>"
        f"<LiteralError>{state[1]}</LiteralError>"
        f"<TiempoEstimadoRespuesta>{hours}</TiempoEstimadoRespuesta></Estado>"
        f"<CodigoCertificado>{code}</CodigoCertificado></Atributos>"
    )
