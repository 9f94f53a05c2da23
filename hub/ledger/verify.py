"""Verify a ledger without trusting the program that wrote it.

This one file needs Python and the `cryptography` package alone, and runs as `python -I
verify.py ledger.db --key log.pub [--checkpoint FILE ...]` on a copy or on the live store, which
it only reads. It recomputes every leaf, tree node, digest and signature, and names what is not
as it was written. A checkpoint kept elsewhere shows truncation, roll-back and forks.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import os
import re
import sqlite3
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

MAX_FINDINGS = 1000
_CHUNK, _STEP = 1 << 11, 1 << 16
_RECORDS = (
    "SELECT leaf.idx, kind, id, coalesce(CAST(header AS BLOB), x''), CAST(data AS BLOB) FROM leaf"
    " LEFT JOIN sealed USING (idx) WHERE leaf.idx >= ? AND leaf.idx < ? ORDER BY leaf.idx"
)
_UNSIGNED, _MAX_UNSIGNED_MS = "SELECT CAST(header AS BLOB) FROM leaf WHERE idx >= ?", 60_000
_STRAY = "SELECT idx, kind, id FROM leaf WHERE idx < 0 OR idx >= ? LIMIT 10"
_NODES = "SELECT idx, CAST(hash AS BLOB) FROM node WHERE level = ? AND idx >= ? AND idx < ?"
_NODES_BEYOND = "SELECT level, idx FROM node WHERE idx >= (? >> level) OR idx < 0 LIMIT 10"
_GOVERNED = {
    "data_key": "id, subject, retention, period, wrapping, lower(hex(wrapped)), state",
    "hold": "id, subject",
    "released": "id, until",
}
_OLD_KEYS = "SELECT id, subject, retention, '', wrapping, lower(hex(wrapped)), 'open' FROM data_key"
_NOTE = re.compile(
    r"(?P<text>(?P<origin>[^\n]+)\n(?P<size>0|[1-9][0-9]{0,18})\n(?P<root>[A-Za-z0-9+/]{43}=)\n)"
    r"\n(?P<signatures>(?:— [^\s+]+ [A-Za-z0-9+/]+={0,2}\n)+)"
)
_EMPTY, _WHOLE, _OUTSIDE = hashlib.sha256(b"").digest(), "ledger", "outside checkpoint"
_DEEDS = frozenset({"key_digest", "others", "tables", "log_key"})
_scan = json.scanner.make_scanner(json.JSONDecoder())  # type: ignore[attr-defined] # not in its stubs
_FORMATS, _HALVES = (1, 2, 3), frozenset({"sent", "outcome"})
_NO_HEADER = (StopIteration, ValueError, LookupError, TypeError, AttributeError, RecursionError)
_Row = tuple[int, str, str, bytes, bytes | None]
_Say = Callable[[str], object]
_Keys = dict[tuple[str, bytes], Ed25519PublicKey]


class Finding(NamedTuple):
    """What is not as it was written, and where: `record 7 (outcome 01J…)`."""

    place: str
    reason: str


@dataclass
class Report:
    """What was seen and found; the records beyond `covered` are under no good checkpoint."""

    records: int = 0
    checkpoints: int = 0
    covered: int = 0
    without_outcome: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether the ledger is as it was written, as far as its own content can show."""
        return not self.findings


def verify_ledger(
    path: Path,
    public_key: str,
    checkpoints: Sequence[str] = (),
    progress: _Say = str,
    *,
    is_strict: bool = True,
) -> Report:
    """Check the ledger at *path* against *public_key* (C2SP verifier keys, one a line).

    *checkpoints* are signed notes that were kept elsewhere. Raises ValueError for a key that
    is none, and OSError when there is no such file; all else is a finding. Texts that are no
    UTF-8 end a strict pass; then a slower one names them.
    """
    keys, report = dict(_key(line) for line in public_key.split("\n") if line), Report()
    if not keys:
        raise ValueError("no public key was given")
    try:
        with closing(_open(path, is_strict=is_strict)) as db, ThreadPoolExecutor(1) as pool:
            damage = pool.submit(_damage, path)
            db.execute("BEGIN")
            _Audit(db, report, keys).run(checkpoints, progress)
            report.findings += damage.result()
    except (sqlite3.Error, TypeError, ValueError) as error:
        if is_strict and "decode" in str(error):
            return verify_ledger(path, public_key, checkpoints, progress, is_strict=False)
        why = f"cannot be read as a ledger after {report.records} records: {error}"
        report.findings.append(Finding(_WHOLE, why))
    return report


class _Audit:
    """One pass over one snapshot of the store."""

    def __init__(self, db: sqlite3.Connection, report: Report, keys: _Keys) -> None:
        self.db, self.report, self.keys, self.payloads, self.origin = db, report, keys, 0, ""
        self.announced: dict[int, _Keys] = {}  # log keys that records name, till signed for
        self.heads: list[tuple[int, str, re.Match[str]]] = []  # size, place and note
        self.stack: list[bytes] = []  # hashes of the complete subtrees, from left to right
        self.waiting: dict[str, int] = {}
        self.due: dict[tuple[str, str], tuple[str | None, str]] = {}  # row -> digest, record
        self.others: set[tuple[str, str]] = set()  # data key and co-subject
        self.row: _Row | None = None  # in hand

    def add(self, reason: str, place: str = "") -> None:
        """Note a finding at *place* or at the record in hand, unless there are too many."""
        if len(self.report.findings) < MAX_FINDINGS:
            self.report.findings.append(Finding(place or self.here(), reason))

    def here(self) -> str:
        return _place(*self.row[:3]) if self.row else _WHOLE

    def run(self, outside: Sequence[str], progress: _Say) -> None:
        meta = dict(self.db.execute("SELECT name, value FROM meta"))
        if meta.get("format") not in ("1", "2"):
            self.add("a format that this verifier does not know")
        self.origin = meta.get("origin", "")
        self.open_heads(outside)
        self.judge(0, [])
        self.records(progress)
        while self.heads:
            size, place, note = self.heads.pop()
            if self.is_signed(place, note):
                self.contradict(place, f"covers {size} records: truncated or rolled back")
        self.unsigned(self.report.covered)
        self.leftovers(is_first=meta.get("format") == "1")

    def open_heads(self, outside: Sequence[str]) -> None:
        rows = self.db.execute("SELECT seq, size, note FROM checkpoint ORDER BY seq").fetchall()
        if not rows and self.db.execute("SELECT 1 FROM leaf").fetchone():
            self.add("its checkpoints are gone: one is signed before the first record")
        notes = [(f"checkpoint {seq}", size, note) for seq, size, note in rows]
        notes += [(f"{_OUTSIDE} {n}", None, note) for n, note in enumerate(outside, 1)]
        for number, (place, size, note) in enumerate(notes, 1):
            match = _NOTE.fullmatch(note)
            if match is None or not _is_canonical(match["root"]):
                self.add("is not a checkpoint in its canonical form", place)
                continue
            self.heads.append((int(match["size"]), place, match))
            if size is not None and (place, size) != (f"checkpoint {number}", int(match["size"])):
                self.add("its row has another size, or one before it is missing", place)
        self.heads = sorted(self.heads, key=lambda head: head[0])[::-1]  # the next one stands last

    def records(self, progress: _Say) -> None:
        size = 0
        while end := self.chunk(size):
            size = end
            if size % _CHUNK:
                break
            if size % _STEP == 0:
                progress(f"{size} records\n")
        for index, kind, name in self.db.execute(_STRAY, (size,)):
            self.add(f"stands where record {size} is due", f"record {index} ({kind} {name})")
        for level, index in self.db.execute(_NODES_BEYOND, (size,)):
            self.add("belongs to no record", f"tree node {level}/{index}")

    def chunk(self, start: int) -> int | None:
        """Check up to _CHUNK records and the tree over them; where they end, None at the end."""
        rows = self.db.execute(_RECORDS, (start, start + _CHUNK)).fetchall()
        level = self.leaves(start, rows)
        if not level:
            return None
        end, levels, index = start + len(level), [level], start
        while len(level) > 1:
            level = [_node(left, right) for left, right in zip(level[::2], level[1::2])]  # noqa: B905
            index >>= 1
            self.compare(len(levels), index, level)
            levels.append(level)
        self.headers(rows[: end - start])
        while self.heads and self.heads[-1][0] <= end:
            self.judge(self.heads[-1][0], _peaks(levels, self.heads[-1][0] - start))
        self.stack += _peaks(levels, end - start)
        depth = len(levels) - 1
        while end - start == _CHUNK and index & 1:
            right, left = self.stack.pop(), self.stack.pop()
            self.stack.append(_node(left, right))
            depth, index = depth + 1, index >> 1
            self.compare(depth, index, self.stack[-1:])
        return end

    def leaves(self, start: int, rows: list[_Row]) -> list[bytes]:
        """The leaf hashes from *start* on, as stored so that an altered one hides no other."""
        sha256 = hashlib.sha256
        due = [sha256(b"\0" + row[3]).digest() for row in rows]
        found = self.db.execute(_NODES, (0, start, start + _CHUNK)).fetchall()
        if found == [*enumerate(due, start)] and (not rows or rows[-1][0] == start + len(due) - 1):
            return due
        places = {row[0]: _place(*row[:3]) for row in rows}
        own, held = {row[0]: hash_ for row, hash_ in zip(rows, due)}, dict(found)  # noqa: B905
        hashes: list[bytes] = []
        for index in range(start, start + _CHUNK):
            if index not in own and index not in held:
                break
            if index not in own:
                self.add("is missing", f"record {index}")
            elif index not in held:
                self.add("is not in the tree", places[index])
            elif own[index] != held[index]:
                self.add("its header is not the one in the tree", places[index])
            hashes.append(held.get(index) or own.get(index) or b"")
        return hashes

    def compare(self, level: int, first: int, due: list[bytes]) -> None:
        """Hold the stored nodes of a level, from *first* on, against those that are *due*."""
        found = self.db.execute(_NODES, (level, first, first + len(due))).fetchall()
        if found == [*enumerate(due, first)]:
            return
        held = dict(found)
        for index, hash_ in enumerate(due, first):
            if held.get(index) != hash_:
                span = f"{index << level} to {(index + 1 << level) - 1}"
                node = f"tree node {level}/{index} over records {span}"
                self.add("is missing or not the hash of those below it", node)

    def judge(self, size: int, peaks: list[bytes]) -> None:
        """Compare the tree of the stack and *peaks* with the checkpoints of this size."""
        while self.heads and self.heads[-1][0] == size:
            _, place, note = self.heads.pop()
            if not self.is_signed(place, note):
                continue
            hashes = reversed(self.stack + peaks or [_EMPTY])
            root = reduce(lambda right, left: _node(left, right), hashes)
            if base64.b64decode(note["root"]) != root:
                span = f"{self.report.covered} to {size - 1}"
                self.contradict(place, f"signs other records in {span}: altered or forked")
                continue
            self.report.covered = size
            for index in [index for index in self.announced if index < size]:
                self.keys |= self.announced.pop(index)

    def is_signed(self, place: str, note: re.Match[str]) -> bool:
        try:
            _check_signatures(note, self.origin, self.keys)
        except ValueError as error:
            self.add(str(error), place)
            return False
        self.report.checkpoints += not place.startswith(_OUTSIDE)
        return True

    def contradict(self, place: str, reason: str) -> None:
        """Every stored checkpoint after a stored one that contradicts does too: one line will do."""
        self.add(reason, place)
        if not place.startswith(_OUTSIDE):
            self.heads = [head for head in self.heads if head[1].startswith(_OUTSIDE)]

    def unsigned(self, start: int) -> None:
        """Heads are signed every second while the log grows: see that none was taken away."""
        moments: list[int] = []
        for (raw,) in self.db.execute(_UNSIGNED, (start,)):
            with suppress(*_NO_HEADER):
                moments.append(int(_scan(raw.decode(), 0)[0]["at"]))
        if moments and max(moments) - min(moments) > _MAX_UNSIGNED_MS:
            self.add("the checkpoints over them are gone", f"records from {start} on")

    def headers(self, rows: list[_Row]) -> None:
        """Hold each header and sealed payload against its row; one loop, for speed."""
        sha256, formats, payloads = hashlib.sha256, _FORMATS, 0
        for self.row in rows:
            index, kind, name, raw, data = self.row
            try:
                text = raw.decode()
                header, end = _scan(text, 0)
                filed = header["kind"] == kind and header["id"] == name and end == len(text)
                if not (filed and header["format"] in formats and type(header["at"]) is int):
                    self.add("its row is filed as another record, or its format is unknown")
                if not _DEEDS.isdisjoint(header):
                    self.deeds(index, header)
            except _NO_HEADER:
                self.add("its header is not that of a record")
                continue
            if header.get("sealed") != (None if data is None else sha256(data).hexdigest()):
                self.add("its sealed payload is not the one that was written")
            payloads += data is not None
            if kind in _HALVES:
                self.pair(index, kind, name)
        self.row, self.payloads = None, self.payloads + payloads
        self.report.records += len(rows)

    def pair(self, index: int, kind: str, name: str) -> None:
        """Keep the list of exchanges without outcome."""
        if kind == "outcome":
            if self.waiting.pop(name, None) is None:
                self.add("is an outcome without a sent before it")
        elif self.waiting.setdefault(name, index) != index:
            self.add("was sent before")

    def deeds(self, index: int, header: dict[str, Any]) -> None:
        """What a record says of rows beside the tree, and of log keys to come."""
        if "key_digest" in header:
            self.due["data_key", header["key"]] = (header["key_digest"], self.here())
        keys = [header["key"]] if "sealed" in header else header.get("keys", ())
        self.others.update((key, other) for key in keys for other in header.get("others", ()))
        for table, rows in header.get("tables", {}).items():
            self.due.update({(table, id_): (due, self.here()) for id_, due in rows.items()})
        if "log_key" in header:
            self.announced[index] = dict([_key(header["log_key"])])

    def leftovers(self, *, is_first: bool) -> None:
        """What stands in the store beside the records."""
        self.report.without_outcome = len(self.waiting)
        if dict(self.db.execute("SELECT id, idx FROM open_exchange")) != self.waiting:
            self.add("the list of exchanges without outcome is not that of the records")
        held = self.db.execute("SELECT count(*) FROM sealed").fetchone()[0]
        if held != self.payloads:
            self.add(f"keeps {held} payloads; the records name {self.payloads}")
        for table, columns in _GOVERNED.items():
            if table == "data_key" or not is_first:
                query = _OLD_KEYS if is_first else f"SELECT {columns} FROM {table}"  # noqa: S608 - ours  # nosec B608
                self.governed(table, self.db.execute(query).fetchall())
        gone = {k for (table, k), (due, _) in self.due.items() if table == "data_key" and not due}
        there = set() if is_first else {*self.db.execute("SELECT key, subject FROM co_subject")}
        if there != {row for row in self.others if row[0] not in gone}:
            self.add("the list of people in the payloads of others is not that of the records")

    def governed(self, table: str, rows: list[tuple[Any, ...]]) -> None:
        """Hold the rows of a table against the digests that the last records gave them."""
        held = {row[0]: row for row in rows}
        for (_, id_), (due, place) in [item for item in self.due.items() if item[0][0] == table]:
            row = held.pop(id_, None)
            fits: set[str | None] = {None} if row is None else {_digest(row)}
            if row and row[3:4] + row[6:] == ("", "open"):  # as format 1 named it
                fits.add(_digest((*row[:3], *row[4:6])))
            if due not in fits:
                self.add(f"its {table} is missing, altered, or there though it was ended", place)
        for _ in held:
            self.add(f"keeps a row of {table} that no record made")


def _digest(row: tuple[Any, ...]) -> str:
    return hashlib.sha256("\n".join(map(str, row)).encode()).hexdigest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def _key(line: str) -> tuple[tuple[str, bytes], Ed25519PublicKey]:
    name, hint, text = (*line.strip().split("+", 2), "", "")[:3]
    raw = base64.b64decode(text, validate=True)
    due = hashlib.sha256(name.encode() + b"\n" + raw).digest()[:4]
    if raw[:1] != b"\x01" or due.hex() != hint:
        raise ValueError("not an Ed25519 verifier key in the form name+hint+key")
    return (name, due), Ed25519PublicKey.from_public_bytes(raw[1:])


def _is_canonical(text: str) -> bool:
    return base64.b64encode(base64.b64decode(text)).decode() == text


def _check_signatures(note: re.Match[str], origin: str, keys: _Keys) -> None:
    """ValueError says what is wrong with the signatures of a checkpoint."""
    signed = False
    for line in note["signatures"].splitlines():
        _, name, value = line.split(" ")
        raw = base64.b64decode(value, validate=True)
        if _is_canonical(value) and (name, raw[:4]) in keys:
            try:
                keys[name, raw[:4]].verify(raw[4:], note["text"].encode())
            except InvalidSignature:
                raise ValueError("its signature does not verify") from None
            signed = signed or name == note["origin"] == origin
    if not signed:
        raise ValueError("is not signed for this log by the given key")


def _peaks(levels: list[list[bytes]], count: int) -> list[bytes]:
    """The complete subtrees that make up the first *count* leaves of a chunk."""
    depths = [depth for depth in reversed(range(len(levels))) if count >> depth & 1]
    return [levels[depth][(count >> depth) - 1] for depth in depths]


def _damage(path: Path) -> list[Finding]:
    """What SQLite itself finds; beside the other checks, on a connection of its own."""
    with closing(_open(path, is_strict=False)) as db:
        faults = [fault for (fault,) in db.execute("PRAGMA integrity_check(20)")]
    return [Finding(_WHOLE, f"the database file is damaged: {f}") for f in faults if f != "ok"]


def _place(index: int, kind: str, name: str) -> str:
    return f"record {index} ({kind} {name})"


def _open(path: Path, *, is_strict: bool) -> sqlite3.Connection:
    """A reading connection, also where nothing can be written and no log is to be replayed."""
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path.name}")
    replays = path.with_name(path.name + "-wal").exists() or os.access(path.parent, os.W_OK)
    address = f"file:{quote(str(path))}?mode=ro" + ("" if replays else "&immutable=1")
    db = sqlite3.connect(address, uri=True, isolation_level=None)
    if not is_strict:
        db.text_factory = lambda raw: raw.decode("utf-8", "replace")
    return db


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; 0 when nothing was found, 1 when something was, 2 when it cannot run."""
    parser = argparse.ArgumentParser(description="Verify a ledger independently of the hub.")
    parser.add_argument("ledger", type=Path)
    parser.add_argument("--key", type=Path, required=True, help="the log's public key (log.pub)")
    parser.add_argument("--checkpoint", type=Path, action="append", default=[])
    given = parser.parse_args(arguments)
    try:
        notes = [file.read_bytes().decode("utf-8", "replace") for file in given.checkpoint]
        report = verify_ledger(given.ledger, given.key.read_text("utf-8"), notes, sys.stderr.write)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"cannot verify: {error}\n")
        return 2
    sys.stdout.writelines(f"FOUND {place}: {reason}\n" for place, reason in report.findings)
    sys.stdout.write(
        f"{report.records} records, {report.covered} under {report.checkpoints} good checkpoints,"
        f" {report.without_outcome} without outcome: {len(report.findings) or 'no'} findings\n"
    )
    return 0 if report.ok else 1


if __name__ == "__main__":
    sys.exit(main())
