"""Dated deliveries in a folder: the newest one that keeps its promises is the table.

A delivery is `<table>_<yyyymmdd>.csv` or `.xlsx` with a manifest `<table>_<yyyymmdd>.json` beside
it: `{"rows": 1234, "sha256": "…"}`. What has no manifest is still being copied, and is not looked
at. One that breaks a promise is refused, with its reason, and the one before it goes on serving:
an older truth with its date is better than a new half.
"""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from threading import Lock
from urllib.parse import unquote

from hub.core.moment import Clock, utc_now
from hub.wire.table import MOST_ROWS, TableQuestion, TableRows, TableTrouble
from hub.wire.table_file import Index, Manifest, NotBelieved, read_delivery, read_manifest

LOOKED_AT = 12
"""Deliveries that are considered, the newest first."""


class DeliveredTable:
    """The deliveries of a folder. What is in memory is what serves now."""

    def __init__(self, folder: str, clock: Clock = utc_now) -> None:
        self._folder, self._clock = Path(unquote(folder)), clock
        self._kept: dict[object, Index | str] = {}
        self._lock = Lock()

    def read(self, question: TableQuestion) -> TableRows:
        with self._lock:
            name, loaded, refused = self._serving(question)
        found = loaded.about(question.value) if question.value else []
        return TableRows(
            as_of=_day(name).isoformat(),
            rows=found[:MOST_ROWS],
            truncated=len(found) > MOST_ROWS,
            delivery=name,
            refused=refused,
        )

    def close(self) -> None:
        self._kept.clear()

    def _serving(self, question: TableQuestion) -> tuple[str, Index, dict[str, str]]:
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

    def _believed(self, file: Path, earlier: list[Path], question: TableQuestion) -> Index:
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

    def _loaded(self, file: Path, earlier: list[Path], question: TableQuestion) -> Index:
        manifest = read_manifest(file)
        before = next((found for path in earlier if (found := _stated(path))), None)
        if before and manifest.rows < before.rows * question.delivery.keep_share:
            raise NotBelieved("it shrank")
        return read_delivery(file, manifest, question)


def _stated(file: Path) -> Manifest | None:
    try:
        return read_manifest(file)
    except NotBelieved:
        return None


def _day(name: str) -> dt.date:
    digits = name.rpartition("_")[2][:8]
    return dt.date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))


def _day_of(name: str) -> dt.date | None:
    try:
        return _day(name)
    except ValueError:
        return None
