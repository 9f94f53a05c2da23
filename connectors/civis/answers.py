"""The shape of CIVIS's answers, checked before anything of them is passed on.

The names are those of the contract. What is checked here are forms; what they mean is the
mapping's business. Members that the contract lacks are left alone.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from hub.core.errors import SourceMalformed, SourceUnavailable
from hub.wire.decode import path_of

Day = Annotated[str, Meta(pattern=r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2})?\Z")]
"""A day, or a moment that counts as its day; `1900-01-01` stands for none."""
LocalMoment = Annotated[
    str, Meta(pattern=r"\A(?!1900)[0-9]{4}-[0-9-]{5}T[0-9]{2}:[0-9]{2}:[0-9]{2}\Z")
]
"""A moment in Madrid, without a zone; never the sentinel."""
Amount = Annotated[str, Meta(pattern=r"\A[0-9]{1,12}\.[0-9]{2}\Z")]
Currency = Annotated[str, Meta(pattern=r"\A[A-Z]{3}\Z")]
Ending = Annotated[str, Meta(pattern=r"\A[0-9A-Z]{4}\Z")]
"""Four characters and no more, so that no whole account number can stand here."""
Result = Literal["CONSTA", "NO_CONSTA", "NO_DISPONIBLE"]


class Centro(Struct, rename="camel"):
    """A centre."""

    nombre: str
    direccion: str
    codigo_postal: str | None = None
    distrito: str | None = None
    telefono: str | None = None


class Cita(Struct, rename="camel"):
    """An appointment to come."""

    fecha_hora: LocalMoment
    modalidad: str
    lugar: str | None = None
    asunto: str | None = None


class Servicio(Struct, rename="camel"):
    """A row about a service."""

    numero_expediente: str
    documento_titular: str
    familia: str
    codigo: str
    estado: str
    fecha_solicitud: Day | None = None
    fecha_alta: Day | None = None
    fecha_baja: Day | None = None
    fecha_revision: Day | None = None
    centro: Centro | None = None
    unidad_referencia: str | None = None
    proxima_cita: Cita | None = None


class Abono(Struct, rename="camel"):
    """How a benefit is paid."""

    medio: str
    moneda: Currency
    terminacion_cuenta: Ending | None = None
    fecha_ultimo_abono: Day | None = None
    importe_ultimo_abono: Amount | None = None
    fecha_proximo_abono: Day | None = None


class Prestacion(Struct, rename="camel"):
    """A row about a benefit."""

    numero_expediente: str
    documento_titular: str
    familia: str
    codigo: str
    estado: str
    moneda: Currency
    fecha_solicitud: Day | None = None
    fecha_concesion: Day | None = None
    fecha_inicio: Day | None = None
    fecha_fin: Day | None = None
    importe: Amount | None = None
    periodicidad: str | None = None
    importe_concedido: Amount | None = None
    saldo: Amount | None = None
    abono: Abono | None = None
    fecha_limite_justificacion: Day | None = None
    unidad_tramitadora: str | None = None


class RespuestaServicios(Struct, rename="camel"):
    """The answer of the operation `services`."""

    resultado: Result
    total: int
    servicios: list[Servicio]

    @property
    def rows(self) -> list[Servicio]:
        """The rows, under one name for both answers."""
        return self.servicios


class RespuestaPrestaciones(Struct, rename="camel"):
    """The answer of the operation `benefits`."""

    resultado: Result
    total: int
    prestaciones: list[Prestacion]

    @property
    def rows(self) -> list[Prestacion]:
        """The rows, under one name for both answers."""
        return self.prestaciones


R = TypeVar("R", RespuestaServicios, RespuestaPrestaciones)


def read_answer(source: str, payload: dict[str, Any], shape: type[R]) -> R:
    """*payload* as *shape*.

    Raises SourceMalformed (`schema`) for another shape, a list of another length than was
    announced, or rows of a person who is unknown; SourceUnavailable (`maintenance`) where
    CIVIS says that it cannot answer now.
    """
    try:
        answer = msgspec.convert(payload, shape)
    except msgspec.ValidationError as error:
        raise SourceMalformed(source, "schema", path_of(error)) from None
    if answer.resultado == "NO_DISPONIBLE":
        raise SourceUnavailable(source, "maintenance", "it says that it cannot answer now")
    if answer.total != len(answer.rows):
        raise SourceMalformed(source, "schema", "another number of rows than $.total")
    if answer.resultado == "NO_CONSTA" and answer.rows:
        raise SourceMalformed(source, "schema", "rows of a person who is unknown")
    return answer
