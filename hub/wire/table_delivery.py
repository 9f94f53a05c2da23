"""Dated deliveries in a folder: the newest one that keeps its promises is the table.

A delivery is `<table>_<yyyymmdd>.csv` or `.xlsx` with a manifest `<table>_<yyyymmdd>.json` beside
it: `{"rows": 1234, "sha256": "…"}`. What has no manifest is still being copied, and is not looked
at. One that breaks a promise is refused, with its reason, and the one before it goes on serving:
an older truth with its date is better than a new half.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from urllib.parse import unquote

import msgspec
from msgspec import Struct

from hub.core.moment import Clock, utc_now
from hub.wire.table import MOST_ROWS, TableQuestion, TableRows, TableTrouble
from hub.wire.table_file import Index, NotBelieved, read_delivery, read_manifest

LOOKED_AT = 12
"""Deliveries that are considered, the newest first."""


class Delivered(Struct, frozen=True):
    """A delivery in the folder: these bytes of it, as far as its stamps tell."""

    file: Path
    stamps: tuple[int, ...]


class Serving(Struct, frozen=True):
    """The delivery that answers, and what lay in the folder when it was chosen."""

    delivery: Delivered
    index: Index
    refused: dict[str, str]
    """The newer ones, and why."""
    seen: list[Delivered]


class DeliveredTable:
    """The deliveries of a folder. In memory is the one that serves, and the next while it is read.

    One thread reads. As long as the file that serves lies in the folder, nobody waits for it.
    """

    def __init__(self, folder: str, clock: Clock = utc_now) -> None:
        self._folder, self._clock = Path(unquote(folder)), clock
        self._serving: dict[TableQuestion, Serving] = {}
        self._choosing: dict[TableQuestion, Future[Serving]] = {}
        self._broken: dict[tuple[Delivered, TableQuestion], str] = {}
        self._lock = Lock()
        self._reader = ThreadPoolExecutor(max_workers=1, thread_name_prefix="deliveries")

    def read(self, question: TableQuestion) -> TableRows:
        rules = msgspec.structs.replace(question, value=None, reference="")
        serving = self._now(rules, self._looked_at(question.table))
        found = serving.index.about(question.value) if question.value else []
        name = serving.delivery.file.name
        return TableRows(
            as_of=_day(name).isoformat(),
            rows=found[:MOST_ROWS],
            truncated=len(found) > MOST_ROWS,
            delivery=name,
            refused=serving.refused,
        )

    def close(self) -> None:
        self._reader.shutdown(wait=False, cancel_futures=True)
        self._serving.clear()

    def _now(self, rules: TableQuestion, seen: list[Delivered]) -> Serving:
        """What serves. Where the folder changed, another choice is begun.

        It is awaited only where what served is there no more.
        """
        with self._lock:
            serving = self._serving.get(rules)
            if serving and serving.seen == seen:
                return serving
            choice = self._choosing.get(rules)
            if choice is None or choice.done():
                choice = self._choosing[rules] = self._reader.submit(self._choose, rules)
        return serving if serving and serving.delivery in seen else choice.result()

    def _choose(self, rules: TableQuestion) -> Serving:
        """The newest delivery that is believed. Raises TableTrouble where there is none."""
        seen = self._looked_at(rules.table)
        self._broken = {
            (one, by): why for (one, by), why in self._broken.items() if by != rules or one in seen
        }
        refused: dict[Delivered, str] = {}
        chosen = self._newest_believed(seen, rules, refused)
        if chosen is None:
            why = "; ".join(f"{one.file.name}: {refused[one]}" for one in seen)
            raise TableTrouble(503, why or "no delivery")
        delivery, index = chosen
        newer = {one.file.name: refused[one] for one in seen[: seen.index(delivery)]}
        serving = Serving(delivery, index, newer, seen)
        with self._lock:
            self._serving[rules] = serving
        return serving

    def _newest_believed(
        self, seen: list[Delivered], rules: TableQuestion, refused: dict[Delivered, str]
    ) -> tuple[Delivered, Index] | None:
        """Each against the newest believed one before it; no more are read than that takes.

        What has enough rows beside all before it has them beside whichever of them is believed:
        the search goes down to such a one, and from there up again.
        """
        rows, share = _stated(seen, refused), rules.delivery.keep_share
        dated, chosen = list(rows), None
        undecided: list[Delivered] = []
        for place, one in enumerate(dated, 1):
            most = max((rows[older] for older in dated[place:]), default=0)
            if rows[one] >= most * share and (index := self._whole(one, rules, refused)):
                chosen = one, index
                break
            undecided.append(one)
        for one in reversed([each for each in undecided if each not in refused]):
            if chosen and rows[one] < rows[chosen[0]] * share:
                refused[one] = "it shrank"
            elif index := self._whole(one, rules, refused):
                chosen = one, index
        return chosen

    def _whole(
        self, one: Delivered, rules: TableQuestion, refused: dict[Delivered, str]
    ) -> Index | None:
        """Its rows, where it keeps what its manifest and the rules say; else why it is refused."""
        serving = self._serving.get(rules)
        if serving and serving.delivery == one:
            return serving.index
        if (one, rules) not in self._broken:
            try:
                return read_delivery(one.file, read_manifest(one.file), rules)
            except NotBelieved as error:
                self._broken[one, rules] = str(error)
        refused[one] = self._broken[one, rules]
        return None

    def _looked_at(self, table: str) -> list[Delivered]:
        """Files with a manifest, the newest first; none of a day to come."""
        shape = re.compile(rf"{re.escape(table)}_[0-9]{{8}}\.(csv|xlsx)")
        try:
            found = [file for file in self._folder.iterdir() if shape.fullmatch(file.name)]
        except OSError:
            raise TableTrouble(503, "the folder of deliveries cannot be read") from None
        today = self._clock().date()
        dated = [(day, file) for file in found if (day := _day_of(file.name)) and day <= today]
        whole = [pair for pair in dated if pair[1].with_suffix(".json").is_file()]
        newest = [file for _, file in sorted(whole, reverse=True)][:LOOKED_AT]
        return [Delivered(file, _stamps(file)) for file in newest]


def _stated(seen: Iterable[Delivered], refused: dict[Delivered, str]) -> dict[Delivered, int]:
    """How many rows each is said to have; refused is what nobody can read about."""
    rows = {}
    for one in seen:
        try:
            rows[one] = read_manifest(one.file).rows
        except NotBelieved as error:
            refused[one] = str(error)
    return rows


def _stamps(file: Path) -> tuple[int, ...]:
    """What changes with the bytes of a file or of its manifest."""
    stamps: list[int] = []
    for path in (file, file.with_suffix(".json")):
        try:
            found = path.stat()
        except OSError:
            continue
        stamps += (found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino)
    return tuple(stamps)


def _day(name: str) -> dt.date:
    digits = name.rpartition("_")[2][:8]
    return dt.date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))


def _day_of(name: str) -> dt.date | None:
    try:
        return _day(name)
    except ValueError:
        return None
