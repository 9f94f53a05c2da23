"""Dated deliveries in a folder: the newest one that keeps its promises is the table.

A delivery is `<table>_<yyyymmdd>.csv` or `.xlsx` with a manifest `<table>_<yyyymmdd>.json` beside
it: `{"rows": 1234, "sha256": "…"}`. What has no manifest is still being copied, and is not looked
at. One that breaks a promise is refused, with its reason, and the one before it goes on serving:
an older truth with its date is better than a new half.
"""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import io
import re
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from threading import Lock
from typing import Annotated
from urllib.parse import unquote

import msgspec
from msgspec import Meta, Struct
from python_calamine import CalamineError, CalamineWorkbook

from hub.core.moment import Clock, utc_now
from hub.wire.table import MOST_ROWS, TableQuestion, TableRows, TableTrouble
from hub.wire.table_sql import cell

LARGEST_BYTES = 256 * 1024 * 1024
"""Of a file, and of what an Excel file unpacks to."""
LOOKED_AT = 12
"""Deliveries that are considered, the newest first."""

Row = dict[str, str | None]


class Manifest(Struct, frozen=True):
    """What whoever delivers says of a delivery."""

    rows: Annotated[int, Meta(ge=0)]
    sha256: Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]


class NotBelieved(Exception):
    """A delivery that breaks a promise; says which, and holds no value."""


class Loaded(Struct, frozen=True):
    """A delivery in memory: of the declared columns alone, by the normal form of the key."""

    rows: dict[str, list[Row]]


class DeliveredTable:
    """The deliveries of a folder. What is in memory is what serves now."""

    def __init__(self, folder: str, clock: Clock = utc_now) -> None:
        self._folder, self._clock = Path(unquote(folder)), clock
        self._kept: dict[object, Loaded | str] = {}
        self._lock = Lock()

    def read(self, question: TableQuestion) -> TableRows:
        with self._lock:
            name, loaded, refused = self._serving(question)
        found = loaded.rows.get(_normal(question.value), []) if question.value else []
        return TableRows(
            as_of=_day(name).isoformat(),
            rows=found[:MOST_ROWS],
            truncated=len(found) > MOST_ROWS,
            delivery=name,
            refused=refused,
        )

    def close(self) -> None:
        self._kept.clear()

    def _serving(self, question: TableQuestion) -> tuple[str, Loaded, dict[str, str]]:
        """The newest delivery that is believed, and the newer ones that are not."""
        refused: dict[str, str] = {}
        files = self._deliveries(question.table)
        looked_at = {self._mark(file, question) for file in files}
        self._kept = {mark: kept for mark, kept in self._kept.items() if mark in looked_at}
        for place, file in enumerate(files):
            try:
                return file.name, self._believed(file, files[place + 1 :], question), refused
            except NotBelieved as error:
                refused[file.name] = str(error)
        why = "; ".join(f"{name}: {reason}" for name, reason in refused.items())
        raise TableTrouble(503, why or "no delivery")

    def _deliveries(self, table: str) -> list[Path]:
        """Files with a manifest, the newest first; none of a day to come."""
        shape = re.compile(rf"{re.escape(table)}_[0-9]{{8}}\.(csv|xlsx)")
        try:
            found = [file for file in self._folder.iterdir() if shape.fullmatch(file.name)]
        except OSError:
            raise TableTrouble(503, "the folder of deliveries cannot be read") from None
        today = self._clock().date()
        dated = [(day, file) for file in found if (day := _day_of(file.name)) and day <= today]
        whole = [pair for pair in dated if pair[1].with_suffix(".json").is_file()]
        return [file for _, file in sorted(whole, reverse=True)][:LOOKED_AT]

    def _believed(self, file: Path, earlier: list[Path], question: TableQuestion) -> Loaded:
        mark = self._mark(file, question)
        if mark not in self._kept:
            try:
                self._kept[mark] = self._loaded(file, earlier, question)
            except NotBelieved as error:
                self._kept[mark] = str(error)
        kept = self._kept[mark]
        if isinstance(kept, str):
            raise NotBelieved(kept)
        return kept

    def _mark(self, file: Path, question: TableQuestion) -> object:
        """What a verdict about a delivery holds for: these bytes, by these rules."""
        stamps = []
        for path in (file, file.with_suffix(".json")):
            try:
                found = path.stat()
                stamps.append((found.st_mtime_ns, found.st_size, found.st_ino))
            except OSError:
                stamps.append((0, 0, 0))
        return file.name, tuple(stamps), question.columns, question.key, question.delivery

    def _loaded(self, file: Path, earlier: list[Path], question: TableQuestion) -> Loaded:
        manifest = _manifest(file)
        before = next((found for path in earlier if (found := _stated(path))), None)
        if before and manifest.rows < before.rows * question.delivery.keep_share:
            raise NotBelieved("it shrank")
        content = _bytes(file)
        if hashlib.sha256(content).hexdigest() != manifest.sha256:
            raise NotBelieved("not the bytes that its manifest names")
        lines = _workbook(content) if file.suffix == ".xlsx" else _lines(content, question)
        return _indexed(lines, manifest.rows, question)


def _indexed(lines: Iterator[list[str | None]], stated: int, question: TableQuestion) -> Loaded:
    """The rows by their key; NotBelieved for other columns, another number, or one row twice."""
    places = _places(next(lines, []), question)
    unique = question.delivery.unique or question.columns
    found: dict[str, list[Row]] = {}
    seen: set[tuple[str | None, ...]] = set()
    for line in lines:
        if len(line) <= max(places.values()):
            raise NotBelieved("a row that is too short")
        row = {name: (line[places[name]] or "").strip() or None for name in places}
        mark = tuple(row[name] for name in unique)
        if mark in seen:
            raise NotBelieved("a row stands twice")
        seen.add(mark)
        key = row[question.key]
        if key is None:
            raise NotBelieved("a row of nobody")
        kept = {name: row[name] for name in question.columns}
        found.setdefault(_normal(key), []).append(kept)
    if len(seen) != stated:
        raise NotBelieved("another number of rows than its manifest says")
    return Loaded(found)


def _places(header: Iterable[str | None], question: TableQuestion) -> dict[str, int]:
    """Where each wanted column stands; what was not declared is never kept."""
    names = [(name or "").strip() for name in header]
    wanted = dict.fromkeys((*question.columns, question.key, *question.delivery.unique))
    if any(names.count(name) != 1 for name in wanted):
        raise NotBelieved("other columns than were declared")
    return {name: names.index(name) for name in wanted}


def _lines(content: bytes, question: TableQuestion) -> Iterator[list[str | None]]:
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


def _workbook(content: bytes) -> Iterator[list[str | None]]:
    """The rows of the first sheet; NotBelieved for what is no workbook, or unpacks to too much."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            if sum(part.file_size for part in packed.infolist()) > LARGEST_BYTES:
                raise NotBelieved("too large")
        sheet = CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0)
        rows = sheet.to_python(skip_empty_area=False)
    except (zipfile.BadZipFile, CalamineError, IndexError):
        raise NotBelieved("not a workbook") from None
    for row in rows:
        line = [cell(value) for value in row]
        if any(line):
            yield line


def _manifest(file: Path) -> Manifest:
    try:
        return msgspec.json.decode(file.with_suffix(".json").read_bytes(), type=Manifest)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        raise NotBelieved("its manifest cannot be read") from None


def _stated(file: Path) -> Manifest | None:
    try:
        return _manifest(file)
    except NotBelieved:
        return None


def _bytes(file: Path) -> bytes:
    try:
        if file.stat().st_size > LARGEST_BYTES:
            raise NotBelieved("too large")
        return file.read_bytes()
    except OSError:
        raise NotBelieved("it cannot be read") from None


def _normal(text: str) -> str:
    return text.strip().upper()


def _day(name: str) -> dt.date:
    digits = name.rpartition("_")[2][:8]
    return dt.date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))


def _day_of(name: str) -> dt.date | None:
    try:
        return _day(name)
    except ValueError:
        return None
