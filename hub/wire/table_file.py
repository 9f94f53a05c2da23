"""One delivered file: its manifest, and its rows where it keeps every promise."""

from __future__ import annotations

import csv
import hashlib
import io
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from hub.wire.table import TableQuestion, TableTrouble
from hub.wire.table_cell import normal
from hub.wire.table_workbook import TOO_LARGE

LARGEST_BYTES = 256 * 1024 * 1024
"""Of a file, and of what an Excel file unpacks to."""
MANIFEST_BYTES = 64 * 1024

Row = dict[str, str | None]
Line = list[str | None]
_LINE: msgspec.json.Decoder[Line] = msgspec.json.Decoder(Line)


class NotBelieved(Exception):
    """A delivery that breaks a promise; says which, and holds no value."""


class Manifest(Struct, frozen=True):
    """What whoever delivers says of a delivery."""

    rows: Annotated[int, Meta(ge=0)]
    sha256: Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]


class Index(Struct, frozen=True):
    """A delivery in memory: the declared columns alone, by the normal form of the key."""

    columns: tuple[str, ...]
    rows: dict[str, list[tuple[str | None, ...]]]

    def about(self, value: str) -> list[Row]:
        """The rows whose key is *value*, however it is spelt."""
        found = self.rows.get(normal(value), [])
        return [dict(zip(self.columns, row, strict=True)) for row in found]


def read_manifest(file: Path) -> Manifest:
    """The manifest beside *file*. Raises NotBelieved."""
    try:
        content = _bytes(file.with_suffix(".json"), MANIFEST_BYTES)
        return msgspec.json.decode(content, type=Manifest)
    except (NotBelieved, msgspec.DecodeError, UnicodeDecodeError):
        raise NotBelieved("its manifest cannot be read") from None


def read_delivery(file: Path, manifest: Manifest, question: TableQuestion) -> Index:
    """The rows of *file*. Raises NotBelieved unless they are what was declared and stated."""
    content = _bytes(file, LARGEST_BYTES)
    if hashlib.sha256(content).hexdigest() != manifest.sha256:
        raise NotBelieved("not the bytes that its manifest names")
    lines = _workbook(content) if file.suffix == ".xlsx" else _lines(content, question)
    return _indexed(lines, manifest.rows, question)


def _indexed(lines: Iterator[Line], stated: int, question: TableQuestion) -> Index:
    """The rows by their key; NotBelieved for other columns, another number, or one row twice."""
    header = next(lines, [])
    places = _places(header, question)
    unique = question.delivery.unique or question.columns
    found: dict[str, list[tuple[str | None, ...]]] = {}
    seen: set[tuple[str | None, ...]] = set()
    for line in lines:
        if len(line) != len(header):
            raise NotBelieved(f"a row that is too {'short' if len(line) < len(header) else 'long'}")
        row = {name: (line[place] or "").strip() or None for name, place in places.items()}
        key = row[question.key]
        if key is None:
            raise NotBelieved("a row of nobody")
        kept = tuple(row[name] for name in question.columns)
        row[question.key] = normal(key)
        mark = tuple(row[name] for name in unique)
        if mark in seen:
            raise NotBelieved("a row stands twice")
        seen.add(mark)
        found.setdefault(normal(key), []).append(kept)
    if len(seen) != stated:
        raise NotBelieved("another number of rows than its manifest says")
    return Index(question.columns, found)


def _places(header: Iterable[str | None], question: TableQuestion) -> dict[str, int]:
    """Where each wanted column stands; what was not declared is never kept."""
    names = [(name or "").strip() for name in header]
    wanted = dict.fromkeys((*question.columns, question.key, *question.delivery.unique))
    if any(names.count(name) != 1 for name in wanted):
        raise NotBelieved("other columns than were declared")
    return {name: names.index(name) for name in wanted}


def _lines(content: bytes, question: TableQuestion) -> Iterator[Line]:
    try:
        text = content.decode(question.delivery.encoding).removeprefix("\ufeff")
    except (UnicodeDecodeError, LookupError):
        raise NotBelieved("not in the encoding that was declared") from None
    try:
        reader = csv.reader(io.StringIO(text), delimiter=question.delivery.delimiter, strict=True)
        for line in reader:
            if line:
                yield [*line]
    except (csv.Error, TypeError):
        raise NotBelieved("not CSV as it was declared") from None


def _workbook(content: bytes) -> Iterator[Line]:
    """The rows of the first sheet, read by `hub.wire.table_workbook` in a process of its own.

    It imports from where this one does, and has nothing else of an environment that may hold secrets.
    """
    places = {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-P", "-m", "hub.wire.table_workbook", str(LARGEST_BYTES)]
    pipe, nowhere = subprocess.PIPE, subprocess.DEVNULL
    try:
        read = subprocess.run(  # noqa: S603 - this interpreter, our own module
            command, input=content, stdout=pipe, stderr=nowhere, env=places, check=False
        )
    except OSError:
        raise TableTrouble(503, "no process can be started to read a workbook") from None
    if read.returncode == TOO_LARGE or read.returncode < 0:
        raise NotBelieved("too large")
    if read.returncode != 0:
        raise NotBelieved("not a workbook")
    for line in io.BytesIO(read.stdout):
        yield _LINE.decode(line)


def _bytes(file: Path, most: int) -> bytes:
    try:
        if file.stat().st_size > most:
            raise NotBelieved("too large")
        return file.read_bytes()
    except OSError:
        raise NotBelieved("it cannot be read") from None
