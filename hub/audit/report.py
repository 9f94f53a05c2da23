"""The right-of-access report (GDPR art. 15), in plain Spanish, out of the evidence itself.

Made from the same records that auditors verify, so that it cannot say anything else. It
tells who looked, when, why and at what; and what the hub last showed, as it was shown.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from hub.audit.appearances import Appearance, appearances, is_sealed
from hub.audit.case import open_case
from hub.audit.choose import found, is_about
from hub.audit.render import page, table
from hub.core.document import Document
from hub.core.errors import LedgerError, PayloadBlocked, PayloadDestroyed
from hub.core.model import BlockType
from hub.core.policy import Access, Purpose, PurposeTable
from hub.ledger.store import Ledger, Record, Search
from hub.position.access_log import purpose_view, unit_view
from hub.position.units import UnitTable

_MADRID = ZoneInfo("Europe/Madrid")

_STATES = {
    "fresh": "consultado",
    "stale": "consultado (copia reciente)",
    "empty": "sin datos en el sistema de origen",
    "pending": "pedido, sin respuesta todavía",
    "unavailable": "pedido, sin respuesta del sistema",
    "denied": "no permitido para esa finalidad",
}
_WHO = {
    "citizen": "Usted",
    "official": "Personal municipal",
    "system": "Un sistema municipal",
    "processor": "Un encargado del tratamiento",
    "auditor": "Auditoría",
    "operator": "Operación del sistema",
}


class Look(Struct, frozen=True, kw_only=True):
    """One access to the person's data."""

    at: dt.datetime
    who: str
    why: str
    basis: str
    case_file: str
    what: tuple[str, ...]


class AccessReport(Struct, frozen=True, kw_only=True):
    """Everything that the report says."""

    subject: Document
    at: dt.datetime
    looks: tuple[Look, ...]
    reviews: int
    """How often auditors have looked at these records."""
    retention: tuple[tuple[str, str], ...]
    shown: Mapping[str, Any]
    """Per block the title and the data last shown."""
    shown_at: dt.datetime | None
    unreadable: int
    """Accesses whose content is blocked or destroyed."""
    appearances: tuple[Appearance, ...] = ()
    """Where what is kept about other people names the person."""


async def access_report(
    ledger: Ledger,
    purposes: PurposeTable,
    units: UnitTable,
    blocks: Mapping[str, BlockType],
    subject: Document,
    now: dt.datetime,
) -> AccessReport:
    """The report about *subject*; LedgerError where the ledger cannot be read, or was altered."""
    looks: list[Look] = []
    unreadable = 0
    answers = await _answers(ledger, subject)
    async for record in found(ledger, Search(subject=subject, kind="access")):
        if not is_about(ledger, record, subject) or is_sealed(record, now):
            answers.pop(record.id, None)
            continue
        access = await _access(ledger, record)
        if access is None:
            unreadable += 1
        else:
            told = _told(answers.get(access.id, []), blocks)
            looks.append(_look(access, purposes.get(access.purpose), units, record, told))
    reveals = [r async for r in found(ledger, Search(subject=subject, kind="reveal"))]
    shown, shown_at = await _last_shown(ledger, answers, blocks)
    return AccessReport(
        subject=subject,
        at=now,
        looks=tuple(looks),
        # an official's reveal has no action: it belongs to its access, which may be sealed
        reviews=sum("action" in reveal.header for reveal in reveals),
        retention=tuple(_retention(purposes)),
        shown=shown,
        shown_at=shown_at,
        unreadable=unreadable,
        appearances=await appearances(ledger, purposes, subject, now),
    )


async def _answers(ledger: Ledger, subject: Document) -> dict[str, list[Record]]:
    """The answers about a person alone, by access, newest first."""
    answers: dict[str, list[Record]] = {}
    async for record in found(ledger, Search(subject=subject, kind="answer")):
        if is_about(ledger, record, subject):
            answers.setdefault(str(record.header["access"]), []).append(record)
    return answers


async def _access(ledger: Ledger, record: Record) -> Access | None:
    """The opened access; None where its payload is blocked or destroyed."""
    try:
        payload = await ledger.payload("access", record.id)
    except (PayloadBlocked, PayloadDestroyed):
        return None
    try:
        return msgspec.msgpack.decode(payload or b"", type=Access)
    except msgspec.MsgspecError:
        raise LedgerError(f"record {record.index}: not the payload of an access") from None


def _look(
    access: Access, purpose: Purpose | None, units: UnitTable, record: Record, what: tuple[str, ...]
) -> Look:
    """An access in the words in which the person's own log has it: see `hub.position.access_log`."""
    who, why = _WHO[access.caller.audience], purpose_view(purpose, record.header)
    if access.caller.audience != "citizen":
        who = f"{who} ({unit_view(purpose, units, record.header).es})"
    is_named = why.code is not None
    return Look(
        at=access.began_at,
        who=who,
        why=why.title.es,
        basis=access.legal_basis if is_named else "",
        case_file=(access.case_file or "") if is_named else "",
        what=what,
    )


def _told(answers: list[Record], blocks: Mapping[str, BlockType]) -> tuple[str, ...]:
    """What each block came to under one access, the last answer's word counting."""
    states: dict[str, str] = {}
    for record in reversed(answers):
        states |= {name: block["state"] for name, block in record.header["blocks"].items()}
    return tuple(
        f"{blocks[name].title_es if name in blocks else name}: {_STATES.get(state, state)}"
        for name, state in states.items()
    )


async def _last_shown(
    ledger: Ledger,
    answers: Mapping[str, list[Record]],
    blocks: Mapping[str, BlockType],
) -> tuple[dict[str, Any], dt.datetime | None]:
    """Per block's title the data that were last shown, and when the newest of them was."""
    shown: dict[str, Any] = {}
    newest: dt.datetime | None = None
    for record in sorted((r for rows in answers.values() for r in rows), key=lambda r: -r.index):
        if len(shown) == len(blocks):
            break
        try:
            case = await open_case(ledger, record.id)
        except (PayloadBlocked, PayloadDestroyed):
            continue  # it is not opened for a report either
        for block in case.blocks:
            title = blocks[block.name].title_es if block.name in blocks else block.name
            if block.shown is not None and title not in shown:
                shown[title] = block.shown
                newest = newest or record.at
    return shown, newest


def _retention(purposes: PurposeTable) -> Iterator[tuple[str, str]]:
    for row in purposes.purposes:
        rule = purposes.retention[row.retention]
        yield (
            row.title.es,
            f"{rule.use_days} días en uso; después, bloqueados {rule.blocked_days} días y destruidos",
        )


def report_html(report: AccessReport) -> str:
    """The report as one page in Spanish, for the person concerned."""
    looks = [
        (_day(look.at), look.who, look.why, look.basis, look.case_file, "; ".join(look.what))
        for look in report.looks
    ]
    elsewhere = [(a.source, str(a.times), _day(a.first), _day(a.last)) for a in report.appearances]
    header = ("Cuándo", "Quién", "Para qué", "Base jurídica", "Expediente", "Qué datos")
    data = [
        table(f"{title}, tal como se mostró", ("Dato", "Valor"), _rows(value))
        for title, value in report.shown.items()
    ]
    notes = [
        ("Documento", str(report.subject)),
        ("Fecha del informe", _day(report.at)),
        ("Consultas que constan", str(len(report.looks))),
        ("Consultas cuyo contenido está bloqueado o destruido", str(report.unreadable)),
        ("Revisiones de auditoría de sus registros", str(report.reviews)),
        ("Última vez que se mostraron sus datos", _day(report.shown_at)),
    ]
    rights = [
        ("Rectificar un dato", "Diríjase al sistema que lo guarda; aquí solo se consulta."),
        ("Oponerse o suprimir", "Escriba a la Delegada de Protección de Datos del Ayuntamiento."),
        ("Reclamar", "Ante la Agencia Española de Protección de Datos (www.aepd.es)."),
    ]
    return page(
        "Sus datos en la posición integral: qué consta y quién lo ha visto",
        [
            table("Resumen", ("", ""), notes),
            table("Quién ha consultado sus datos", header, looks),
            *data,
            table(
                "Respuestas sobre otras personas en las que aparece usted",
                ("Sistema", "Veces", "Primera", "Última"),
                elsewhere,
            ),
            table("Cuánto tiempo se guarda", ("Finalidad", "Plazo"), report.retention),
            table("Sus derechos", ("Derecho", "Cómo"), rights),
        ],
        "es",
    )


def _day(moment: dt.datetime | None) -> str:
    return "-" if moment is None else moment.astimezone(_MADRID).strftime("%d/%m/%Y %H:%M")


def _rows(value: Any, at: str = "") -> list[tuple[str, str]]:
    """A block's data in lines, with the names of its fields."""
    if isinstance(value, dict):
        inner = [_rows(v, f"{at} {k}".strip()) for k, v in value.items()]
    elif isinstance(value, list):
        inner = [_rows(v, f"{at} {n}".strip()) for n, v in enumerate(value, 1)]
    else:
        return [] if value is None else [(at, _word(value))]
    return [row for rows in inner for row in rows]


def _word(value: Any) -> str:
    return ("sí" if value else "no") if isinstance(value, bool) else str(value)
