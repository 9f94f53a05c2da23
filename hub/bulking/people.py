"""Read a file of people: CSV in UTF-8, one person a line, a header with the columns' names."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from hub.core.document import Document, parse_document
from hub.core.errors import HubError, InvalidDocument

COLUMNS = {
    "document": "document",
    "given_name": "givenName",
    "first_surname": "firstSurname",
    "second_surname": "secondSurname",
    "birth_date": "birthDate",
    "case_file": "caseFile",
    "consent": "consent",
}
"""Column -> member of the body of `POST /v1/accesses`; the first five describe the subject."""

ABOUT_SUBJECT = frozenset(
    {"document", "given_name", "first_surname", "second_surname", "birth_date"}
)
MOST_BYTES = 32 * 1024 * 1024
MOST_PEOPLE = 100_000
SHOWN = 20
"""So many faults are listed; the rest are counted."""


class Unusable(HubError):
    """What was handed over cannot be used; each line names a row and a column, never a value."""

    def __init__(self, faults: Sequence[str]) -> None:
        shown = list(faults[:SHOWN])
        if len(faults) > SHOWN:
            shown.append(f"… and {len(faults) - SHOWN} more")
        super().__init__("\n  ".join(["nobody was asked about:", *shown]))


class Row(Struct, frozen=True, kw_only=True):
    """One person of the file: its line, and the columns that are filled in."""

    line: int
    values: dict[str, str]

    def __repr__(self) -> str:
        return f"Row({self.line})"


def read_people(file: Path) -> tuple[bytes, list[Row]]:
    """The file's bytes and its people; raises Unusable with every fault at once."""
    raw = _bytes_of(file)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unusable([f"byte {error.start} is not UTF-8: save the file as CSV UTF-8"]) from None
    if "\0" in text:
        raise Unusable(["it holds a zero byte: not a text"])
    head = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text), delimiter=";" if ";" in head else ",", strict=True)
    try:
        names = [name.strip() for name in next(reader, [])]
        _check_header(names)
        rows, faults = _rows(reader, names)
    except csv.Error:
        raise Unusable([f"line {reader.line_num}: not CSV"]) from None
    faults += _twice(rows)
    if not rows and not faults:
        faults.append("nobody is in it")
    if faults:
        raise Unusable(faults)
    return raw, rows


def _bytes_of(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            raw = stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise Unusable([f"the file cannot be read ({error.strerror})"]) from None
    if len(raw) > MOST_BYTES:
        raise Unusable([f"more than {MOST_BYTES} bytes"])
    return raw


def _check_header(names: list[str]) -> None:
    faults = [f"no column may be called as number {n}" for n in _unknown(names)]
    faults += [f"column {name} stands twice" for name in COLUMNS if names.count(name) > 1]
    if "document" not in names:
        faults.append("the column document is missing")
    if faults:
        raise Unusable([*faults, f"the columns are: {', '.join(COLUMNS)}"])


def _unknown(names: list[str]) -> list[int]:
    return [number for number, name in enumerate(names, 1) if name not in COLUMNS]


def _rows(reader: Any, names: list[str]) -> tuple[list[Row], list[str]]:
    rows: list[Row] = []
    faults: list[str] = []
    for cells in reader:
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(names):
            faults.append(f"line {reader.line_num}: {len(cells)} columns instead of {len(names)}")
            continue
        if len(rows) == MOST_PEOPLE:
            raise Unusable([f"more than {MOST_PEOPLE} people"])
        values = {n: c.strip() for n, c in zip(names, cells, strict=True) if c.strip()}
        rows.append(Row(line=reader.line_num, values=values))
    return rows, faults


def _twice(rows: list[Row]) -> list[str]:
    """Documents that are none, and people who stand in the file twice: asked about once."""
    seen: dict[Document, int] = {}
    found: list[str] = []
    for row in rows:
        try:
            document = parse_document(row.values.get("document", ""))
        except InvalidDocument as error:
            found.append(f"line {row.line}, document: {error}")
            continue
        if document in seen:
            found.append(f"line {row.line}: the same person as in line {seen[document]}")
        seen.setdefault(document, row.line)
    return found
