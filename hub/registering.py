"""Enter people in the registers from a file: what an office that keeps one hands over.

One JSON object a line. The whole file is read and checked before anything is entered; a
fault names its line, never what stands there.
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from hub.core.document import Document, parse_document
from hub.core.errors import InvalidDocument, SettingsError
from hub.ledger.open import open_ledger
from hub.position.registers import Entered, Proof, Register, Registers, Relation
from hub.settings import Settings

Reason = Annotated[str, Meta(min_length=3, max_length=500)]


class Line(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """An entry to be made, or with `end` the id of one that is over."""

    register: Register
    document: str
    reason: Reason
    end: str | None = None
    since: dt.date | None = None
    until: dt.date | None = None
    relation: Relation | None = None
    representative: str | None = None
    restricted: bool = False
    proof: Proof | None = None


class Ready(Struct, frozen=True, kw_only=True):
    """A checked line."""

    line: Line
    about: Document
    representative: Document | None


def read_lines(text: str) -> list[Ready]:
    """Every line of *text*; SettingsError names each line that cannot be entered, and why."""
    ready: list[Ready] = []
    faults: list[str] = []
    for number, raw in enumerate(text.splitlines(), 1):
        if not raw.strip():
            continue
        try:
            ready.append(_ready(msgspec.json.decode(raw, type=Line)))
        except msgspec.DecodeError:  # its message can quote what stands there
            faults.append(f"line {number}: not an entry of a register")
        except (InvalidDocument, ValueError) as error:
            faults.append(f"line {number}: {error}")
    if faults:
        raise SettingsError(faults)
    return ready


def _ready(line: Line) -> Ready:
    acting = line.representative
    if line.register == "opposition" and line.end is None:
        raise ValueError("people oppose by themselves, through the API")
    if line.register == "representation" and line.end is None:
        if acting is None or line.relation is None or line.proof is None:
            raise ValueError("a representation needs representative, relation and proof")
    elif acting is not None or line.relation is not None or line.restricted:
        raise ValueError("only a representation has a representative")
    if line.since and line.until and line.until < line.since:
        raise ValueError("it ends before it begins")
    about = parse_document(line.document)
    representative = parse_document(acting) if acting else None
    if representative == about:
        raise ValueError("nobody represents themselves")
    return Ready(line=line, about=about, representative=representative)


def read_file(file: Path) -> list[Ready]:
    """What *file* holds, as `read_lines`."""
    try:
        return read_lines(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError([f"{file.name}: cannot be read ({type(error).__name__})"]) from None


async def load_registers(settings: Settings, ready: list[Ready], by: str) -> list[str]:
    """Enter what is *ready*, for the office *by*; the ids of the entries, in order."""
    ledger = open_ledger(
        settings.path(settings.ledger.file),
        settings.path(settings.keys),
        origin=settings.ledger.origin,
    )
    try:
        registers = Registers(ledger)
        return [await _put(registers, item, by) for item in ready]
    finally:
        await ledger.close()


async def _put(registers: Registers, item: Ready, by: str) -> str:
    line = item.line
    if line.end is not None:
        if not await registers.end(item.about, line.end, reason=line.reason, by=by):
            raise SettingsError(["an entry to end is not in force; those before it were made"])
        return line.end
    entry: Entered = msgspec.structs.replace(
        registers.new(line.register, item.about, line.reason, by),
        since=line.since,
        until=line.until,
        relation=line.relation,
        representative=item.representative,
        restricted=line.restricted,
        proof=line.proof,
    )
    await registers.enter(entry)
    return entry.entry
